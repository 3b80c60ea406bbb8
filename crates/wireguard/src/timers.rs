//! Retransmission, rekeying, keepalives and the end of sessions, when they are due.

use std::time::Instant;

use crate::{plane::Plane, status::DropCause};

/// Runs the timers of all peers until the engine ends. While nothing is due, nothing wakes.
pub(crate) fn run(plane: &Plane) {
    while !plane.stop.is_raised() {
        let now = Instant::now();
        let due = plane.peers.iter().filter_map(|peer| {
            let mut control = peer.lock();
            let (given_up, due) = control.tick(now);
            plane.release(control, now);
            plane.drops.count(DropCause::NoSession, given_up);
            due
        });
        plane.alarm.sleep(due.min());
    }
}
