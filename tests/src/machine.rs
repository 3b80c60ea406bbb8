//! One computer of the lab: its own network, `/run` and `/etc`, on the files of the real one.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::address::{self, Host};
use crate::process::{self, Outcome, Process};
use crate::requirements::tool;
use crate::world::World;

/// How long [`Machine::run`] lets a program run.
const RUN_LIMIT: Duration = Duration::from_secs(20);

/// A computer of the lab. Clones are the same computer. It is gone when its lab is dropped.
#[derive(Debug, Clone)]
pub struct Machine {
    name: &'static str,
    host: Host,
    // Sleeps for ever; its namespaces are the machine.
    holder: Arc<Process>,
}

/// Prepares the namespaces. The first `/run` hides below the second and carries what changes in `/etc`.
/// Where an overlay cannot be mounted (an old kernel in a user namespace) `/etc` is a copy.
const BOOT: &str = r#"
mount -t tmpfs tmpfs /run
mkdir /run/changes /run/work /run/cgroup
if ! mount -t overlay -o lowerdir=/etc,upperdir=/run/changes,workdir=/run/work overlay /etc 2>/dev/null; then
    cp -a /etc /run/copy
    mount --bind /run/copy /etc
fi
mount --rbind /sys/fs/cgroup /run/cgroup
if mount -t sysfs sysfs /sys 2>/dev/null; then
    mount --rbind /run/cgroup /sys/fs/cgroup
fi
mount -t tmpfs -o mode=755 tmpfs /run
[ -L /var/run ] || mount --bind /run /var/run
mkdir -m 1777 /run/lock
rm -f /etc/resolv.conf
printf 'nameserver %s\noptions timeout:1 attempts:2\n' "$DNS" > /etc/resolv.conf
cd /proc/sys/net
echo 0 | tee ipv6/conf/all/accept_dad ipv6/conf/default/accept_dad ipv6/conf/all/disable_ipv6 \
    ipv6/conf/default/disable_ipv6 ipv4/conf/all/rp_filter ipv4/conf/default/rp_filter >/dev/null
ip link set lo up
echo ready
exec sleep infinity
"#;

impl Machine {
    #[track_caller]
    pub(crate) fn boot(world: &World, name: &'static str, host: Host) -> Self {
        let mut command = world.command();
        command.args(["unshare", "--mount", "--net", "--", "sh", "-euc", BOOT, name]);
        command.env("DNS", address::DNS.v4.to_string());
        let holder = Process::spawn(command);
        holder.wait_for_log("ready");
        Self { name, host, holder: Arc::new(holder) }
    }

    /// Its name, as in the fields of [`Lab`](crate::Lab).
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The addresses it started with.
    #[must_use]
    pub fn host(&self) -> Host {
        self.host
    }

    /// The process whose namespaces are this machine, as the test sees it.
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.holder.pid()
    }

    /// Runs a program to its end and gives its standard output. Panics when it fails or takes over 20 seconds.
    #[track_caller]
    pub fn run<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> String {
        self.run_within(RUN_LIMIT, words)
    }

    /// As [`run`](Self::run), with another limit.
    #[track_caller]
    pub fn run_within<W: AsRef<OsStr>>(
        &self,
        limit: Duration,
        words: impl IntoIterator<Item = W>,
    ) -> String {
        let command = self.command_line(words);
        let name = process::describe(&command);
        let outcome = process::outcome(command, limit);
        assert!(
            outcome.status.success(),
            "on {}: {name}: {}\n{}{}",
            self.name,
            outcome.status,
            outcome.stdout,
            outcome.stderr
        );
        outcome.stdout
    }

    /// Runs a program to its end, whatever that is. Panics when it takes over 20 seconds.
    #[track_caller]
    pub fn try_run<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Outcome {
        process::outcome(self.command_line(words), RUN_LIMIT)
    }

    /// Runs a shell script that stops at its first error; otherwise as [`run`](Self::run).
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        self.run(["sh", "-euc", script])
    }

    /// Starts a program in the background.
    #[track_caller]
    pub fn spawn<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Process {
        Process::spawn(self.command_line(words))
    }

    /// As [`spawn`](Self::spawn), for a [`command`](Self::command) with an environment of its own.
    #[track_caller]
    pub fn spawn_command(&self, command: Command) -> Process {
        Process::spawn(command)
    }

    /// A command that runs inside, in `/`. It survives the test's `Child`, but never the lab.
    #[track_caller]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = tool("nsenter");
        command.args(["--target", &self.pid().to_string(), "--mount", "--net", "--pid", "--"]);
        command.arg(program);
        command
    }

    /// Runs Rust code on a thread that has the machine's network and files. Sockets opened there stay there.
    #[track_caller]
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let open = |kind| File::open(format!("/proc/{}/ns/{kind}", self.pid()));
        let network = open("net").expect("a live machine");
        let files = open("mnt").expect("a live machine");
        let entered = move || {
            join_namespaces(&network, &files).expect("root may enter namespaces of its own");
            work()
        };
        let result = thread::scope(|scope| scope.spawn(entered).join());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Writes a file of the machine and the folders above it.
    #[track_caller]
    pub fn write_file(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = path.as_ref();
        let folder = path.parent().expect("a file in a folder");
        let text = text.as_ref();
        let written =
            self.enter(|| fs::create_dir_all(folder).and_then(|()| fs::write(path, text)));
        assert!(written.is_ok(), "cannot write {} on {}: {written:?}", path.display(), self.name);
    }

    /// Reads a file of the machine.
    #[must_use]
    #[track_caller]
    pub fn read_file(&self, path: impl AsRef<Path>) -> String {
        let path = path.as_ref();
        match self.enter(|| fs::read_to_string(path)) {
            Ok(text) => text,
            Err(error) => panic!("cannot read {} on {}: {error}", path.display(), self.name),
        }
    }

    /// Whether the machine has a file, folder or socket of this name.
    #[must_use]
    #[track_caller]
    pub fn has_file(&self, path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        self.enter(|| path.exists())
    }

    /// What a program on this machine gets for a name (`getaddrinfo`); empty when the name does not resolve.
    #[must_use]
    #[track_caller]
    pub fn resolve(&self, name: &str) -> Vec<IpAddr> {
        let listed = self.try_run(["getent", "ahosts", name]).stdout;
        let first_word = |line: &str| line.split_whitespace().next()?.parse().ok();
        let mut addresses: Vec<IpAddr> = listed.lines().filter_map(first_word).collect();
        // One line for each socket type.
        addresses.dedup();
        addresses
    }

    #[track_caller]
    fn command_line<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut words = words.into_iter();
        let mut command = self.command(words.next().expect("a program to run"));
        command.args(words);
        command
    }
}

/// For the calling thread only.
fn join_namespaces(network: &File, files: &File) -> rustix::io::Result<()> {
    // The kernel refuses another mount namespace to a thread that shares its working directory with others.
    // SAFETY: only `UnshareFlags::FILES` would be a danger, to file descriptors in use on other threads.
    unsafe { unshare_unsafe(UnshareFlags::FS) }?;
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    move_into_link_name_space(files.as_fd(), Some(LinkNameSpaceType::Mount))
}
