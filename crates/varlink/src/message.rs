use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Segment};

use crate::{WireError, buffer::Buffer};

/// A call as it is read. Unknown fields are ignored, `upgrade` among them.
#[derive(Deserialize)]
pub(crate) struct Call<'a> {
    #[serde(borrow)]
    pub(crate) method: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) parameters: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) more: bool,
    #[serde(default)]
    pub(crate) oneway: bool,
}

/// A call as it is written.
#[derive(Serialize)]
pub(crate) struct OutgoingCall<'a, P> {
    pub(crate) method: &'static str,
    pub(crate) parameters: &'a P,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) more: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) oneway: bool,
}

/// A reply as it is read.
#[derive(Deserialize)]
pub(crate) struct Reply<'a> {
    #[serde(borrow, default)]
    pub(crate) error: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) parameters: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) continues: bool,
}

/// A reply without error as it is written. Errors write themselves, see
/// [`ApiError`](crate::ApiError).
#[derive(Serialize)]
pub(crate) struct OutgoingReply<'a, P> {
    pub(crate) parameters: &'a P,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) continues: bool,
}

/// The reply that ends a stream whose end was not known when its last item was written.
#[derive(Serialize)]
pub(crate) struct EndOfStream {}

/// Parameters that do not fit their type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadParameter {
    /// The path of the field: `rules[0].action`. Empty if it is not one field.
    pub(crate) parameter: String,
    pub(crate) message: String,
}

pub(crate) fn encode(message: &impl Serialize) -> Result<Buffer, WireError> {
    let mut buffer = Buffer::default();
    serde_json::to_writer(&mut buffer, message)
        .map_err(|error| WireError::Unencodable(error.to_string()))?;
    buffer.append(&[0]);
    Ok(buffer)
}

pub(crate) fn decode<'a, T: Deserialize<'a>>(message: &'a [u8]) -> Result<T, WireError> {
    serde_json::from_slice(message).map_err(|error| WireError::Malformed(error.to_string()))
}

/// Reads parameters; none at all, `null` and `{}` are alike. Nesting is bounded by `serde_json` at
/// 128.
pub(crate) fn parameters<T: DeserializeOwned>(raw: Option<&RawValue>) -> Result<T, BadParameter> {
    let text = raw.map_or("{}", RawValue::get);
    // serde would also take an array, by position.
    if !text.starts_with('{') {
        let message = "the parameters are not an object".to_owned();
        return Err(BadParameter { parameter: String::new(), message });
    }
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| bad_parameter(error.path(), error.inner()))
}

/// Whether parameters say nothing.
pub(crate) fn is_empty(raw: Option<&RawValue>) -> bool {
    raw.is_none_or(|raw| raw.get().strip_prefix('{').is_some_and(|rest| rest.trim_start() == "}"))
}

fn bad_parameter(path: &Path, error: &serde_json::Error) -> BadParameter {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = text.strip_suffix(&place).unwrap_or(&text).to_owned();

    let mut parameter = path
        .iter()
        .filter(|segment| !matches!(segment, Segment::Unknown))
        .map(|segment| match segment {
            Segment::Seq { index } => format!("[{index}]"),
            segment => format!(".{segment}"),
        })
        .collect::<String>();
    // The path of a missing field is that of the object it is missing from.
    if let Some(field) = missing_field(&message) {
        parameter = format!("{parameter}.{field}");
    }
    BadParameter { parameter: parameter.trim_start_matches('.').to_owned(), message }
}

/// The field named by serde's own text for it, [`serde::de::Error::missing_field`].
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::{collection::vec, prelude::*};
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Save {
        rules: Vec<Rule>,
        #[serde(default)]
        free: HashMap<String, Value>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Rule {
        action: Action,
        ports: Vec<u16>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Action {
        Connect,
    }

    #[test]
    fn a_bad_parameter_is_named_by_its_path() {
        let cases = [
            (r"{}", "rules", "missing field `rules`"),
            (r#"{"rules":7}"#, "rules", "invalid type: integer `7`, expected a sequence"),
            (
                r#"{"rules":[{"action":"connect","ports":[1,70000]}]}"#,
                "rules[0].ports[1]",
                "invalid value: integer `70000`, expected u16",
            ),
            (r#"{"rules":[{"ports":[]}]}"#, "rules[0].action", "missing field `action`"),
            (
                r#"{"rules":[{"action":"dance","ports":[]}]}"#,
                "rules[0].action",
                "unknown variant `dance`, expected `connect`",
            ),
            (r"[[]]", "", "the parameters are not an object"),
        ];
        for (text, parameter, message) in cases {
            let error = parse::<Save>(text).unwrap_err();
            assert_eq!((error.parameter.as_str(), error.message.as_str()), (parameter, message));
        }
    }

    #[test]
    fn absent_null_and_empty_parameters_are_alike() {
        for text in
            ["{}", r#"{"parameters":null}"#, r#"{"parameters":{}}"#, r#"{"parameters":{ }}"#]
        {
            let reply: Reply = decode(text.as_bytes()).unwrap();
            assert!(is_empty(reply.parameters), "{text}");
            parameters::<crate::Empty>(reply.parameters).unwrap();
        }
        assert!(!is_empty(Some(&RawValue::from_string(r#"{"a":{}}"#.into()).unwrap())));
    }

    #[test]
    fn deep_nesting_is_refused_where_it_would_be_kept_and_skipped_where_not() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let kept = parse::<Save>(&format!(r#"{{"rules":[],"free":{{"a":{deep}}}}}"#)).unwrap_err();
        assert!(kept.parameter.starts_with("free.a"), "{}", kept.parameter);
        assert_eq!(kept.message, "recursion limit exceeded");
        parse::<Save>(&format!(r#"{{"rules":[],"unknown":{deep}}}"#)).unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decode::<Call>(&bytes);
            let _ = decode::<Reply>(&bytes);
        }

        #[test]
        fn any_parameters_parse_or_are_refused(
            text in r#"("rules":\[)?([\[\]{}:,0-9a-z" \\]{0,60})\]?"#,
        ) {
            let message = format!(r#"{{"method":"a.B","parameters":{{{text}}}}}"#);
            if let Ok(call) = decode::<Call>(message.as_bytes()) {
                let _ = parameters::<Save>(call.parameters);
            }
        }
    }

    fn parse<T: DeserializeOwned>(text: &str) -> Result<T, BadParameter> {
        parameters(Some(&RawValue::from_string(text.to_owned()).unwrap()))
    }
}
