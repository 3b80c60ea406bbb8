//! What a session runs with, read from its configuration and secrets.

use std::collections::BTreeMap;

use adit_model::{
    ConnectionError, InvalidConfiguration, Secrets, VpnConfiguration,
    wireguard::{
        InvalidKey, Key, PRIVATE_KEY, WireGuardConfiguration, WireGuardPeer, preshared_key,
    },
};
use adit_provider::ProviderError;

use crate::{
    engine::{Parameters, PeerParameters},
    keys::{PresharedKey, PrivateKey},
};

/// Why there is nothing to run with.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum SetupError {
    #[error("The WireGuard configuration cannot be used: {}: {}.", .0.field, .0.reason)]
    Configuration(#[from] InvalidConfiguration),
    #[error("What was given as private key is none: {0}.")]
    PrivateKey(InvalidKey),
    #[error("What was given as preshared key of {0} is none: {1}.")]
    PresharedKey(Key, InvalidKey),
}

impl From<SetupError> for ProviderError {
    fn from(error: SetupError) -> Self {
        let kind = match error {
            SetupError::Configuration(_) => ConnectionError::ConfigurationFailed,
            // The person who entered it is asked again.
            SetupError::PrivateKey(_) | SetupError::PresharedKey(..) => {
                ConnectionError::AuthenticationFailed
            }
        };
        kind.because(error.to_string())
    }
}

/// A valid configuration with its keys.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) wireguard: WireGuardConfiguration,
    pub(crate) private_key: PrivateKey,
    preshared_keys: BTreeMap<Key, PresharedKey>,
}

impl Setup {
    /// Reads and checks it, naming what is wrong.
    pub(crate) fn read(
        configuration: &VpnConfiguration,
        secrets: &Secrets,
    ) -> Result<Self, SetupError> {
        let map = &configuration.protocol.provider_configuration;
        let wireguard = WireGuardConfiguration::from_map(map)?;
        wireguard.validate()?;
        let private_key = secrets
            .get(PRIVATE_KEY)
            .ok_or_else(|| InvalidConfiguration::new(PRIVATE_KEY, "is missing; import it again"))?
            .expose()
            .parse()
            .map_err(SetupError::PrivateKey)?;
        let mut preshared_keys = BTreeMap::new();
        for peer in &wireguard.peers {
            let name = preshared_key(&peer.public_key);
            if let Some(secret) = secrets.get(&name) {
                let key = secret
                    .expose()
                    .parse()
                    .map_err(|error| SetupError::PresharedKey(peer.public_key, error))?;
                preshared_keys.insert(peer.public_key, key);
            }
        }
        Ok(Self { wireguard, private_key, preshared_keys })
    }

    /// For an engine; where the peers are is not known yet.
    pub(crate) fn parameters(&self) -> Parameters {
        let peer = |peer: &WireGuardPeer| PeerParameters {
            public_key: peer.public_key,
            preshared_key: self.preshared_keys.get(&peer.public_key).cloned(),
            endpoint: None,
            is_looked_for: peer.endpoint.is_some(),
            allowed_ips: peer.allowed_ips.clone(),
            persistent_keepalive: peer.persistent_keepalive.filter(|seconds| *seconds != 0),
        };
        Parameters {
            private_key: self.private_key.clone(),
            peers: self.wireguard.peers.iter().map(peer).collect(),
        }
    }

    /// The servers without which there is no tunnel: those with a default route or, if there is
    /// none, all that have an endpoint.
    pub(crate) fn servers(&self) -> Vec<Key> {
        let reachable = || self.wireguard.peers.iter().filter(|peer| peer.endpoint.is_some());
        let default = || reachable().filter(|peer| has_default_route(peer));
        if default().next().is_some() {
            default().map(|peer| peer.public_key).collect()
        } else {
            reachable().map(|peer| peer.public_key).collect()
        }
    }

    /// Whether an engine that runs with `self` does what one with `other` would do.
    pub(crate) fn has_engine_of(&self, other: &Self) -> bool {
        self.private_key == other.private_key
            && self.preshared_keys == other.preshared_keys
            && self.wireguard.peers == other.wireguard.peers
            && self.wireguard.listen_port == other.wireguard.listen_port
    }
}

/// Half of all addresses counts: wg-quick users write `0.0.0.0/1, 128.0.0.0/1` as well.
fn has_default_route(peer: &WireGuardPeer) -> bool {
    peer.allowed_ips.iter().any(|net| net.prefix_len() <= 1)
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, Secret, TunnelProviderProtocol, wireguard::PROVIDER_ID};
    use serde_json::json;

    use super::*;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const OTHER: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    #[test]
    fn what_is_wrong_is_named() {
        let fault = |secrets: &[(&str, &str)]| {
            let peers = json!([{"publicKey": KEY, "allowedIps": ["0.0.0.0/0"]}]);
            read(&peers, secrets).unwrap_err().to_string()
        };
        assert!(fault(&[]).contains("used: privateKey: is missing; import it again."));
        assert!(fault(&[("privateKey", "short")]).contains("private key is none: a key is 44"));
        let preshared = format!("presharedKey:{KEY}");
        let secrets = [("privateKey", OTHER), (preshared.as_str(), "AAAA")];
        assert!(fault(&secrets).contains(&format!("{KEY} is none: a key is 32 bytes")));
        let without_peers = read(&json!([]), &[("privateKey", OTHER)]).unwrap_err();
        assert!(without_peers.to_string().contains("peers"), "{without_peers}");
    }

    #[test]
    fn the_default_route_decides_which_servers_matter() {
        let servers = |nets: [&str; 2]| {
            let peers = json!([
                {"publicKey": KEY, "endpoint": "a.test:1", "allowedIps": [nets[0]]},
                {"publicKey": OTHER, "endpoint": "b.test:1", "allowedIps": [nets[1]]},
            ]);
            let setup = read(&peers, &[("privateKey", OTHER)]).unwrap();
            setup.servers().iter().map(Key::to_string).collect::<Vec<_>>()
        };
        assert_eq!(servers(["10.0.0.0/8", "::/0"]), [OTHER]);
        assert_eq!(servers(["10.0.0.0/8", "192.0.2.0/24"]), [KEY, OTHER]);
    }

    #[test]
    fn the_schema_knows_every_field() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../schema.json")).unwrap();
        let text = "[Interface]";
        let full = json!({
            "addresses": ["10.0.0.2/32"], "dnsServers": ["10.0.0.1"], "searchDomains": ["a.test"],
            "matchDomains": ["b.test"], "dnsProtocol": {"tls": {"serverName": "c.test"}},
            "mtu": 1420, "listenPort": 1, "fwmark": 1, "table": {"table": 7}, "blockIpv6": true, "saveConfig": true,
            "scripts": {"preUp": [text], "postUp": [text], "preDown": [text], "postDown": [text]},
            "peers": [{
                "publicKey": KEY, "endpoint": "a.test:1", "allowedIps": ["::/0"],
                "persistentKeepalive": 25,
            }],
        });
        let read = WireGuardConfiguration::from_map(full.as_object().unwrap()).unwrap();
        assert_eq!(serde_json::Value::Object(read.to_map()), full, "the example has every field");
        let knows = |properties: &serde_json::Value, example: &serde_json::Value| {
            let known = properties.as_object().unwrap().keys().collect::<Vec<_>>();
            let mut fields = example.as_object().unwrap().keys().collect::<Vec<_>>();
            fields.sort_by_key(|field| known.iter().position(|name| name == field));
            assert_eq!(known, fields);
        };
        knows(&schema["properties"], &full);
        knows(&schema["properties"]["scripts"]["properties"], &full["scripts"]);
        knows(&schema["$defs"]["peer"]["properties"], &full["peers"][0]);
    }

    fn read(peers: &serde_json::Value, secrets: &[(&str, &str)]) -> Result<Setup, SetupError> {
        let mut protocol = TunnelProviderProtocol::new(PROVIDER_ID, "server");
        let configuration = json!({"addresses": ["10.0.0.2/32", "fd00::2/128"], "peers": peers});
        protocol.provider_configuration = configuration.as_object().unwrap().clone();
        let secrets = secrets.iter().map(|(name, text)| ((*name).into(), Secret::new(*text)));
        let configuration = VpnConfiguration::new(ConfigurationId::random(), "test", protocol);
        Setup::read(&configuration, &secrets.collect())
    }
}
