//! A DHCP server of the home network.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use rustix::process::Signal;

use crate::address;
use crate::lab::Lab;
use crate::machine::Machine;
use crate::process::Process;

/// A running dnsmasq(8), on the router. What it gives out has to be renewed every few seconds.
#[derive(Debug)]
pub struct DhcpServer {
    machine: Machine,
    daemon: Process,
}

const OPTIONS: &str = "/run/dhcp-options";
/// When a lease is renewed, and when it is asked for anew.
const RENEWAL: [u32; 2] = [4, 100];

impl Lab {
    /// Starts it for the client, with this DNS server.
    #[must_use]
    #[track_caller]
    pub fn start_dhcp(&self, dns: Ipv4Addr) -> DhcpServer {
        let machine = self.router.clone();
        write_options(&machine, dns, None);
        let address = address::CLIENT.v4;
        let daemon = machine.spawn([
            "dnsmasq",
            "--keep-in-foreground",
            "--log-facility=-",
            "--log-dhcp",
            "--user=root",
            "--conf-file=/dev/null",
            "--port=0",
            "--interface=lan",
            "--bind-interfaces",
            "--no-ping",
            "--dhcp-authoritative",
            "--dhcp-leasefile=/run/dhcp-leases",
            &format!("--dhcp-range={address},{address},2m"),
            &format!("--dhcp-optsfile={OPTIONS}"),
        ]);
        daemon.wait_for_log("DHCP, IP range");
        DhcpServer { machine, daemon }
    }
}

impl DhcpServer {
    /// What is given out from the next renewal on.
    #[track_caller]
    pub fn offer(&self, dns: Ipv4Addr, domain: &str) {
        write_options(&self.machine, dns, Some(domain));
        self.daemon.signal(Signal::HUP);
    }
}

#[track_caller]
fn write_options(machine: &Machine, dns: Ipv4Addr, domain: Option<&str>) {
    let [renewed, asked] = RENEWAL;
    let mut options = format!("option:T1,{renewed}\noption:T2,{asked}\noption:dns-server,{dns}\n");
    if let Some(domain) = domain {
        _ = writeln!(options, "option:domain-name,{domain}");
    }
    machine.write_file(OPTIONS, options);
}
