//! Secrets that Adit keeps in the keyring of the user: the Secret Service of freedesktop.org, which is
//! GNOME Keyring, `KWallet` or `KeePassXC`.

mod answer;
mod entries;
mod error;
mod keyring;
mod relocation;
mod saving;

pub use answer::{Found, is_in_keyring, remember};
pub use error::KeyringError;
pub use keyring::{Access, Keyring, complete};
pub use relocation::{Place, RelocationError, relocate};
pub use saving::{SavingError, save};
