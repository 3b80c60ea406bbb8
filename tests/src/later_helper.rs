//! A service of a version that does not exist yet.

use crate::machine::Machine;
use crate::process::Process;

/// Says hello as no helper of today would, and nothing else.
const PROGRAM: &str = r#"
import os, socket
path = "/run/adit/helper.sock"
os.path.exists(path) and os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o666)
listener.listen()
print("ready", flush=True)
while True:
    client, _ = listener.accept()
    client.recv(1 << 16)
    client.sendall(b'{"parameters":{"version":"99.0.0","features":[]}}\0')
"#;

impl Machine {
    /// Starts it in the place of a helper that was killed. Its version is 99.0.0.
    #[must_use]
    #[track_caller]
    pub fn start_later_helper(&self) -> Process {
        let helper = self.spawn(["python3", "-c", PROGRAM]);
        helper.wait_for_log("ready");
        helper
    }
}
