//! What goes through a tunnel while its helper dies.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use adit_tests::Machine;

use crate::SITE;

/// The port of the probes' receiver.
const PROBED: u16 = 7007;

/// Sends a datagram a millisecond until it is done, at least one. Returns how many.
pub(crate) fn probe(done: &AtomicBool) -> usize {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let start = Instant::now();
    let mut sent = 0;
    loop {
        // An error would be a loss.
        let _ = socket.send_to(b"probe", (SITE, PROBED));
        sent += 1;
        if done.load(Ordering::Relaxed) {
            return sent;
        }
        let due = start + Duration::from_millis(sent as u64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// Downloads until it is done, no faster than leaves room for the probes; how many bytes, and the
/// longest time without any.
pub(crate) fn transfer(done: &AtomicBool) -> io::Result<(usize, Duration)> {
    let mut stream = TcpStream::connect((SITE, 80))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(b"GET /bytes/1000000000000 HTTP/1.1\r\n\r\n")?;
    let (mut bytes, mut longest) = (0, Duration::ZERO);
    let mut buffer = vec![0; 64 << 10];
    while !done.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(4));
        let since = Instant::now();
        bytes += stream.read(&mut buffer)?;
        longest = longest.max(since.elapsed());
    }
    Ok((bytes, longest))
}

/// Counts probes.
pub(crate) struct Receiver(UdpSocket);

impl Receiver {
    pub(crate) fn start(machine: &Machine) -> Self {
        let socket = machine.enter(|| UdpSocket::bind(("0.0.0.0", PROBED)).unwrap());
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 64 << 20).ok();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        Self(socket)
    }

    /// How many have come since the last time; waits until no more do.
    pub(crate) fn receive(&self) -> usize {
        std::iter::repeat_with(|| self.0.recv(&mut [0; 16])).take_while(Result::is_ok).count()
    }
}
