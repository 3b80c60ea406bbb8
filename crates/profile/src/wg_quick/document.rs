//! The grammar: sections and `key = value` lines.
//!
//! As in wg(8) and wg-quick(8), `#` begins a comment anywhere, case does not matter in names, and
//! a later `[Interface]` goes on with the earlier one.

use super::{
    ImportError,
    key::{self, InterfaceKey, PeerKey, SectionKey},
    nearest::nearest,
    text,
};
use crate::{Note, NoteCode};

/// A file whose sections and keys are all known.
pub(super) struct Document<'a> {
    pub(super) interface: Block<'a, InterfaceKey>,
    pub(super) peers: Vec<Block<'a, PeerKey>>,
}

/// The settings of one section.
pub(super) struct Block<'a, K> {
    /// Line of its header.
    pub(super) line: usize,
    pub(super) entries: Vec<Entry<'a, K>>,
}

/// One `key = value`.
pub(super) struct Entry<'a, K> {
    pub(super) line: usize,
    pub(super) key: K,
    /// The key as manuals write it.
    pub(super) name: &'static str,
    /// Without comment and outer white space; may be empty.
    pub(super) value: &'a str,
}

/// Something and the line that it was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// Names that are longer are not repeated in messages: they may be a private key that lost its
/// place.
const MAX_QUOTED: usize = 32;

impl<'a> Document<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ImportError> {
        let mut sections: Vec<Section<'a>> = Vec::new();
        for (line, content) in text::lines(text) {
            let content = content.split('#').next().unwrap_or_default().trim();
            if content.chars().any(|c| c.is_control() && c != '\t') {
                return Err(ImportError::ControlCharacter { line });
            }
            if content.is_empty() {
                continue;
            }
            if content.starts_with('[') {
                sections.push(Section::parse(line, content)?);
                continue;
            }
            let setting = Setting::parse(line, content)?;
            match sections.last_mut() {
                Some(Section::Interface(block)) => block.entries.push(setting.known()?),
                Some(Section::Peer(block)) => block.entries.push(setting.known()?),
                None => return Err(ImportError::OutsideSection { line, key: setting.key }),
            }
        }
        Self::gather(sections)
    }

    fn gather(sections: Vec<Section<'a>>) -> Result<Self, ImportError> {
        let mut interface: Option<Block<'a, InterfaceKey>> = None;
        let mut peers = Vec::new();
        for section in sections {
            match section {
                Section::Interface(block) => match &mut interface {
                    Some(first) => first.entries.extend(block.entries),
                    None => interface = Some(block),
                },
                Section::Peer(block) => peers.push(block),
            }
        }
        let interface = interface.ok_or(ImportError::NoInterface)?;
        Ok(Self { interface, peers })
    }
}

impl<K: SectionKey> Block<'_, K> {
    fn at(line: usize) -> Self {
        Self { line, entries: Vec::new() }
    }

    /// The error that this section lacks `key`.
    pub(super) fn missing(&self, key: &'static str, example: &'static str) -> ImportError {
        ImportError::Missing { line: self.line, section: K::SECTION, key, example }
    }

    /// Says which lines have no effect because the key stands there again.
    pub(super) fn note_repeats(&self, notes: &mut Vec<Note>) {
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.key.adds_up() {
                continue;
            }
            let mut later = self.entries[index + 1..].iter();
            if let Some(later) = later.find(|later| later.key == entry.key) {
                let name = entry.name;
                let text = format!("{name} is given again on line {}, which counts.", later.line);
                let note = Note::warning(NoteCode::KeyRepeated, text).about(name).at(entry.line);
                notes.push(note.with("later", &later.line));
            }
        }
    }
}

impl<K> Entry<'_, K> {
    /// The value as `read` takes it.
    pub(super) fn parse<T, E: ToString>(
        &self,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, ImportError> {
        read(self.value).map_err(|reason| self.wrong(reason.to_string()))
    }

    /// The parts of a list between separators. An empty value is an empty list.
    pub(super) fn parse_items<T, E: ToString>(
        &self,
        is_separator: impl Fn(char) -> bool,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> impl Iterator<Item = Result<Read<T>, ImportError>> {
        let items = self.value.split(is_separator).map(str::trim).filter(|item| !item.is_empty());
        items.map(move |item| match read(item) {
            Ok(value) => Ok(Read { line: self.line, value }),
            Err(reason) => Err(self.wrong(reason.to_string())),
        })
    }

    /// The error that this value is wrong.
    pub(super) fn wrong(&self, reason: impl Into<String>) -> ImportError {
        ImportError::Value { line: self.line, key: self.name, reason: reason.into() }
    }
}

enum Section<'a> {
    Interface(Block<'a, InterfaceKey>),
    Peer(Block<'a, PeerKey>),
}

impl Section<'_> {
    /// A section without entries.
    fn parse(line: usize, header: &str) -> Result<Self, ImportError> {
        let bare = without_space(header);
        let name = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match name.filter(|name| is_quotable(name)) {
            Some(name) if name.eq_ignore_ascii_case(InterfaceKey::SECTION) => {
                Ok(Self::Interface(Block::at(line)))
            }
            Some(name) if name.eq_ignore_ascii_case(PeerKey::SECTION) => {
                Ok(Self::Peer(Block::at(line)))
            }
            Some(name) => Err(ImportError::UnknownSection { line, section: name.into() }),
            None => Err(ImportError::NotASetting { line }),
        }
    }
}

/// A `key = value` whose key is not known yet.
struct Setting<'a> {
    line: usize,
    key: String,
    value: &'a str,
}

impl<'a> Setting<'a> {
    fn parse(line: usize, content: &'a str) -> Result<Self, ImportError> {
        let (key, value) = content.split_once('=').ok_or(ImportError::NotASetting { line })?;
        let key = without_space(key);
        if !is_quotable(&key) {
            return Err(ImportError::NotASetting { line });
        }
        Ok(Self { line, key, value: value.trim() })
    }

    fn known<K: SectionKey>(self) -> Result<Entry<'a, K>, ImportError> {
        match K::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&self.key)) {
            Some(&(name, key)) => Ok(Entry { line: self.line, key, name, value: self.value }),
            None => Err(self.misplaced()),
        }
    }

    fn misplaced(self) -> ImportError {
        let Self { line, key, value: _ } = self;
        let elsewhere = key::all().find(|(name, _)| name.eq_ignore_ascii_case(&key));
        if let Some((key, section)) = elsewhere {
            return ImportError::WrongSection { line, key, section };
        }
        let nearest = nearest(&key, key::all().map(|(name, _)| name));
        ImportError::UnknownKey { line, key, nearest }
    }
}

fn is_quotable(name: &str) -> bool {
    (1..=MAX_QUOTED).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// wg ignores white space wherever it stands.
pub(super) fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}
