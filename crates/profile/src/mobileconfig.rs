//! Apple's configuration profiles (`.mobileconfig`), as far as they are about VPNs. Spec section 15.

mod certificate;
mod container;
mod dns;
mod error;
mod export;
mod json;
mod on_demand;
mod proxies;
mod reader;
mod vpn;

use adit_model::ConfigurationId;

use self::{certificate::Certificate, container::Container, reader::Reader, vpn::Found};
use crate::{Imported, Note, NoteCode};

pub(crate) use self::vpn::KEPT;
pub use self::{
    error::ProfileError,
    export::{AppleSystem, ProfileIds, export_mobileconfig},
};

const PROFILE: &str = "Configuration";
/// What a profile says of itself and nothing here depends on.
const ABOUT: [&str; 12] = [
    "ConsentText",
    "DurationUntilRemoval",
    "EncryptedPayloadContent",
    "HasRemovalPasscode",
    "PayloadDescription",
    "PayloadDisplayName",
    "PayloadExpirationDate",
    "PayloadOrganization",
    "PayloadScope",
    "RemovalDate",
    "TargetDeviceType",
    "PayloadVersion",
];

/// What a profile yields.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedProfile {
    /// A configuration for each VPN in it that Adit can have; at least one.
    pub configurations: Vec<Imported>,
    /// What else of the profile counts for nothing.
    pub notes: Vec<Note>,
}

/// Whether `bytes` are to be read as a profile: a property list in XML or in binary, plain or signed.
#[must_use]
pub fn is_mobileconfig(bytes: &[u8]) -> bool {
    container::is_meant_by(bytes)
}

/// Reads a profile of at most [`MAX_SIZE`](crate::MAX_SIZE) bytes. A signature is not checked.
/// `new_id` draws an id for each configuration.
pub fn import_mobileconfig(
    bytes: &[u8],
    mut new_id: impl FnMut() -> ConfigurationId,
) -> Result<ImportedProfile, ProfileError> {
    let Container { dictionary, signed } = Container::open(bytes)?;
    let profile = Reader::new(&dictionary, "");
    if profile.text("PayloadType")?.is_some_and(|kind| kind != PROFILE) {
        return Err(ProfileError::NotAProfile);
    }
    let payloads = profile.dictionaries("PayloadContent")?.ok_or(ProfileError::NotAProfile)?;
    let mut notes = Vec::new();
    if signed {
        notes.push(Note::notice(
            NoteCode::ProfileSignature,
            "The profile is signed. Who signed it was not checked.",
        ));
    }
    if profile.flag("PayloadRemovalDisallowed")? == Some(true) {
        let text = "The profile asks not to be removable; what is imported by hand can be removed.";
        notes.push(Note::notice(NoteCode::ProfileRemoval, text).about("PayloadRemovalDisallowed"));
    }
    profile.skip(&ABOUT);
    profile.skip(&["PayloadUUID"]);
    let identifier = profile.text("PayloadIdentifier")?;
    let mut configurations = Vec::new();
    let mut left_out = Vec::new();
    let mut certificates = Vec::new();
    for payload in &payloads {
        certificates.extend(Certificate::read(payload)?);
    }
    // One that no VPN refers to is left out, and said.
    certificates.retain(|it| payloads.iter().any(|payload| vpn::refers_to(payload, it)));
    for payload in &payloads {
        match vpn::read(payload, identifier, &certificates, &mut new_id)? {
            Found::Certificate => {}
            Found::Vpn(imported) => configurations.push(*imported),
            Found::Other(note) => left_out.push(note),
        }
    }
    if configurations.is_empty() {
        let reasons = left_out.into_iter().map(|note| note.text).collect();
        return Err(ProfileError::NothingUsable { reasons });
    }
    notes.extend(left_out);
    notes.extend(profile.unread().into_iter().map(|unread| unread.note()));
    Ok(ImportedProfile { configurations, notes })
}
