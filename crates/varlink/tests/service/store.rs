//! The service under test: an interface with a method of each kind.

use std::{
    fs::{self, File},
    io::{PipeReader, Read, Write},
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
    sync::Arc,
};

use adit_varlink::{
    ApiError, Empty, Limits, Listener, Peer, Refusal, Router, ServiceInfo, methods,
};
use futures_util::{Stream, StreamExt, stream};
use rustix::io::{FdFlags, fcntl_getfd};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};

use crate::raw::{Raw, in_time};

pub(crate) const IDL: &str = include_str!("org.example.Store.varlink");

methods! {
    pub(crate) fn store_methods() for "org.example.Store", StoreError {
        Save -> Empty,
        Find -> Found,
        Wait -> Empty,
        Mark -> Empty,
        WhoAmI -> Who,
        Erase -> Empty,
        Swap -> Swapped,
        Count -> Counted,
        Flood -> Flooded,
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Save {
    pub(crate) rules: Vec<Rule>,
    #[serde(default)]
    pub(crate) free: Value,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) ports: Vec<u16>,
}

/// Answers with a text of `length`, and an error if it is 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Find {
    pub(crate) length: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) text: String,
}

/// Never answers; counted as running as long as it is not dropped.
#[derive(Serialize, Deserialize)]
pub(crate) struct Wait {}

/// Is counted.
#[derive(Serialize, Deserialize)]
pub(crate) struct Mark {}

#[derive(Serialize, Deserialize)]
pub(crate) struct WhoAmI {}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Who {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) pid: Option<i32>,
    /// The process that the pidfd is of.
    pub(crate) pidfd: Option<i32>,
}

/// Nobody may call this.
#[derive(Serialize, Deserialize)]
pub(crate) struct Erase {
    pub(crate) all: bool,
}

/// Writes `text` to the pipe that comes with the call and returns one that it can be read from.
#[derive(Serialize, Deserialize)]
pub(crate) struct Swap {
    pub(crate) text: String,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Swapped {
    pub(crate) close_on_exec: bool,
}

/// A stream of `to` items.
#[derive(Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) to: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) number: u32,
}

/// A stream without end; counted as running as long as it is not dropped.
#[derive(Serialize, Deserialize)]
pub(crate) struct Flood {}

#[derive(Serialize, Deserialize)]
pub(crate) struct Flooded {
    pub(crate) bytes: String,
}

#[derive(Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "parameters")]
pub(crate) enum StoreError {
    #[error("there is no text of length {length}")]
    #[serde(rename = "org.example.Store.NoSuchText")]
    NoSuchText { length: usize },
    #[error("the store is closed")]
    #[serde(rename = "org.example.Store.Closed")]
    Closed,
}

impl ApiError for StoreError {}

#[derive(Clone)]
pub(crate) enum Access {
    Anyone,
    Nobody,
}

#[derive(Clone)]
pub(crate) struct Store {
    running: Arc<watch::Sender<usize>>,
    marks: Arc<watch::Sender<usize>>,
}

pub(crate) fn router() -> Router<Store, Access> {
    Router::new(info(), authorise)
        .describe(IDL)
        .on(Access::Anyone, async |_: Store, _, _: Save| Ok(Empty {}))
        .on(Access::Anyone, |_, _, call: Find| async move { find(&call) })
        .on(Access::Anyone, |store: Store, _, _: Wait| async move {
            let _running = store.run();
            std::future::pending().await
        })
        .on(Access::Anyone, |store: Store, _, _: Mark| async move {
            tokio::task::yield_now().await;
            store.marks.send_modify(|marks| *marks += 1);
            Ok(Empty {})
        })
        .on(Access::Anyone, |_, peer: Peer, _: WhoAmI| async move {
            let pidfd = peer.pidfd.map(|pidfd| process_of(&pidfd));
            Ok(Who { uid: peer.uid, gid: peer.gid, pid: peer.pid, pidfd })
        })
        .on(Access::Nobody, |store: Store, _, _: Erase| async move {
            store.marks.send_modify(|marks| *marks += 1);
            Ok(Empty {})
        })
        .on_fds(Access::Anyone, |_, _, call: Swap, fds| async move { swap(&call, fds) })
        .on_stream(Access::Anyone, |_, _, call: Count| async move { count(&call) })
        .on_stream(Access::Anyone, |store: Store, _, _: Flood| async move {
            let running = store.run();
            Ok(stream::repeat_with(move || {
                let _running = &running;
                Ok(Flooded { bytes: "x".repeat(4096) })
            }))
        })
}

/// A listening store.
pub(crate) struct Service {
    runtime: Runtime,
    pub(crate) path: PathBuf,
    store: Store,
    _directory: TempDir,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::start_with(router(), |listener| listener)
    }

    pub(crate) fn start_with(
        router: Router<Store, Access>,
        configure: impl FnOnce(Listener) -> Listener,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.sock");
        let listener = {
            let _context = runtime.enter();
            configure(Listener::bind(&path, 0o666).unwrap())
        };
        let store = Store::new();
        runtime.spawn(listener.serve(Arc::new(router), store.clone()));
        Service { runtime, path, store, _directory: directory }
    }

    /// Runs a client, but not for ever.
    pub(crate) fn run(&self, client: impl Future<Output = ()>) {
        self.runtime.block_on(in_time(client));
    }

    pub(crate) fn raw(&self) -> Raw {
        Raw::connect(&self.path)
    }

    /// Whether another client is served now.
    pub(crate) fn assert_alive(&self) {
        let reply = self.raw().call("Find", r#"{"length":2}"#);
        assert_eq!(reply, serde_json::json!({"parameters": {"text": "xx"}}));
    }

    pub(crate) fn wait_for_running(&self, count: usize) {
        self.wait_for(&self.store.running, count);
    }

    pub(crate) fn wait_for_marks(&self, count: usize) {
        self.wait_for(&self.store.marks, count);
    }

    fn wait_for(&self, counter: &watch::Sender<usize>, count: usize) {
        self.run(async {
            let mut counter = counter.subscribe();
            counter.wait_for(|now| *now == count).await.unwrap();
        });
    }
}

impl Store {
    pub(crate) fn new() -> Self {
        Store { running: Arc::default(), marks: Arc::default() }
    }

    fn run(&self) -> Running {
        self.running.send_modify(|count| *count += 1);
        Running(self.clone())
    }
}

struct Running(Store);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.send_modify(|count| *count -= 1);
    }
}

async fn authorise(_: Store, _: Peer, access: Access) -> Result<(), Refusal> {
    match access {
        Access::Anyone => Ok(()),
        Access::Nobody => Err(Refusal::new("nobody may do this")),
    }
}

fn find(call: &Find) -> Result<Found, StoreError> {
    if call.length == 0 {
        return Err(StoreError::NoSuchText { length: 0 });
    }
    Ok(Found { text: "x".repeat(call.length) })
}

fn swap(call: &Swap, fds: Vec<OwnedFd>) -> Result<(Swapped, Vec<OwnedFd>), StoreError> {
    let Ok([fd]) = <[_; 1]>::try_from(fds) else { return Err(StoreError::Closed) };
    let close_on_exec = fcntl_getfd(&fd).unwrap().contains(FdFlags::CLOEXEC);
    File::from(fd).write_all(call.text.as_bytes()).unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(call.text.as_bytes()).unwrap();
    Ok((Swapped { close_on_exec }, vec![reader.into()]))
}

fn count(
    call: &Count,
) -> Result<impl Stream<Item = Result<Counted, StoreError>> + use<>, StoreError> {
    if call.to == 0 {
        return Err(StoreError::Closed);
    }
    Ok(stream::iter(1..=call.to).map(|number| Ok(Counted { number })))
}

fn process_of(pidfd: &OwnedFd) -> i32 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap();
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).unwrap();
    pid.trim().parse().unwrap()
}

pub(crate) fn read_all(mut pipe: PipeReader) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).unwrap();
    text
}

pub(crate) fn info() -> ServiceInfo {
    let text = str::to_owned;
    ServiceInfo {
        vendor: text("Example"),
        product: text("store"),
        version: text("1"),
        url: text("https://example.org"),
    }
}

/// Limits for tests that wait for one to be broken.
pub(crate) fn impatient() -> Limits {
    let limit = std::time::Duration::from_millis(200);
    Limits { write: limit, read: limit, ..Limits::default() }
}
