//! A dictionary of a profile, which knows where it lies and what of it was read.

use std::{cell::RefCell, collections::BTreeSet};

use plist::{Dictionary, Value};

use super::ProfileError;
use crate::{Note, NoteCode};

pub(super) struct Reader<'a> {
    dictionary: &'a Dictionary,
    path: String,
    read: RefCell<BTreeSet<&'static str>>,
}

/// A key, most often one that nobody asked for.
pub(super) struct Unread<'a> {
    pub(super) path: String,
    pub(super) key: &'a str,
    pub(super) value: &'a Value,
}

type Found<T> = Result<Option<T>, ProfileError>;

impl<'a> Reader<'a> {
    pub(super) fn new(dictionary: &'a Dictionary, path: impl Into<String>) -> Self {
        Self { dictionary, path: path.into(), read: RefCell::default() }
    }

    /// The keys that lead here.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The keys that lead to one of this dictionary.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.dictionary.contains_key(key)
    }

    /// Of these nothing has to be said.
    pub(super) fn skip(&self, keys: &[&'static str]) {
        self.read.borrow_mut().extend(keys);
    }

    pub(super) fn text(&self, key: &'static str) -> Found<&'a str> {
        self.value(key, "must be a text", Value::as_string)
    }

    pub(super) fn required_text(&self, key: &'static str) -> Result<&'a str, ProfileError> {
        let text = self.text(key)?;
        text.ok_or_else(|| ProfileError::Missing { path: self.path_of(key) })
    }

    pub(super) fn data(&self, key: &'static str) -> Found<&'a [u8]> {
        self.value(key, "must be data", Value::as_data)
    }

    /// Apple writes flags as numbers, people write them as booleans.
    pub(super) fn flag(&self, key: &'static str) -> Found<bool> {
        self.value(key, "must be 0 or 1", |value| match value {
            Value::Boolean(set) => Some(*set),
            Value::Integer(number) => match number.as_signed() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                Some(_) | None => None,
            },
            _ => None,
        })
    }

    pub(super) fn number(&self, key: &'static str) -> Found<u32> {
        self.value(key, "must be a number from 0 to 4294967295", |value| {
            value.as_unsigned_integer().and_then(|number| number.try_into().ok())
        })
    }

    pub(super) fn texts(&self, key: &'static str) -> Found<Vec<&'a str>> {
        self.value(key, "must be a list of texts", |value| {
            value.as_array()?.iter().map(Value::as_string).collect()
        })
    }

    pub(super) fn dictionary(&self, key: &'static str) -> Found<Self> {
        let found = self.value(key, "must be a dictionary", Value::as_dictionary)?;
        Ok(found.map(|dictionary| Self::new(dictionary, self.path_of(key))))
    }

    pub(super) fn dictionaries(&self, key: &'static str) -> Found<Vec<Self>> {
        let list: Option<Vec<&Dictionary>> =
            self.value(key, "must be a list of dictionaries", |value| {
                value.as_array()?.iter().map(Value::as_dictionary).collect()
            })?;
        let path = self.path_of(key);
        let number = |(index, dictionary)| Self::new(dictionary, format!("{path}[{index}]"));
        Ok(list.map(|list| list.into_iter().enumerate().map(number).collect()))
    }

    pub(super) fn wrong(&self, key: &str, reason: impl Into<String>) -> ProfileError {
        ProfileError::Value { path: self.path_of(key), reason: reason.into() }
    }

    pub(super) fn unread(&self) -> Vec<Unread<'a>> {
        let read = self.read.borrow();
        let unread = self.dictionary.iter().filter(|(key, _)| !read.contains(key.as_str()));
        unread.map(|(key, value)| Unread { path: self.path_of(key), key, value }).collect()
    }

    /// A key with what it has, whether or not somebody asked for it.
    pub(super) fn found(&self, key: &'static str) -> Option<Unread<'a>> {
        let value = self.dictionary.get(key)?;
        Some(Unread { path: self.path_of(key), key, value })
    }

    fn value<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Found<T> {
        self.skip(&[key]);
        let Some(value) = self.dictionary.get(key) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(key, expected))
    }
}

impl Unread<'_> {
    pub(super) fn note(&self) -> Note {
        let Self { path, .. } = self;
        Note::warning(
            NoteCode::ProfileUnknown,
            format!("{path} is not known and counts for nothing."),
        )
        .about(path)
    }
}
