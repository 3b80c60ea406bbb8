//! A while in which nothing may get out.

use std::time::Duration;

use crate::capture::Capture;
use crate::lab::Lab;
use crate::packet::Packets;
use crate::probe::Probing;

/// Probes from the client, over and over, and a capture of what leaves it.
#[derive(Debug)]
pub struct LeakWatch {
    probing: Probing,
    sniffer: Capture,
}

impl LeakWatch {
    #[track_caller]
    pub(crate) fn start(lab: &Lab, every: Duration) -> Self {
        let sniffer = lab.sniff_client();
        Self { probing: Probing::start(&lab.client, every), sniffer }
    }

    /// Ends it and panics when a probe came out, or none was sent. Gives what the client sent instead.
    #[track_caller]
    pub fn assert_no_leak(self) -> Packets {
        let probes = self.probing.stop();
        let sent = self.sniffer.stop().incoming();
        println!("{} probes were sent", probes.len());
        probes.assert_none_seen(&sent);
        sent
    }
}
