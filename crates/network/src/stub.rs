//! A DNS server on this computer that somebody decides for, name by name.
//!
//! It knows nothing itself: messages go to other servers and come back as they are, whatever they ask
//! for. Spec OD-6, OD-17.

mod encrypted;
mod forward;
mod inner_servers;
mod inside;

use std::{
    fmt,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    time::{sleep, timeout},
};

pub use forward::{Way, forward};
pub(crate) use inner_servers::InnerServers;
pub(crate) use inside::look_up_inside;

/// Listens on one address, over UDP and TCP.
#[derive(Debug)]
pub struct NameServer {
    udp: UdpSocket,
    tcp: TcpListener,
}

/// A question that somebody asks. Its name is nobody's business in logs but at DEBUG.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    message: Vec<u8>,
    name: String,
    kind: RecordType,
    transport: Transport,
}

/// How a question came, and so how it is asked elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
}

const PORT: u16 = 53;
/// Questions that are being answered at one time. More are dropped, and asked again by their programs.
const MOST_QUESTIONS: usize = 128;
const MOST_CONNECTIONS: usize = 32;
/// How long a connection may be idle (RFC 7766 section 6.2.3).
const IDLE_LIMIT: Duration = Duration::from_secs(10);
/// After a failure that has nothing to do with the one who asks, as when there are no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_MESSAGE: usize = 1 << 16;
/// How long servers may take for one question. Programs ask again after 5 seconds.
const LIMIT: Duration = Duration::from_secs(4);

impl NameServer {
    /// Listens on port 53 of an address of this computer. Needs a tokio runtime.
    pub async fn bind(address: Ipv4Addr) -> io::Result<Self> {
        let address = SocketAddrV4::new(address, PORT);
        Ok(Self { udp: UdpSocket::bind(address).await?, tcp: TcpListener::bind(address).await? })
    }

    /// Answers until this is dropped; questions that came before are still answered then. A question
    /// without an answer stays so.
    pub async fn serve<F>(self, answer: impl Fn(Question) -> F + Clone + Send + Sync + 'static)
    where
        F: Future<Output = Option<Vec<u8>>> + Send + 'static,
    {
        let room = Arc::new(Semaphore::new(MOST_QUESTIONS));
        tokio::join!(
            serve_datagrams(Arc::new(self.udp), answer.clone(), Arc::clone(&room)),
            serve_connections(self.tcp, answer, room),
        );
    }
}

/// Whether an answer says that there was none to be had (SERVFAIL).
fn is_failure(message: &[u8]) -> bool {
    let read = Message::from_vec(message);
    read.map_or(true, |answer| answer.metadata.response_code == ResponseCode::ServFail)
}

/// Whether an answer has what was asked for.
#[must_use]
pub fn answers(message: &[u8]) -> bool {
    Message::from_vec(message).is_ok_and(|answer| {
        answer.metadata.response_code == ResponseCode::NoError && !answer.answers.is_empty()
    })
}

impl Question {
    /// What is asked of a server to find records of `kind` of a name.
    fn about(name: Name, kind: RecordType) -> Option<Self> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(name, kind));
        Self::read(&message.to_vec().ok()?, Transport::Udp)
    }

    /// The name that is asked about, complete and without the final dot.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of what is asked for, as a number (IANA).
    #[must_use]
    pub fn kind(&self) -> u16 {
        self.kind.into()
    }

    /// Whether it is what a program asks that wants to connect to the name.
    #[must_use]
    pub fn is_about_addresses(&self) -> bool {
        [RecordType::A, RecordType::AAAA, RecordType::HTTPS].contains(&self.kind)
    }

    /// The answer that the name cannot be looked up at present (SERVFAIL, RFC 1035): unlike that it does
    /// not exist, it is not remembered for long.
    #[must_use]
    pub fn failure(&self) -> Option<Vec<u8>> {
        self.without_records(|answer| answer.metadata.response_code = ResponseCode::ServFail)
    }

    /// An answer that came by another way, as far as it fits into the way that the question came by.
    /// Who gets only a part is told to ask over TCP.
    fn fitting(&self, answer: Vec<u8>) -> Vec<u8> {
        let fits = match self.transport {
            Transport::Tcp => true,
            Transport::Udp => {
                let most = Message::from_vec(&self.message).map_or(0, |asked| asked.max_payload());
                answer.len() <= most.into()
            }
        };
        if fits {
            return answer;
        }
        self.without_records(|part| part.metadata.truncation = true).unwrap_or(answer)
    }

    fn without_records(&self, say: impl FnOnce(&mut Message)) -> Option<Vec<u8>> {
        let asked = Message::from_vec(&self.message).ok()?;
        let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
        answer.metadata.recursion_desired = asked.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.add_queries(asked.queries);
        say(&mut answer);
        answer.to_vec().ok()
    }

    /// None for what is no single question.
    fn read(message: &[u8], transport: Transport) -> Option<Self> {
        let read = Message::from_vec(message).ok()?;
        let is_question = read.metadata.message_type == MessageType::Query
            && read.metadata.op_code == OpCode::Query;
        let [query] = &read.queries[..] else { return None };
        let name = query.name().to_ascii();
        let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
        let kind = query.query_type();
        is_question.then(|| Self { message: message.to_vec(), name, kind, transport })
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("transport", &self.transport).finish_non_exhaustive()
    }
}

async fn serve_datagrams<F>(
    socket: Arc<UdpSocket>,
    answer: impl Fn(Question) -> F,
    room: Arc<Semaphore>,
) where
    F: Future<Output = Option<Vec<u8>>> + Send + 'static,
{
    let mut buffer = vec![0; LONGEST_MESSAGE];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let Some(question) = Question::read(&buffer[..length], Transport::Udp) else { continue };
        let (answer, socket) = (answer(question), Arc::clone(&socket));
        tokio::spawn(async move {
            if let Some(answer) = answer.await {
                // The program that asked may have ended.
                let _ = socket.send_to(&answer, from).await;
            }
            drop(place);
        });
    }
}

async fn serve_connections<F>(
    listener: TcpListener,
    answer: impl Fn(Question) -> F + Clone + Send + Sync + 'static,
    room: Arc<Semaphore>,
) where
    F: Future<Output = Option<Vec<u8>>> + Send + 'static,
{
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&connections).try_acquire_owned() else { continue };
        let (answer, room) = (answer.clone(), Arc::clone(&room));
        tokio::spawn(async move {
            if let Err(error) = serve_connection(stream, answer, &room).await {
                tracing::debug!(%error, "a connection to the DNS stub ended");
            }
            drop(place);
        });
    }
}

/// One question after the other.
async fn serve_connection<F>(
    mut stream: TcpStream,
    answer: impl Fn(Question) -> F,
    room: &Semaphore,
) -> io::Result<()>
where
    F: Future<Output = Option<Vec<u8>>>,
{
    loop {
        let message = timeout(IDLE_LIMIT, read_framed(&mut stream)).await??;
        let Ok(_place) = room.acquire().await else { return Ok(()) };
        let Some(question) = Question::read(&message, Transport::Tcp) else { return Ok(()) };
        let Some(answer) = answer(question).await else { return Ok(()) };
        timeout(IDLE_LIMIT, write_framed(&mut stream, &answer)).await??;
    }
}

/// A message behind its length, RFC 1035 section 4.2.2.
async fn read_framed(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; length.into()];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_framed(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await?;
    stream.flush().await
}

fn at(server: std::net::IpAddr) -> SocketAddr {
    SocketAddr::new(server, PORT)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hickory_resolver::proto::op::Edns;
    use proptest::prelude::*;

    use super::*;
    use crate::netns::in_own_namespace;

    const STUB: Ipv4Addr = Ipv4Addr::new(127, 173, 0, 1);
    const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);

    // spec: OD-6
    #[test]
    fn messages_pass_through_both_transports_as_they_are() {
        in_own_namespace(|| async {
            let server = NameServer::bind(SERVER).await.unwrap();
            let echo = |question: Question| async move {
                let mut answer = question.message;
                answer[2] |= 0x80;
                answer.extend(b"whatever comes behind");
                Some(answer)
            };
            tokio::spawn(server.serve(echo));
            let stub = NameServer::bind(STUB).await.unwrap();
            tokio::spawn(stub.serve(|question: Question| async move {
                match question.name() {
                    "lost.test" => question.failure(),
                    _ => forward(&question, &[silent(), SERVER.into()], Way::Outside(None)).await,
                }
            }));

            let asked = question("svc.site.test.", RecordType::HTTPS);
            let mut expected = asked.clone();
            expected[2] |= 0x80;
            expected.extend(b"whatever comes behind");
            assert_eq!(by_udp(&asked).await, expected);
            assert_eq!(by_tcp(&asked).await, expected);

            let failure = Message::from_vec(&by_udp(&question("lost.test.", RecordType::A)).await);
            let failure = failure.unwrap();
            assert_eq!(failure.metadata.response_code, ResponseCode::ServFail);
            assert_eq!(failure.queries.len(), 1);

            // Garbage stops nothing.
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            for garbage in [&b""[..], b"x", &[0xff; 600], &expected] {
                socket.send_to(garbage, (STUB, PORT)).await.unwrap();
            }
            assert_eq!(by_udp(&asked).await, expected);
        });
    }

    proptest! {
        #[test]
        fn no_message_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(question) = Question::read(&bytes, Transport::Udp) {
                prop_assert!(question.failure().is_some());
            }
        }
    }

    fn silent() -> IpAddr {
        [127, 0, 0, 99].into()
    }

    fn question(name: &str, kind: RecordType) -> Vec<u8> {
        let mut message = Message::query();
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message.set_edns(Edns::new());
        message.to_vec().unwrap()
    }

    async fn by_udp(message: &[u8]) -> Vec<u8> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(message, (STUB, PORT)).await.unwrap();
        let mut buffer = vec![0; LONGEST_MESSAGE];
        let length = socket.recv(&mut buffer).await.unwrap();
        buffer.truncate(length);
        buffer
    }

    async fn by_tcp(message: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect((STUB, PORT)).await.unwrap();
        write_framed(&mut stream, message).await.unwrap();
        read_framed(&mut stream).await.unwrap()
    }
}
