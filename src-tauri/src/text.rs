//! The text of a WireGuard configuration in the editor, in which words stand for the secrets, so that
//! they stay out of the window.

use adit_model::{
    ConfigurationId, Secret, Secrets,
    wireguard::{Key, WireGuardConfiguration},
};
use adit_profile::{
    ExportError, ImportError, Note, export_wg_quick, import_wg_quick, wireguard_of,
};

/// Stands for a secret that is stored and stays.
const KEPT: &str = "(kept by Adit)";

/// What a text means.
pub(crate) struct Text {
    /// The configuration.
    pub(crate) wireguard: WireGuardConfiguration,
    /// Those that were written out, if any.
    pub(crate) secrets: Option<Secrets>,
    /// What counts for nothing or for something else.
    pub(crate) notes: Vec<Note>,
}

/// Writes a configuration, with `KEPT` in place of each of the `stored` secrets.
pub(crate) fn write(
    wireguard: &WireGuardConfiguration,
    stored: &Secrets,
) -> Result<String, ExportError> {
    let text = export_wg_quick(wireguard, stored)?;
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some((key, _)) if is_secret(key) => format!("{key} = {KEPT}\n"),
        Some(_) | None => format!("{line}\n"),
    });
    Ok(lines.collect())
}

/// Reads a text, with the line of what is wrong in it.
pub(crate) fn read(text: &str) -> Result<Text, ImportError> {
    let stand_in = Key::new([1; 32]).to_string();
    let lines = text.lines().map(|line| match line.split_once('=') {
        Some((key, value)) if is_secret(key.trim()) && value.trim() == KEPT => {
            format!("{key}= {stand_in}\n")
        }
        Some(_) | None => format!("{line}\n"),
    });
    let text: String = lines.collect();
    let imported = import_wg_quick(text.as_bytes(), "text", ConfigurationId::from_random([0; 16]))?;
    let mut secrets = imported.secrets.clone();
    secrets.retain(|_, secret| *secret != Secret::new(stand_in.as_str()));
    Ok(Text {
        wireguard: wireguard_of(&imported.configuration).unwrap_or_default(),
        secrets: (!secrets.is_empty()).then_some(secrets),
        notes: imported.notes,
    })
}

fn is_secret(key: &str) -> bool {
    key.eq_ignore_ascii_case("PrivateKey") || key.eq_ignore_ascii_case("PresharedKey")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_changed_means_the_same_and_has_no_secret() {
        let file = format!(
            "[Interface]\nPrivateKey = {}\nAddress = 10.0.0.2/32\n\n[Peer]\nPublicKey = {}\n\
             PresharedKey = {}\nAllowedIPs = 0.0.0.0/0\n",
            Key::new([5; 32]),
            Key::new([6; 32]),
            Key::new([7; 32])
        );
        let imported =
            import_wg_quick(file.as_bytes(), "home", ConfigurationId::from_random([2; 16]))
                .unwrap();
        let wireguard = wireguard_of(&imported.configuration).unwrap();
        let text = write(&wireguard, &imported.secrets).unwrap();
        assert_eq!(text.matches(KEPT).count(), 2, "{text}");
        assert!(!text.contains(&Key::new([5; 32]).to_string()), "{text}");
        let understood = read(&text).unwrap();
        assert_eq!(understood.wireguard, wireguard);
        assert_eq!(understood.secrets, None);

        let other = Key::new([8; 32]).to_string();
        let changed = text.replacen(KEPT, &other, 1);
        let secrets = read(&changed).unwrap().secrets.unwrap();
        assert_eq!(secrets.values().map(Secret::expose).collect::<Vec<_>>(), [other]);

        let wrong = read(&text.replace("10.0.0.2/32", "10.0.0.2/99")).map(|_| ()).unwrap_err();
        assert_eq!(wrong.line(), Some(3));
    }
}
