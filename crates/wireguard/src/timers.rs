//! Retransmission, rekeying, keepalives and the end of sessions.

use std::time::{Duration, Instant};

use crate::{
    peer::{INITIATION, Peer},
    plane::Plane,
};

/// WireGuard's timers count in seconds; this is how late they may be.
const INTERVAL: Duration = Duration::from_millis(250);

/// Runs the timers of all peers until the engine ends. While all of them rest, nothing wakes.
pub(crate) fn run(plane: &Plane) {
    // Set once: an engine has one such thread.
    let _ = plane.timers.set(std::thread::current());
    loop {
        let resting = plane.peers.iter().filter(|peer| tick(plane, peer)).count();
        if resting == plane.peers.len() {
            std::thread::park();
        } else {
            std::thread::park_timeout(INTERVAL);
        }
        if plane.stop.is_raised() {
            return;
        }
    }
}

/// Runs the timers of one peer; whether it rests.
fn tick(plane: &Plane, peer: &Peer) -> bool {
    let mut message = [0; INITIATION];
    let mut state = peer.lock();
    if state.is_resting() {
        return true;
    }
    let due = state.tick(peer.persistent_keepalive, &mut message, Instant::now());
    let (endpoint, resting) = (state.endpoint(), state.is_resting());
    plane.release(state);
    if let (Some(length), Some(endpoint)) = (due, endpoint) {
        plane.send(&message[..length], endpoint);
    }
    resting
}
