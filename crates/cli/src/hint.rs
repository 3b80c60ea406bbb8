//! What to do about a session that failed.

use adit_model::{ConnectionError, DisconnectError, shell_word};

const HINTS: [(ConnectionError, &str); 10] = [
    (ConnectionError::NoNetworkAvailable, "Go online, then connect again."),
    (
        ConnectionError::ServerAddressResolutionFailed,
        "Check the server's name with: adit show NAME",
    ),
    (
        ConnectionError::ServerNotResponding,
        "Check the server's address and port and both keys; a firewall in between may drop UDP.",
    ),
    (ConnectionError::ServerDead, "Try again; if it stays so, ask whoever runs the server."),
    (ConnectionError::AuthenticationFailed, "Check the keys with: adit edit NAME"),
    (ConnectionError::ConfigurationFailed, "See how it is set up with: adit show NAME"),
    (ConnectionError::PluginFailed, "See why with: journalctl -u adit-helper"),
    (ConnectionError::PluginDisabled, "See which providers there are with: adit providers"),
    (ConnectionError::ClientCertificateExpired, "Ask for another certificate."),
    (ConnectionError::ServerDisconnected, "Try again, or ask whoever runs the server."),
];

/// What to do about `error`, for the configuration `name`. A provider's own errors say so
/// themselves.
pub(crate) fn of_error(error: &DisconnectError, name: &str) -> Option<String> {
    if error.domain != ConnectionError::DOMAIN {
        return None;
    }
    let of_code = |(known, _): &&(ConnectionError, _)| i64::from(*known as u8) == error.code;
    HINTS.iter().find(of_code).map(|(_, hint)| hint.replace("NAME", &shell_word(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_configuration_as_a_shell_reads_it() {
        let error = ConnectionError::AuthenticationFailed.plain();
        assert_eq!(of_error(&error, "work").unwrap(), "Check the keys with: adit edit work");
        let said = of_error(&error, "it's mine").unwrap();
        assert_eq!(said, r"Check the keys with: adit edit 'it'\''s mine'");
        let own = DisconnectError { domain: "org.example".into(), ..error };
        assert_eq!(of_error(&own, "work"), None);
    }
}
