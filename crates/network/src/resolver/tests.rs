use std::io;

use hickory_resolver::proto::{
    op::{Message, OpCode, ResponseCode},
    rr::Record,
};
use socket2::Type;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

use super::*;
use crate::netns::{in_own_namespace, ip, with_neighbour};

// spec: NW-22, PRV-11
#[test]
fn names_are_resolved_by_packets_that_go_past_the_tunnel() {
    in_own_namespace(|| async {
        let server = start_server();
        // Only what bears the mark finds the way to the server.
        ip("route flush table main");
        ip("route add 192.0.2.0/24 dev near0 src 192.0.2.1 table 100");
        ip("rule add fwmark 0x0ad10000/0xffff0000 lookup 100");
        let unmarked = std::net::UdpSocket::bind("0.0.0.0:0").unwrap().connect((server, 53));
        assert_eq!(unmarked.unwrap_err().kind(), io::ErrorKind::NetworkUnreachable);

        let resolver = OutsideResolver::default();
        let both = resolver.resolve("both.test", &[server]).await.unwrap();
        assert_eq!(
            both,
            ["2001:db8::1", "198.51.100.1", "2001:db8::2", "198.51.100.2", "198.51.100.3"]
                .map(address)
        );
        let truncated = resolver.resolve("big.test", &[server]).await;
        assert_eq!(truncated, Ok(vec![address("198.51.100.9")]), "asked again by TCP");
    });
}

// spec: NW-22
#[test]
fn a_server_behind_a_link_local_address_is_asked_on_its_link() {
    in_own_namespace(|| async {
        start_server();
        ip("link add other0 type veth peer name other1");
        ip("link set other0 up");
        ip("route add fe80::/64 dev other0 metric 1");
        let index = ip("link show near0");
        let index = index.split(':').next().unwrap().parse().unwrap();
        let resolver = OutsideResolver::default();

        let lost = resolver.resolve("router", &[address("fe80::53")]).await;
        assert!(matches!(lost, Err(ResolveError::NoAnswer { .. })), "{lost:?}");
        let found = resolver.link(Some(index)).resolve("router", &[address("fe80::53")]).await;
        assert_eq!(found, Ok(vec![address("198.51.100.7")]), "the single label as it is");
    });
}

#[test]
fn each_failure_says_what_it_is() {
    in_own_namespace(|| async {
        let server = start_server();
        let resolver = OutsideResolver::default();
        let resolve = async |host: &str| resolver.resolve(host, &[server]).await.unwrap_err();

        assert_eq!(resolve("typo.test").await, ResolveError::NotFound("typo.test".into()));
        assert_eq!(resolve("empty.test").await, ResolveError::NoAddress("empty.test".into()));
        assert_eq!(resolve("nas.local").await, ResolveError::MulticastName("nas.local".into()));
        for host in ["", ".", "a b", "vpn.test:51820", "[2001:db8::1]", "a..b"] {
            assert_eq!(resolve(host).await, ResolveError::InvalidName(host.into()));
        }
        let broken = resolve("broken.test").await;
        assert!(matches!(broken, ResolveError::NoAnswer { .. }), "{broken}");

        let nobody = resolver.resolve("both.test", &[]).await;
        assert_eq!(nobody, Err(ResolveError::NoServers("both.test".into())));
        let unreachable = resolver.resolve("both.test", &[address("203.0.113.1")]).await;
        assert!(matches!(unreachable, Err(ResolveError::NoAnswer { .. })), "{unreachable:?}");
    });
}

#[test]
fn silence_about_one_family_or_from_one_server_does_not_hide_the_answer() {
    in_own_namespace(|| async {
        let server = start_server();
        let resolver = OutsideResolver::default();
        let silent = address("192.0.2.54");
        let servers = [silent, silent, silent, server];
        let found = timeout(QUERY_TIMEOUT, resolver.resolve("ipv4only.test", &servers))
            .await
            .expect("nobody waits for the silent ones");
        assert_eq!(found, Ok(vec![address("198.51.100.4")]));
    });
}

#[tokio::test]
async fn addresses_and_the_hosts_file_need_no_server() {
    let hosts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&hosts, "192.0.2.7 vpn.test nas.local # ours\n2001:db8::7 vpn.test\n").unwrap();
    let resolver = OutsideResolver::default().hosts_file(hosts.path());

    assert_eq!(resolver.resolve("192.0.2.1", &[]).await, Ok(vec![address("192.0.2.1")]));
    assert_eq!(resolver.resolve("2001:db8::1", &[]).await, Ok(vec![address("2001:db8::1")]));
    let both = vec![address("2001:db8::7"), address("192.0.2.7")];
    assert_eq!(resolver.resolve("VPN.test.", &[]).await, Ok(both));
    assert_eq!(resolver.resolve("nas.local", &[]).await, Ok(vec![address("192.0.2.7")]));
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A DNS server in a neighbouring namespace, on both transports. Returns its address; it is also
/// at `fe80::53` on `near0`.
fn start_server() -> IpAddr {
    let (udp, tcp) = with_neighbour(|| {
        ip("address add 192.0.2.53/24 dev far0");
        ip("address add fe80::53/64 dev far0 nodad");
        let udp = std::net::UdpSocket::bind("[::]:53").unwrap();
        (udp, std::net::TcpListener::bind("[::]:53").unwrap())
    });
    ip("address add 192.0.2.1/24 dev near0");
    ip("address add fe80::1/64 dev near0 nodad");
    ip("link set near0 up");

    udp.set_nonblocking(true).unwrap();
    let socket = UdpSocket::from_std(udp).unwrap();
    tokio::spawn(async move {
        let mut query = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut query).await.unwrap();
            if let Some(answer) = answer(&query[..length], Type::DGRAM) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    tcp.set_nonblocking(true).unwrap();
    let listener = TcpListener::from_std(tcp).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut query = vec![0; length.into()];
            stream.read_exact(&mut query).await.unwrap();
            let answer = answer(&query, Type::STREAM).unwrap();
            stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    address("192.0.2.53")
}

/// `None` is silence.
fn answer(query: &[u8], transport: Type) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).unwrap();
    let question = query.queries[0].clone();
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    answer.metadata.recursion_available = true;

    let kind = question.query_type();
    let addresses: &[&str] = match (question.name().to_ascii().as_str(), kind) {
        ("both.test.", RecordType::A) => &["198.51.100.3", "198.51.100.1", "198.51.100.2"],
        ("both.test.", _) => &["2001:db8::2", "2001:db8::1"],
        ("ipv4only.test.", RecordType::A) => &["198.51.100.4"],
        ("ipv4only.test.", _) => return None,
        ("router.", RecordType::A) => &["198.51.100.7"],
        ("big.test.", RecordType::A) if transport == Type::STREAM => &["198.51.100.9"],
        ("big.test.", RecordType::A) => {
            answer.metadata.truncation = true;
            &[]
        }
        ("big.test." | "router." | "empty.test.", _) => &[],
        ("broken.test.", _) => {
            answer.metadata.response_code = ResponseCode::ServFail;
            &[]
        }
        _ => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            &[]
        }
    };
    for text in addresses {
        let record = Record::from_rdata(question.name().clone(), 60, address(text).into());
        answer.add_answer(record);
    }
    answer.add_query(question);
    Some(answer.to_vec().unwrap())
}
