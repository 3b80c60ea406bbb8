//! What a provider tells of its session, for people.

use adit_sentence::{bytes, since, span};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::page::Page;

/// The part of a WireGuard provider's status that people want to see; any provider may speak so.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireGuardStatus {
    peers: Vec<Peer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    public_key: String,
    endpoint: Option<String>,
    last_handshake: Option<Timestamp>,
    rx_bytes: u64,
    tx_bytes: u64,
}

/// Writes the peers of a tunnel like WireGuard's, and anything else as it is.
pub(super) fn write(status: &Value, now: Timestamp, page: &mut Page) {
    if let Ok(status) = WireGuardStatus::deserialize(status) {
        for peer in &status.peers {
            write_peer(peer, now, page);
        }
        return;
    }
    let Value::Object(fields) = status else { return };
    for (name, value) in fields {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Null => continue,
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.to_string()
            }
        };
        page.field(name, &text);
    }
}

fn write_peer(peer: &Peer, now: Timestamp, page: &mut Page) {
    let handshake = peer.last_handshake.map_or_else(
        || "no handshake yet".into(),
        |then| format!("last handshake {} ago", span(since(then, now))),
    );
    let place = peer.endpoint.as_deref().unwrap_or("an unknown address");
    let (received, sent) = (bytes(peer.rx_bytes), bytes(peer.tx_bytes));
    let lines = [
        peer.public_key.clone(),
        format!("at {place}, {handshake}"),
        format!("received {received}, sent {sent}"),
    ];
    page.list("Peer", lines);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::page::Style;

    #[test]
    fn peers_are_told_in_words_and_unknown_status_as_it_is() {
        let peers = json!({ "listenPort": 51820, "drops": {}, "peers": [
            { "publicKey": "k1", "endpoint": "192.0.2.1:51820", "rxBytes": 1500, "txBytes": 9,
              "lastHandshake": "2026-03-01T12:00:00Z", "allowedIps": [] },
            { "publicKey": "k2", "rxBytes": 0, "txBytes": 0 },
        ]});
        let expected = "  Peer        k1
              at 192.0.2.1:51820, last handshake 1 min ago
              received 1.5 kB, sent 9 B
  Peer        k2
              at an unknown address, no handshake yet
              received 0 B, sent 0 B
";
        assert_eq!(written(&peers), expected);
        let other = written(&json!({ "cipher": "x", "streams": [1, 2], "none": null }));
        assert_eq!(other, "  cipher      x\n  streams     [1,2]\n");
    }

    fn written(status: &Value) -> String {
        let mut page = Page::new(Style::default());
        write(status, "2026-03-01T12:01:05Z".parse().unwrap(), &mut page);
        page.into_text()
    }
}
