//! Why a keyring is of no use.

use secret_service::Error;

/// Each is a sentence for the person at the screen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// No program offers it.
    #[error("This session has no keyring, such as GNOME Keyring or KWallet.")]
    Missing,
    /// It would have to be unlocked, and nobody may be asked to.
    #[error("The keyring is locked.")]
    Locked,
    /// The person would not unlock it.
    #[error("The keyring was not unlocked.")]
    NotUnlocked,
    /// Anything else.
    #[error("The keyring cannot be used: {0}.")]
    Failed(String),
}

impl From<Error> for KeyringError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for KeyringError {
    fn from(error: &Error) -> Self {
        match error {
            Error::Unavailable => Self::Missing,
            Error::Locked => Self::Locked,
            Error::Prompt => Self::NotUnlocked,
            error if is_missing(error) => Self::Missing,
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<keyring::Error> for KeyringError {
    fn from(error: keyring::Error) -> Self {
        use keyring::Error::{NoStorageAccess, PlatformFailure};
        let (NoStorageAccess(cause) | PlatformFailure(cause)) = &error else {
            return Self::Failed(error.to_string());
        };
        match cause.downcast_ref::<Error>() {
            Some(cause) => cause.into(),
            None => Self::Failed(cause.to_string()),
        }
    }
}

/// What the bus says when nobody has the name, and what the system says when there is no bus.
fn is_missing(error: &Error) -> bool {
    let text = error.to_string();
    let signs = ["ServiceUnknown", "NameHasNoOwner", "Connection refused", "No such file"];
    signs.iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_keyring_is_one_whoever_says_so() {
        for (error, said) in [
            (Error::Locked, KeyringError::Locked),
            (Error::Prompt, KeyringError::NotUnlocked),
            (Error::Unavailable, KeyringError::Missing),
        ] {
            let by_keyring = keyring::Error::NoStorageAccess(Box::new(error));
            assert_eq!(KeyringError::from(by_keyring), said);
        }
    }
}
