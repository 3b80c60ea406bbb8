use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::{
            fs::PermissionsExt,
            net::{UnixDatagram, UnixListener, UnixStream},
        },
    },
    sync::Arc,
};

use adit_varlink::{Client, ListenError, Listener};

use crate::{
    raw::in_time,
    store::{Find, Store, router},
};

#[tokio::test]
async fn a_socket_is_replaced_only_if_nobody_answers() {
    in_time(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");

        // Dropped, it leaves its file behind, as a service that crashed does.
        drop(UnixListener::bind(&path).unwrap());
        let running = Listener::bind(&path, 0o640).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);

        assert!(matches!(Listener::bind(&path, 0o640), Err(ListenError::AlreadyRunning { .. })));
        drop(running);
        Listener::bind(&path, 0o640).unwrap();

        let file = directory.path().join("file");
        fs::write(&file, "precious").unwrap();
        assert!(matches!(Listener::bind(&file, 0o640), Err(ListenError::NotASocket { .. })));
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    })
    .await;
}

#[tokio::test]
async fn an_inherited_socket_is_served_if_it_listens() {
    in_time(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let inherited = UnixListener::bind(&path).unwrap();
        let listener = Listener::inherited(inherited.into()).unwrap();
        tokio::spawn(listener.serve(Arc::new(router()), Store::new()));
        Client::connect(&path).await.unwrap().call(&Find { length: 1 }).await.unwrap();

        let wrong: [OwnedFd; 3] = [
            UnixStream::pair().unwrap().0.into(),
            UnixDatagram::pair().unwrap().0.into(),
            fs::File::open("/dev/null").unwrap().into(),
        ];
        for fd in wrong {
            assert!(matches!(Listener::inherited(fd), Err(ListenError::NotListening)));
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_the_listener_drops_its_connections() {
    in_time(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = Listener::bind(&path, 0o600).unwrap();
        let serving = tokio::spawn(listener.serve(Arc::new(router()), Store::new()));
        let mut client = Client::connect(&path).await.unwrap();
        client.call(&Find { length: 1 }).await.unwrap();
        serving.abort();
        let _ = serving.await;
        assert!(client.call(&Find { length: 1 }).await.is_err());
    })
    .await;
}
