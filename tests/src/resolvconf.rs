//! The program resolvconf(8) on a machine, of either package that has it.

use std::path::Path;

use crate::address;
use crate::machine::Machine;
use crate::package::Package;
use crate::requirements::skip;

/// Which package's program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolvconf {
    /// openresolv, which writes `/etc/resolv.conf`.
    Openresolv,
    /// Debian's own, which writes where `/etc/resolv.conf` leads.
    Debian,
}

impl Machine {
    /// Installs the program, and tells it of the public DNS server as a DHCP client would for `eth0`.
    ///
    /// False when this computer cannot run it: the reason is printed, and in CI it is a panic.
    #[must_use]
    #[track_caller]
    pub fn install_resolvconf(&self, which: Resolvconf) -> bool {
        match which.package().root() {
            Ok(root) => {
                self.sh(&which.installation(&root));
                self.renew_lease(&[address::DNS.v4.to_string()]);
                true
            }
            Err(reason) => {
                skip(&format!("resolvconf: {reason}"));
                false
            }
        }
    }

    /// Tells resolvconf of other servers for `eth0`, as a DHCP client does.
    #[track_caller]
    pub fn renew_lease(&self, servers: &[String]) {
        let lines: Vec<String> =
            servers.iter().map(|server| format!("nameserver {server}")).collect();
        self.write_file("/run/lease", lines.join("\n") + "\n");
        self.sh("resolvconf -a eth0.dhcp < /run/lease");
    }
}

impl Resolvconf {
    fn package(self) -> Package {
        let names: &[&str] = match self {
            Self::Openresolv => &["openresolv"],
            Self::Debian => &["resolvconf"],
        };
        Package { names, proof: "sbin/resolvconf" }
    }

    /// Lays its files over those of the machine, and does what the package's installation would do.
    fn installation(self, root: &Path) -> String {
        let root = root.display();
        let lay = format!(
            "mount -t overlay -o lowerdir={root}/sbin:/usr/sbin overlay /usr/sbin
             mount -t overlay -o lowerdir={root}/lib:/usr/lib overlay /usr/lib
             cp -r {root}/etc/resolvconf* /etc/
             mkdir -p /run/resolvconf\n"
        );
        lay + match self {
            Self::Openresolv => "",
            Self::Debian => {
                "mkdir /run/resolvconf/interface
                 ln -sfn ../run/resolvconf/resolv.conf /etc/resolv.conf
                 resolvconf --enable-updates"
            }
        }
    }
}
