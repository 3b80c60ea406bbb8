//! Interface descriptions: reads `.varlink` files, and holds them against the code that serves
//! them.
//!
//! Meant for tests. A description is the contract with other languages, so a test of each interface
//! should ask [`Interface::differences`], and check an example of each larger type against it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Signature;

mod parser;

/// A parsed `.varlink` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    name: String,
    types: BTreeMap<String, Type>,
    methods: BTreeMap<String, MethodType>,
    errors: BTreeMap<String, Type>,
}

/// What a `.varlink` file could not be read for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct IdlError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What should be there.
    pub expected: &'static str,
    /// What is there.
    pub found: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct MethodType {
    parameters: Type,
    reply: Type,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Type {
    Bool,
    Int,
    Float,
    String,
    /// Any JSON object.
    Object,
    /// Any JSON value.
    Any,
    Named(String),
    Optional(Box<Type>),
    Array(Box<Type>),
    Map(Box<Type>),
    Struct(Vec<(String, Type)>),
    Enum(Vec<String>),
}

impl Interface {
    /// Reads a `.varlink` file.
    pub fn parse(text: &str) -> Result<Self, IdlError> {
        parser::parse(text)
    }

    /// Its name: `org.adit.Helper`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What this description and the code do not agree on, one sentence each: names of methods, of
    /// their parameters, of the fields of their replies, and of errors. Signatures of other
    /// interfaces are skipped.
    #[must_use]
    pub fn differences(&self, code: &[Signature]) -> Vec<String> {
        let code: BTreeMap<&str, &Signature> = code
            .iter()
            .filter_map(|signature| Some((self.own(signature.name)?, signature)))
            .collect();

        let described = self.methods.keys().map(String::as_str);
        let mut found = compare("method", described, code.keys().copied());
        for (name, signature) in &code {
            let Some(method) = self.methods.get(*name) else { continue };
            let sides = [
                (format!("parameter of {name}:"), &method.parameters, signature.parameters),
                (format!("reply field of {name}:"), &method.reply, signature.reply),
            ];
            for (what, described, fields) in sides {
                let fields = fields.unwrap_or_default().iter().copied();
                found.extend(compare(&what, described.field_names(), fields));
            }
        }
        let errors = code.values().flat_map(|signature| signature.errors);
        let errors = errors.filter_map(|name| self.own(name));
        found.extend(compare("error", self.errors.keys().map(String::as_str), errors));
        found
    }

    /// Whether `value` fits the type of this name; otherwise where and why not.
    pub fn check_type(&self, name: &str, value: &Value) -> Result<(), String> {
        self.check(&Type::Named(name.to_owned()), value, name)
    }

    /// Whether `value` fits the parameters of this method (`Start`); otherwise where and why not.
    pub fn check_parameters(&self, method: &str, value: &Value) -> Result<(), String> {
        self.check(&self.method(method)?.parameters, value, method)
    }

    /// Whether `value` fits the reply of this method (`Start`); otherwise where and why not.
    pub fn check_reply(&self, method: &str, value: &Value) -> Result<(), String> {
        self.check(&self.method(method)?.reply, value, method)
    }

    fn method(&self, name: &str) -> Result<&MethodType, String> {
        self.methods.get(name).ok_or_else(|| format!("{} has no method {name}", self.name))
    }

    /// The last part of a full name of this interface.
    fn own<'a>(&self, full: &'a str) -> Option<&'a str> {
        full.rsplit_once('.').filter(|(interface, _)| *interface == self.name).map(|(_, name)| name)
    }

    fn check(&self, kind: &Type, value: &Value, path: &str) -> Result<(), String> {
        let expect = |what: &str, fits: bool| {
            if fits { Ok(()) } else { Err(format!("{path}: expected {what}, found {value}")) }
        };
        match kind {
            Type::Bool => expect("a bool", value.is_boolean()),
            Type::Int => expect("an int", value.is_i64() || value.is_u64()),
            Type::Float => expect("a float", value.is_number()),
            Type::String => expect("a string", value.is_string()),
            Type::Object => expect("an object", value.is_object()),
            Type::Any => Ok(()),
            Type::Named(name) => match self.types.get(name) {
                Some(kind) => self.check(kind, value, path),
                None => Err(format!("{path}: {} has no type {name}", self.name)),
            },
            Type::Optional(_) if value.is_null() => Ok(()),
            Type::Optional(kind) => self.check(kind, value, path),
            Type::Array(kind) => {
                expect("an array", value.is_array())?;
                let mut items = value.as_array().into_iter().flatten().enumerate();
                items.try_for_each(|(index, item)| {
                    self.check(kind, item, &format!("{path}[{index}]"))
                })
            }
            Type::Map(kind) => {
                expect("an object", value.is_object())?;
                let mut entries = value.as_object().into_iter().flatten();
                entries
                    .try_for_each(|(key, entry)| self.check(kind, entry, &format!("{path}.{key}")))
            }
            Type::Struct(fields) => {
                expect("an object", value.is_object())?;
                let known = |key: &str| fields.iter().any(|(name, _)| name == key);
                let mut keys = value.as_object().into_iter().flat_map(|object| object.keys());
                if let Some(key) = keys.find(|key| !known(key)) {
                    return Err(format!("{path}.{key}: the description does not know this field"));
                }
                fields.iter().try_for_each(|(name, kind)| {
                    self.check(kind, &value[name], &format!("{path}.{name}"))
                })
            }
            Type::Enum(names) => {
                let fits = value.as_str().is_some_and(|text| names.iter().any(|name| name == text));
                expect(&format!("one of {}", names.join(", ")), fits)
            }
        }
    }
}

impl Type {
    fn field_names(&self) -> impl Iterator<Item = &str> {
        let fields = match self {
            Type::Struct(fields) => fields.as_slice(),
            Type::Bool
            | Type::Int
            | Type::Float
            | Type::String
            | Type::Object
            | Type::Any
            | Type::Named(_)
            | Type::Optional(_)
            | Type::Array(_)
            | Type::Map(_)
            | Type::Enum(_) => &[],
        };
        fields.iter().map(|(name, _)| name.as_str())
    }
}

/// The interface that a `.varlink` file describes.
pub(crate) fn interface_name(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.trim_start().strip_prefix("interface ")).map(str::trim)
}

fn compare<'a>(
    what: &str,
    described: impl Iterator<Item = &'a str>,
    coded: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    // Which of the two sides has a name: (description, code).
    let mut sides = BTreeMap::<&str, (bool, bool)>::new();
    described.for_each(|name| sides.entry(name).or_default().0 = true);
    coded.for_each(|name| sides.entry(name).or_default().1 = true);
    sides
        .into_iter()
        .filter_map(|(name, sides)| match sides {
            (true, false) => Some(format!("{what} {name} is described but not in the code")),
            (false, true) => Some(format!("{what} {name} is in the code but not described")),
            (true, true) | (false, false) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;
    use crate::{ApiError, Empty};

    const TEXT: &str = "
# A comment (with: punctuation).
interface org.example.Store

type Item (id: string, state: (new, used), tags: ?[]string, free: [string]Part)
type Part (size: int, share: ?float, more: ?Part) # a comment after
type Mode (on, off)

method Put(item: Item, mode: ?Mode) -> ()
method Get(
  id: string
) -> (item: Item, raw: ?object)

error NoSuchItem (id: string)
error Full ()
";

    #[derive(Serialize, Deserialize)]
    struct Put {
        item: Value,
        mode: Option<String>,
    }

    #[derive(Serialize, Deserialize)]
    struct Get {
        key: String,
    }

    #[derive(Serialize, Deserialize)]
    struct List {}

    #[derive(Debug, thiserror::Error, Serialize, Deserialize)]
    #[serde(tag = "error", content = "parameters")]
    enum StoreError {
        #[error("no such item")]
        #[serde(rename = "org.example.Store.NoSuchItem")]
        NoSuchItem { id: String },
        #[error("worn out")]
        #[serde(rename = "org.example.Store.Worn")]
        Worn,
        #[error("denied")]
        #[serde(rename = "org.varlink.service.PermissionDenied")]
        PermissionDenied,
    }
    impl ApiError for StoreError {}

    crate::methods! {
        fn store_methods() for "org.example.Store", StoreError {
            Put -> Empty,
            Get -> Put,
            List -> Empty,
        }
    }

    #[test]
    fn every_difference_between_description_and_code_is_named() {
        let interface = Interface::parse(TEXT).unwrap();
        assert_eq!(interface.name(), "org.example.Store");
        assert_eq!(interface_name(TEXT), Some("org.example.Store"));
        assert_eq!(
            interface.differences(&store_methods()),
            [
                "method List is in the code but not described",
                "parameter of Get: id is described but not in the code",
                "parameter of Get: key is in the code but not described",
                "reply field of Get: mode is in the code but not described",
                "reply field of Get: raw is described but not in the code",
                "error Full is described but not in the code",
                "error Worn is in the code but not described",
            ]
        );
    }

    #[test]
    fn values_are_checked_against_their_type() {
        let interface = Interface::parse(TEXT).unwrap();
        let item = json!({
            "id": "a", "state": "new", "tags": ["x"],
            "free": {"left": {"size": 3, "share": 0.5, "more": {"size": 1}}}
        });
        assert_eq!(interface.check_parameters("Put", &json!({"item": item, "mode": "on"})), Ok(()));
        assert_eq!(interface.check_reply("Get", &json!({"item": item, "raw": {"a": 1}})), Ok(()));

        let cases = [
            ("/state", json!("old"), "Item.state: expected one of new, used, found \"old\""),
            ("/tags/0", json!(1), "Item.tags[0]: expected a string, found 1"),
            ("/id", json!(null), "Item.id: expected a string, found null"),
            (
                "/free/left/more/size",
                json!(1.5),
                "Item.free.left.more.size: expected an int, found 1.5",
            ),
            (
                "/free/left",
                json!({"size": 1, "sise": 2}),
                "Item.free.left.sise: the description does not know this field",
            ),
        ];
        for (pointer, wrong, message) in cases {
            let mut item = item.clone();
            *item.pointer_mut(pointer).unwrap() = wrong;
            assert_eq!(interface.check_type("Item", &item), Err(message.to_owned()));
        }
    }

    #[test]
    fn mistakes_are_found_where_they_are() {
        let cases = [
            ("interface a.b\ntype X (a: strin g)", 2, "`,` or `)`", "g"),
            ("interface a.b\n\nmethod X() (a: int)", 3, "`->`", "("),
            ("interface a.b\nfoo X ()", 2, "`type`, `method` or `error`", "foo"),
            ("interface a.b\ntype X (a: int", 2, "`,` or `)`", "the end"),
            ("type X (a: int)", 1, "`interface`", "type"),
        ];
        for (text, line, expected, found) in cases {
            let error = IdlError { line, expected, found: found.to_owned() };
            assert_eq!(Interface::parse(text), Err(error));
        }
        Interface::parse(crate::service::DESCRIPTION).unwrap();
    }
}
