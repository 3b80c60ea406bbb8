//! The wg-quick format, from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails fails its test")]

mod generated;
mod import;
mod oracle;
mod round_trip;

use adit_model::{ConfigurationId, wireguard::WireGuardConfiguration};
use adit_profile::{ImportError, Imported, import_wg_quick};

fn import(bytes: impl AsRef<[u8]>) -> Result<Imported, ImportError> {
    import_wg_quick(bytes.as_ref(), "home", ConfigurationId::from_random([7; 16]))
}

fn wireguard(imported: &Imported) -> WireGuardConfiguration {
    let stored = &imported.configuration.protocol.provider_configuration;
    WireGuardConfiguration::from_map(stored).unwrap()
}
