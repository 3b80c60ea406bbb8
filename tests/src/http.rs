//! A web client on a machine, just enough to ask the lab's servers.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::machine::Machine;

/// How long a request may take when the test does not say.
const LIMIT: Duration = Duration::from_secs(3);

impl Machine {
    /// The address a server sees when this machine asks it; `host` is a name or an address.
    ///
    /// # Errors
    /// As [`http_get`](Self::http_get).
    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "addresses and names are both passed as they are"
    )]
    pub fn whoami(&self, host: impl ToString) -> io::Result<IpAddr> {
        let host = host.to_string();
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let body = self.http_get(&format!("http://{host}/"))?;
        let seen = String::from_utf8_lossy(&body).parse();
        seen.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "that is no whoami server"))
    }

    /// The body behind an `http://` URL, within three seconds.
    ///
    /// # Errors
    /// When the name does not resolve, the server is not reached, does not answer in time, or not with 200.
    #[track_caller]
    pub fn http_get(&self, url: &str) -> io::Result<Vec<u8>> {
        self.http_get_within(LIMIT, url)
    }

    /// As [`http_get`](Self::http_get), with another limit for the whole of it.
    ///
    /// # Errors
    /// As [`http_get`](Self::http_get).
    #[track_caller]
    pub fn http_get_within(&self, limit: Duration, url: &str) -> io::Result<Vec<u8>> {
        let end = Instant::now() + limit;
        let (authority, path) = split(url);
        let servers = match authority.parse::<SocketAddr>() {
            Ok(server) => vec![server],
            Err(_) => self.servers(authority),
        };
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name does not resolve");
        for server in servers {
            match self.enter(|| get(server, authority, path, end)) {
                Ok(body) => return Ok(body),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn servers(&self, authority: &str) -> Vec<SocketAddr> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().expect("a port")),
            _ => (authority, 80),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => self.resolve(host),
        };
        addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect()
    }
}

/// The authority and the path of a URL.
fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").expect("an http:// URL");
    rest.split_once('/').unwrap_or((rest, ""))
}

fn get(server: SocketAddr, host: &str, path: &str, end: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, left(end)?)?;
    stream.set_write_timeout(Some(left(end)?))?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;

    let mut answer = Vec::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(&mut buffer)? {
            0 => return body(answer),
            length => answer.extend_from_slice(&buffer[..length]),
        }
    }
}

/// What is left of the time; an error rather than zero, which would mean no limit.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The body of a whole answer with status 200.
fn body(mut answer: Vec<u8>) -> io::Result<Vec<u8>> {
    let invalid = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message);
    let end_of_head = answer.windows(4).position(|window| window == b"\r\n\r\n");
    let end_of_head = end_of_head.ok_or_else(|| invalid("the answer ends within its head"))? + 4;
    let body = answer.split_off(end_of_head);
    let head = String::from_utf8_lossy(&answer);
    if head.split_whitespace().nth(1) != Some("200") {
        return Err(invalid(head.lines().next().unwrap_or_default()));
    }
    let announced = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    if announced.is_some_and(|length| length.parse() != Ok(body.len())) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(body)
}
