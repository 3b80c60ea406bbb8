//! Apple's configuration profiles, from outside. The samples are our own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that fails fails its test")]

mod generated;
mod import;
mod on_demand;
mod round_trip;

use adit_model::ConfigurationId;
use adit_profile::{ImportedProfile, ProfileError, import_mobileconfig};

const WIREGUARD: &[u8] = include_bytes!("samples/wireguard.mobileconfig");
const PROVIDER: &[u8] = include_bytes!("samples/provider.mobileconfig");

fn import(bytes: impl AsRef<[u8]>) -> Result<ImportedProfile, ProfileError> {
    import_mobileconfig(bytes.as_ref(), || ConfigurationId::from_random([7; 16]))
}

/// A sample with something in it exchanged.
fn with(sample: &[u8], old: &str, new: &str) -> String {
    let text = std::str::from_utf8(sample).unwrap();
    assert!(text.contains(old), "{old}");
    text.replace(old, new)
}
