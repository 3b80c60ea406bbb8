use std::{error, fmt, iter};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};

use crate::Method;

/// The names in a method's Rust types, to be held against an interface description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The full name of the method.
    pub name: &'static str,
    /// The fields of its parameters; `None` if serde does not tell, as with `flatten`.
    pub parameters: Option<&'static [&'static str]>,
    /// The fields of its reply; `None` as above.
    pub reply: Option<&'static [&'static str]>,
    /// The full names of its errors.
    pub errors: &'static [&'static str],
}

impl Signature {
    /// What serde knows of `M`.
    #[must_use]
    pub fn of<M: Method>() -> Self {
        Signature {
            name: M::NAME,
            parameters: fields::<M>(),
            reply: fields::<M::Reply>(),
            errors: error_names::<M::Error>(),
        }
    }
}

/// A derived struct tells a deserializer its fields before it reads anything.
fn fields<'de, T: Deserialize<'de>>() -> Option<&'static [&'static str]> {
    match T::deserialize(FieldProbe) {
        Err(Told::Fields(fields)) => Some(fields),
        Err(Told::Variants(_) | Told::Nothing) | Ok(_) => None,
    }
}

/// A derived enum lists its variants when it meets one it does not know.
fn error_names<'de, E: Deserialize<'de>>() -> &'static [&'static str] {
    match E::deserialize(MapDeserializer::new(iter::once(("error", "")))) {
        Err(Told::Variants(names)) => names,
        Err(Told::Fields(_) | Told::Nothing) | Ok(_) => &[],
    }
}

/// What a type told; carried as the error that ends its deserialization.
#[derive(Debug)]
enum Told {
    Fields(&'static [&'static str]),
    Variants(&'static [&'static str]),
    Nothing,
}

impl de::Error for Told {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Told::Nothing
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Told::Variants(expected)
    }
}

impl error::Error for Told {}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

struct FieldProbe;

impl<'de> Deserializer<'de> for FieldProbe {
    type Error = Told;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Told> {
        Err(Told::Nothing)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Told> {
        Err(Told::Fields(fields))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Told> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
