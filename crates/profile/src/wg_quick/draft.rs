//! The text of a configuration in an editor, which shows of the keys only that they are there.

use std::collections::{BTreeMap, BTreeSet};

use adit_model::{
    SecretChange, VpnConfiguration,
    wireguard::{PRIVATE_KEY, WireGuardConfiguration},
};

use super::{
    ExportError, File, FoundKey, ImportError, Read,
    export::{self, Keys},
    value::WrittenKey,
};
use crate::{Note, completed, set_wireguard, wireguard_of};

/// What a text makes of the configuration that it was written from.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The configuration; what the text says nothing about is as it was.
    pub configuration: VpnConfiguration,
    /// What becomes of its secrets. Those that are hidden stay.
    pub secrets: BTreeMap<String, SecretChange>,
    /// What of the text counts for nothing or for something else.
    pub notes: Vec<Note>,
}

/// Writes a configuration as a file of wg-quick(8) with `(hidden)` for each key of `secrets`. It
/// may lack what a tunnel needs.
pub fn write_draft(
    configuration: &WireGuardConfiguration,
    secrets: &BTreeSet<String>,
) -> Result<String, ExportError> {
    Ok(export::write(configuration, Keys::Hidden(secrets))?.to_string())
}

/// Reads what became of that text. `secrets` names those that `(hidden)` may stand for.
pub fn read_draft(
    text: &str,
    configuration: &VpnConfiguration,
    secrets: &BTreeSet<String>,
) -> Result<Draft, ImportError> {
    let File { configuration: written, keys, notes } =
        File::read(text.as_bytes(), &configuration.name, configuration.id)?;
    let mut draft = Draft { configuration: configuration.clone(), secrets: BTreeMap::new(), notes };
    if let Some(wireguard) = wireguard_of(&written) {
        set_wireguard(&mut draft.configuration, &completed(wireguard, configuration));
    }
    let is_ours = |name: &&String| *name == PRIVATE_KEY || name.starts_with("presharedKey:");
    let gone = secrets.iter().filter(is_ours).map(|name| (name.clone(), SecretChange::Remove {}));
    draft.secrets = gone.collect();
    for FoundKey { name, key, read: Read { line, value } } in keys {
        match value {
            WrittenKey::Shown(secret) => {
                draft.secrets.insert(name, SecretChange::Set(secret));
            }
            WrittenKey::Hidden if secrets.contains(&name) => {
                draft.secrets.remove(&name);
            }
            WrittenKey::Hidden => {
                let reason = "there is none that could be kept; write it out".into();
                return Err(ImportError::Value { line, key, reason });
            }
        }
    }
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, Secret, wireguard::Key};

    use super::*;
    use crate::import_wg_quick;

    #[test]
    fn a_text_that_was_not_touched_changes_nothing() {
        let (configuration, names) = example();
        let text = written(&configuration, &names);
        assert!(!text.contains("AAAAAAAA"), "{text}");
        let draft = read_draft(&text, &configuration, &names).unwrap();
        assert_eq!(draft.configuration, configuration);
        assert_eq!(draft.secrets, BTreeMap::new());
    }

    #[test]
    fn keys_are_kept_replaced_and_removed() {
        let (configuration, names) = example();
        let text = written(&configuration, &names);
        let own = key(5).to_string();
        let changed = text
            .replace("PrivateKey = (hidden)", &format!("PrivateKey = {own}"))
            .replace("PresharedKey = (hidden)\n", "");
        let draft = read_draft(&changed, &configuration, &names).unwrap();
        let expected = BTreeMap::from([
            (PRIVATE_KEY.to_owned(), SecretChange::Set(Secret::new(own))),
            (format!("presharedKey:{}", key(2)), SecretChange::Remove {}),
        ]);
        assert_eq!(draft.secrets, expected);
    }

    #[test]
    fn a_hidden_key_that_is_nowhere_is_named_with_its_line() {
        let (configuration, names) = example();
        let text = written(&configuration, &names);
        let other = text.replace(&key(2).to_string(), &key(3).to_string());
        let error = read_draft(&other, &configuration, &names).unwrap_err();
        let line = text.lines().position(|line| line.starts_with("PresharedKey")).unwrap() + 1;
        assert_eq!(error.line(), Some(line));
        let error = import_wg_quick(text.as_bytes(), "home", configuration.id).unwrap_err();
        assert_eq!(error.line(), Some(2), "a file of others has its keys");
    }

    #[test]
    fn what_the_text_has_no_words_for_stays() {
        let (mut configuration, names) = example();
        let mut wireguard = wireguard_of(&configuration).unwrap();
        wireguard.block_ipv6 = true;
        wireguard.match_domains = Some(vec!["corp.example".into()]);
        set_wireguard(&mut configuration, &wireguard);
        configuration.protocol.enforce_routes = true;
        let text = written(&configuration, &names).replace("MTU = 1400", "MTU = 1380");
        let draft = read_draft(&text, &configuration, &names).unwrap();
        wireguard.mtu = Some(1380);
        set_wireguard(&mut configuration, &wireguard);
        assert_eq!(draft.configuration, configuration);
    }

    #[test]
    fn a_draft_may_lack_what_a_tunnel_needs() {
        let text = write_draft(&WireGuardConfiguration::default(), &BTreeSet::new()).unwrap();
        assert_eq!(text, "[Interface]\n");
    }

    fn example() -> (VpnConfiguration, BTreeSet<String>) {
        let text = format!(
            "[Interface]\nPrivateKey = {}\nAddress = 10.0.0.2/32\nMTU = 1400\n\
             [Peer]\nPublicKey = {}\nPresharedKey = {}\nAllowedIPs = 0.0.0.0/0\n",
            key(1),
            key(2),
            key(4)
        );
        let id = ConfigurationId::from_random([7; 16]);
        let imported = import_wg_quick(text.as_bytes(), "home", id).unwrap();
        (imported.configuration, imported.secrets.into_keys().collect())
    }

    fn written(configuration: &VpnConfiguration, names: &BTreeSet<String>) -> String {
        write_draft(&wireguard_of(configuration).unwrap(), names).unwrap()
    }

    fn key(byte: u8) -> Key {
        Key::new([byte; 32])
    }
}
