use std::{
    io::{self, PipeReader},
    os::fd::AsFd,
    process,
    sync::Arc,
};

use adit_varlink::{
    CallError, Client, Empty, Method, NoError, Router, ServiceError, WireError, serve_stream,
};
use futures_util::{StreamExt, TryStreamExt};
use rustix::io::{FdFlags, fcntl_getfd};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::UnixStream;

use crate::{
    raw::{Raw, in_time},
    store::{
        Count, Counted, Erase, Find, Flood, Found, Mark, Service, Store, StoreError, Swap, WhoAmI,
        info, read_all, router,
    },
};

#[test]
fn calls_are_typed_both_ways() {
    let service = Service::start();
    service.run(async {
        let mut client = Client::connect(&service.path).await.unwrap();
        assert_eq!(client.call(&Find { length: 1 }).await.unwrap(), Found { text: "x".into() });
        assert!(matches!(
            client.call(&Find { length: 0 }).await,
            Err(CallError::Api(StoreError::NoSuchText { length: 0 }))
        ));
        assert!(matches!(
            client.call_with_fds(&Swap { text: String::new() }, &[]).await,
            Err(CallError::Api(StoreError::Closed))
        ));
        assert!(matches!(
            client.call(&Erase { all: true }).await,
            Err(CallError::Service(ServiceError::PermissionDenied { message })) if message == "nobody may do this"
        ));
        assert!(matches!(
            client.call(&Count { to: 1 }).await,
            Err(CallError::Service(ServiceError::ExpectedMore {}))
        ));

        let who = client.call(&WhoAmI {}).await.unwrap();
        assert_eq!(who.uid, rustix::process::getuid().as_raw());
        assert_eq!(who.gid, rustix::process::getgid().as_raw());
        let own = i32::try_from(process::id()).unwrap();
        assert_eq!(who.pid, Some(own));
        assert!(who.pidfd.is_none_or(|pid| pid == own));
    });
}

#[test]
fn fds_travel_both_ways_and_are_not_inherited() {
    let service = Service::start();
    service.run(async {
        let mut client = Client::connect(&service.path).await.unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let call = Swap { text: "both ways".into() };
        let (swapped, mut fds) = client.call_with_fds(&call, &[writer.as_fd()]).await.unwrap();
        drop(writer);
        assert!(swapped.close_on_exec);
        assert_eq!(read_all(reader), "both ways");
        assert_eq!(fds.len(), 1);
        let answer = fds.remove(0);
        assert!(fcntl_getfd(&answer).unwrap().contains(FdFlags::CLOEXEC));
        assert_eq!(read_all(PipeReader::from(answer)), "both ways");
    });
}

#[test]
fn streams_end_and_can_be_left() {
    let service = Service::start();
    service.run(async {
        let connect = || Client::connect(&service.path);
        let counted = connect().await.unwrap().stream(&Count { to: 3 }).await.unwrap();
        let counted: Vec<_> = counted.try_collect().await.unwrap();
        assert_eq!(counted, [1, 2, 3].map(|number| Counted { number }));

        let mut refused = connect().await.unwrap().stream(&Count { to: 0 }).await.unwrap();
        assert!(matches!(refused.next().await, Some(Err(CallError::Api(StoreError::Closed)))));
        assert!(refused.next().await.is_none());

        let flood = connect().await.unwrap().stream(&Flood {}).await.unwrap();
        // Send, so that a task may own it.
        let some = tokio::spawn(flood.take(100).try_collect::<Vec<_>>()).await.unwrap().unwrap();
        assert_eq!(some.len(), 100);
    });
    service.wait_for_running(0);
}

#[test]
fn notifications_arrive_although_the_client_leaves() {
    let service = Service::start();
    service.run(async {
        let mut client = Client::connect(&service.path).await.unwrap();
        for _ in 0..3 {
            client.notify(&Mark {}).await.unwrap();
        }
    });
    service.wait_for_marks(3);
}

#[tokio::test]
async fn a_socketpair_is_served_until_its_other_end_closes() {
    in_time(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let serving = tokio::spawn(serve_stream(Arc::new(router()), Store::new(), theirs));
        let mut client = Client::from_stream(ours);
        client.call(&Find { length: 1 }).await.unwrap();
        drop(client);
        serving.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_call_on_a_closed_connection_says_disconnected() {
    in_time(async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut client = Client::from_stream(ours);
        drop(theirs);
        assert!(matches!(client.call(&Mark {}).await, Err(CallError::Disconnected)));
    })
    .await;
}

#[test]
fn replies_of_other_implementations_are_understood() {
    #[derive(Debug)]
    enum Outcome {
        Reply,
        Error(&'static str),
    }
    let cases = [
        (r"{}", Outcome::Reply),
        (r#"{"parameters":null}"#, Outcome::Reply),
        (r#"{"parameters":{},"continues":false}"#, Outcome::Reply),
        (r#"{"error":"org.example.Store.Closed"}"#, Outcome::Error("the store is closed")),
        (
            r#"{"error":"org.example.Store.Closed","parameters":{}}"#,
            Outcome::Error("the store is closed"),
        ),
        (r#"{"error":"org.varlink.service.PermissionDenied"}"#, Outcome::Error("not allowed: ")),
        (
            r#"{"error":"org.varlink.service.InvalidParameter","parameters":{"parameter":"a"}}"#,
            Outcome::Error("the parameter \"a\" is not valid: "),
        ),
        (
            r#"{"error":"org.example.Store.Novel","parameters":{"a":1}}"#,
            Outcome::Error("the service answered with an unknown error: org.example.Store.Novel"),
        ),
        (
            r#"{"parameters":{},"continues":true}"#,
            Outcome::Error(
                "what came is not a Varlink message: more than one reply came to a plain call",
            ),
        ),
    ];
    for (reply, outcome) in cases {
        let answered = call_answered_with::<Mark>(&Mark {}, reply);
        match (answered, outcome) {
            (Ok(Empty {}), Outcome::Reply) => {}
            (Err(error), Outcome::Error(text)) => assert_eq!(error.to_string(), text),
            (answered, outcome) => panic!("{reply}: {answered:?} instead of {outcome:?}"),
        }
    }

    let misfit = call_answered_with(&Find { length: 1 }, r#"{"parameters":{"text":1}}"#);
    assert!(
        matches!(misfit, Err(CallError::InvalidReply { parameter, .. }) if parameter == "text")
    );
    let garbage = call_answered_with(&Mark {}, "nonsense");
    assert!(matches!(garbage, Err(CallError::Wire(WireError::Malformed(_)))));
}

#[tokio::test]
async fn a_router_without_rules_serves_an_interface_without_errors() {
    in_time(async {
        #[derive(Serialize, Deserialize)]
        struct Ping {}
        impl Method for Ping {
            const NAME: &'static str = "org.example.Ping.Ping";
            type Reply = Empty;
            type Error = NoError;
        }

        let router = Router::unrestricted(info()).on((), |(), _, _: Ping| async { Ok(Empty {}) });
        let (ours, theirs) = UnixStream::pair().unwrap();
        tokio::spawn(serve_stream(Arc::new(router), (), theirs));
        assert_eq!(Client::from_stream(ours).call(&Ping {}).await.unwrap(), Empty {});
    })
    .await;
}

fn call_answered_with<M: Method>(call: &M, reply: &str) -> Result<M::Reply, CallError<M::Error>> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut service = Raw::of(theirs);
    service.send(&format!("{reply}\0"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answered = runtime.block_on(in_time(async {
        Client::from_stream(UnixStream::from_std(ours).unwrap()).call(call).await
    }));
    let sent = service.receive().unwrap();
    assert_eq!(sent, json!({"method": M::NAME, "parameters": serde_json::to_value(call).unwrap()}));
    answered
}
