//! The property list of a profile, out of whatever it is packed in.

use std::io::Cursor;

use bcder::{Mode, OctetString, Oid, Tag};
use plist::{
    Dictionary, Value,
    stream::{Event, OwnedEvent, Reader},
};

use super::ProfileError;
use crate::MAX_SIZE;

/// Deeper than any key of a profile lies.
const MOST_DEPTH: usize = 24;
/// A binary property list may refer to one value from many places, and so be far larger than it is.
const MOST_VALUES: usize = 100_000;
const MOST_TEXT: usize = 8 * MAX_SIZE;

pub(super) struct Container {
    pub(super) dictionary: Dictionary,
    /// It came in an envelope of CMS (RFC 5652), whose signature nobody has checked.
    pub(super) signed: bool,
}

/// Whether the bytes look like a property list, plain or signed.
pub(super) fn is_meant_by(bytes: &[u8]) -> bool {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let is_xml = start.starts_with(b"<?xml") || start.starts_with(b"<!DOCTYPE plist");
    let has_list = || start.windows(6).any(|window| window == b"<plist");
    is_cms(bytes)
        || bytes.starts_with(b"bplist")
        || start.starts_with(b"<plist")
        || (is_xml && has_list())
}

impl Container {
    pub(super) fn open(bytes: &[u8]) -> Result<Self, ProfileError> {
        if bytes.len() > MAX_SIZE {
            return Err(ProfileError::TooLarge);
        }
        if !is_cms(bytes) {
            return Ok(Self { dictionary: property_list(bytes)?, signed: false });
        }
        let content = signed_content(bytes).ok_or(ProfileError::Sealed)?;
        Ok(Self { dictionary: property_list(&content)?, signed: true })
    }
}

/// A sequence of ASN.1; no text begins so that is a configuration.
fn is_cms(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30) && bytes.get(1).is_some_and(|length| *length >= 0x80)
}

/// The content of a signed message: RFC 5652 sections 3 and 5.1. Apple's tools write BER.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method itself is bound to one lifetime"
)]
fn signed_content(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut content = None;
    // What follows the content does not matter, so an error in it neither.
    let _ = Mode::Ber.decode(bytes, |message| {
        message.take_sequence(|message| {
            Oid::take_from(message)?;
            message.take_constructed_if(Tag::CTX_0, |message| {
                message.take_sequence(|signed| {
                    signed.take_u8()?;
                    signed.take_constructed_if(Tag::SET, |algorithms| algorithms.skip_all())?;
                    signed.take_sequence(|inner| {
                        Oid::take_from(inner)?;
                        content = Some(inner.take_constructed_if(Tag::CTX_0, |inner| {
                            OctetString::take_from(inner)
                        })?);
                        Ok(())
                    })
                })
            })
        })
    });
    let content: OctetString = content?;
    Some(content.into_bytes().to_vec())
}

fn property_list(bytes: &[u8]) -> Result<Dictionary, ProfileError> {
    // The error of a parser may quote what it stumbled over.
    let damaged = |_| ProfileError::Damaged("it is no property list that can be read".into());
    let mut events: Vec<OwnedEvent> = Vec::new();
    let (mut depth, mut text) = (0_usize, 0_usize);
    for event in Reader::new(Cursor::new(bytes)) {
        let event = event.map_err(damaged)?;
        match &event {
            Event::StartArray(_) | Event::StartDictionary(_) => depth += 1,
            Event::EndCollection => depth = depth.saturating_sub(1),
            Event::String(value) => text += value.len(),
            Event::Data(value) => text += value.len(),
            _ => {}
        }
        if depth > MOST_DEPTH || events.len() >= MOST_VALUES || text > MOST_TEXT {
            return Err(ProfileError::Excessive);
        }
        events.push(event);
    }
    let value = Value::from_events(events.into_iter().map(Ok)).map_err(damaged)?;
    value.into_dictionary().ok_or(ProfileError::NotAProfile)
}
