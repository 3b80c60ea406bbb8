//! Looking names up inside a tunnel.

use std::{net::IpAddr, num::NonZeroU32};

use adit_model::DnsSettings;
use hickory_resolver::proto::{
    op::Message,
    rr::{Name, RecordType},
};

use super::{Question, Transport, Way, encrypted::EncryptedServers, forward};
use crate::network::UnderlyingNames;

/// The addresses that a tunnel's servers know of `name`, IPv6 first. They are asked through the tunnel
/// with this interface, and nobody else is.
pub(crate) async fn look_up_inside(
    name: &Name,
    dns: &DnsSettings,
    (interface, index): (&str, NonZeroU32),
    names: &UnderlyingNames,
) -> Vec<IpAddr> {
    let encrypted = EncryptedServers::of(&dns.protocol, &dns.servers, interface, names);
    // Settings with such a server are refused before they are in force.
    let Ok(encrypted) = encrypted else { return Vec::new() };
    let ask = async |kind| {
        let question = Question::about(name.clone(), kind)?;
        match &encrypted {
            Some(servers) => servers.ask(&question.message).await.ok(),
            None => ask_in_clear(question, &dns.servers, Way::Through(index)).await,
        }
    };
    let (ipv6, ipv4) = tokio::join!(ask(RecordType::AAAA), ask(RecordType::A));
    [ipv6, ipv4].into_iter().flatten().flat_map(|answer| addresses(&answer)).collect()
}

/// Over TCP too, if the answer does not fit otherwise.
async fn ask_in_clear(question: Question, servers: &[IpAddr], way: Way) -> Option<Vec<u8>> {
    let answer = forward(&question, servers, way).await?;
    let is_cut = Message::from_vec(&answer).is_ok_and(|answer| answer.metadata.truncation);
    if !is_cut {
        return Some(answer);
    }
    forward(&Question { transport: Transport::Tcp, ..question }, servers, way).await
}

fn addresses(answer: &[u8]) -> Vec<IpAddr> {
    let answers = Message::from_vec(answer).map(|answer| answer.answers).unwrap_or_default();
    answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}
