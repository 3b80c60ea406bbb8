//! Values of property lists as JSON and back, for what only a provider understands.

use base64::{Engine, prelude::BASE64_STANDARD};
use plist::Dictionary;
use serde_json::{Map, Value};

/// In JSON bytes are Base64 and dates RFC 3339.
pub(super) fn from_plist(value: &plist::Value) -> Value {
    match value {
        plist::Value::Array(items) => items.iter().map(from_plist).collect(),
        plist::Value::Dictionary(dictionary) => Value::Object(object(dictionary)),
        plist::Value::Boolean(set) => (*set).into(),
        plist::Value::Data(bytes) => BASE64_STANDARD.encode(bytes).into(),
        plist::Value::Date(date) => date.to_xml_format().into(),
        plist::Value::Real(number) => (*number).into(),
        plist::Value::Integer(number) => {
            number.as_signed().map(Value::from).or(number.as_unsigned().map(Value::from)).into()
        }
        plist::Value::String(text) => text.as_str().into(),
        _ => Value::Null,
    }
}

pub(super) fn object(dictionary: &Dictionary) -> Map<String, Value> {
    dictionary.iter().map(|(key, value)| (key.clone(), from_plist(value))).collect()
}

/// A property list has no null: where one would be, there is nothing.
pub(super) fn to_plist(value: &Value) -> Option<plist::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(set) => (*set).into(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => number.as_f64()?.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => plist::Value::Array(items.iter().filter_map(to_plist).collect()),
        Value::Object(fields) => plist::Value::Dictionary(dictionary(fields)),
    })
}

pub(super) fn dictionary(fields: &Map<String, Value>) -> Dictionary {
    fields.iter().filter_map(|(key, value)| Some((key.clone(), to_plist(value)?))).collect()
}
