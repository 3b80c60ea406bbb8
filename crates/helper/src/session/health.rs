//! What a person should know about a session, besides what its settings on this network mean.

use adit_model::{HealthCode, HealthItem, PathStatus, SecretPlaces, Severity};
use jiff::{Timestamp, tz::TimeZone};

/// The provider does not follow a changed configuration.
pub(super) fn behind(name: &str) -> HealthItem {
    HealthItem::new(
        HealthCode::ConfigurationBehind,
        Severity::Notice,
        "Changes take effect at the next connect",
        "The configuration was changed in a way that a connected tunnel cannot follow.",
    )
    .to_do(format!("adit reconnect {name}"))
    .with("name", name)
}

/// Whoever owns the session is asked for what it needs.
pub(super) fn asking(secrets: &SecretPlaces, what: &str, name: &str) -> HealthItem {
    let item = HealthItem::new(
        HealthCode::SecretsWanted,
        Severity::Warning,
        format!("Waiting for the {what} of “{name}”"),
        "The service does not keep it and asks for it in its owner’s session.",
    )
    .to_do("Enter it where Adit asks for it.")
    .with("name", name);
    match secrets.keys().next() {
        Some(only) if secrets.len() == 1 => item.with("secret", only),
        Some(_) | None => item,
    }
}

/// What the provider wants a person to see. It speaks for itself, so its words are set apart from ours.
pub(super) fn message(text: &str) -> HealthItem {
    HealthItem::new(
        HealthCode::ProviderMessage,
        Severity::Notice,
        "A message of the tunnel provider",
        format!("“{text}”"),
    )
    .with("message", text)
}

/// The provider died or was ended, and another one takes its place.
pub(super) fn restarting() -> HealthItem {
    HealthItem::new(
        HealthCode::ProviderRestarting,
        Severity::Warning,
        "The tunnel provider is being started again",
        "The one before has ended. Until this one has established the tunnel again, its traffic \
         waits and nothing of it goes outside.",
    )
}

/// The tunnel is up, but there is nothing below it.
pub(super) fn offline() -> HealthItem {
    HealthItem::new(
        HealthCode::PathNone,
        Severity::Warning,
        "This computer has no network",
        "Nothing goes through the tunnel until there is one; then it goes on by itself.",
    )
    .to_do("Connect this computer to a network again.")
}

/// The tunnel is up, but since then nothing came back through it.
pub(super) fn silent(since: Timestamp, path: PathStatus) -> HealthItem {
    let time = since.to_zoned(TimeZone::system()).strftime("%H:%M:%S");
    let (why, action) = match path {
        PathStatus::Satisfied => (
            "The server does not answer.",
            "Check the network at this place, and whether the server is up.",
        ),
        PathStatus::Unsatisfied => {
            ("This computer has no network.", "Connect it to a network again.")
        }
    };
    HealthItem::new(
        HealthCode::PathDead,
        Severity::Problem,
        format!("Nothing comes back since {time}"),
        format!(
            "{why} Adit keeps asking, and goes on by itself when it is heard; until then, what \
             belongs into the tunnel goes nowhere else."
        ),
    )
    .to_do(action)
    .with("since", &since)
    .with("offline", &(path == PathStatus::Unsatisfied))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_with_its_cause() {
        let item = |path| silent(Timestamp::UNIX_EPOCH, path);
        let (server, network) = (item(PathStatus::Satisfied), item(PathStatus::Unsatisfied));
        assert!(server.title.starts_with("Nothing comes back since "), "{server:?}");
        assert!(server.text.starts_with("The server does not answer."), "{server:?}");
        assert!(network.text.starts_with("This computer has no network."), "{network:?}");
    }
}
