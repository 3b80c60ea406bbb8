//! The formats that people have their VPN configurations in: import, lint and export.
//!
//! Everything here is a pure function from bytes to a configuration or back. Files are read and
//! written, and ids drawn, by whoever calls.

mod archive;
mod check;
mod configuration;
mod imported;
mod lint;
mod mobileconfig;
mod name;
mod note_code;
mod protection;
mod succession;
mod wg_quick;

pub use archive::{Archive, ArchiveError};
pub use check::check;
pub use configuration::{completed, set_wireguard, wireguard_of};
pub use imported::{Imported, Note};
pub use lint::lint;
pub use mobileconfig::{
    AppleSystem, ImportedProfile, ProfileError, ProfileIds, export_mobileconfig,
    import_mobileconfig, is_mobileconfig,
};
pub use name::name_from_file;
pub use note_code::NoteCode;
pub use protection::{Protection, protect};
pub use succession::succeed;
pub use wg_quick::{
    Draft, ExportError, ImportError, MAX_SIZE, export_wg_quick, import_wg_quick,
    is_said_by_wg_quick, read_draft, write_draft,
};
