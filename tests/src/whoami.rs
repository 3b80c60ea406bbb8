//! A web server that says who asked. The quickest proof which way a request went.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::machine::Machine;

/// No connection outlives its lab by more than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers on port 80 of every address of a machine: `/` is the peer's address, `/bytes/N` are N zeros.
#[derive(Debug)]
pub(crate) struct Whoami {
    listener: TcpListener,
    accepting: Option<JoinHandle<()>>,
}

impl Whoami {
    #[track_caller]
    pub(crate) fn start(machine: &Machine) -> Self {
        let listener = machine.enter(listen).expect("port 80 is free on a new machine");
        let accepted = listener.try_clone().expect("a duplicate of the socket");
        let accepting = thread::spawn(move || {
            // `accept` fails once the socket is shut down, which is how this thread ends.
            while let Ok((stream, peer)) = accepted.accept() {
                // A peer that went away is no fault of the lab.
                thread::spawn(move || _ = answer(&stream, peer));
            }
        });
        Self { listener, accepting: Some(accepting) }
    }
}

impl Drop for Whoami {
    fn drop(&mut self) {
        _ = SockRef::from(&self.listener).shutdown(std::net::Shutdown::Both);
        _ = self.accepting.take().map(JoinHandle::join);
    }
}

fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(false)?;
    // `internet` answers for addresses that it does not have. On a dual-stack socket the option counts for both versions.
    socket.set_ip_transparent_v4(true)?;
    socket.bind(&SocketAddr::from(([0; 16], 80)).into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

fn answer(mut stream: &TcpStream, peer: SocketAddr) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let Some(length) = path.strip_prefix("/bytes/") else {
        let body = peer.ip().to_canonical().to_string();
        return stream.write_all((head("200 OK", body.len()) + &body).as_bytes());
    };
    let Ok(length) = length.parse() else {
        return stream.write_all(head("400 Bad Request", 0).as_bytes());
    };
    stream.write_all(head("200 OK", length).as_bytes())?;
    zeros(stream, length)
}

fn head(status: &str, length: usize) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
}

fn zeros(mut stream: &TcpStream, mut left: usize) -> io::Result<()> {
    let zeros = vec![0; 64 * 1024];
    while left > 0 {
        let part = left.min(zeros.len());
        stream.write_all(&zeros[..part])?;
        left -= part;
    }
    Ok(())
}
