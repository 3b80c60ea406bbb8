use std::convert::Infallible;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};

/// A method of an interface. The type itself is its parameters: a struct with named fields.
///
/// Usually implemented by [`methods!`](crate::methods).
pub trait Method: Serialize + DeserializeOwned + Send + 'static {
    /// The full name: `org.adit.Helper.Start`.
    const NAME: &'static str;
    /// What comes back: a struct with named fields, [`Empty`] if nothing.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// The errors of its interface, [`NoError`] if there are none.
    type Error: ApiError;
}

/// The errors of an interface, as an enum that serde writes the way Varlink wants it.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// #[derive(Debug, thiserror::Error, Serialize, Deserialize)]
/// #[serde(tag = "error", content = "parameters")]
/// enum HelperError {
///     #[error("there is no configuration {id}")]
///     #[serde(rename = "org.adit.Helper.NoSuchConfiguration")]
///     NoSuchConfiguration { id: String },
/// }
/// impl adit_varlink::ApiError for HelperError {}
/// ```
pub trait ApiError:
    std::error::Error + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// A reply without fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// The error of an interface that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct NoError(Infallible);

impl ApiError for NoError {}

impl Serialize for NoError {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match self.0 {}
    }
}

impl<'de> Deserialize<'de> for NoError {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("the interface has no errors"))
    }
}

/// Declares the methods of an interface, and a function that lists their
/// [`Signature`](crate::Signature)s.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use adit_varlink::{Empty, Method, NoError};
/// #[derive(Serialize, Deserialize)]
/// struct Start { id: String }
/// #[derive(Serialize, Deserialize)]
/// struct Stop { id: String }
///
/// adit_varlink::methods! {
///     /// Every method of `org.adit.Helper`.
///     pub fn helper_methods() for "org.adit.Helper", NoError {
///         Start -> Empty,
///         Stop -> Empty,
///     }
/// }
/// assert_eq!(Start::NAME, "org.adit.Helper.Start");
/// assert_eq!(helper_methods().len(), 2);
/// ```
#[macro_export]
macro_rules! methods {
    (
        $(#[$meta:meta])*
        $visibility:vis fn $list:ident() for $interface:literal, $error:ty {
            $($method:ident -> $reply:ty),* $(,)?
        }
    ) => {
        $(
            impl $crate::Method for $method {
                const NAME: &'static str = concat!($interface, ".", stringify!($method));
                type Reply = $reply;
                type Error = $error;
            }
        )*

        $(#[$meta])*
        $visibility fn $list() -> ::std::vec::Vec<$crate::Signature> {
            vec![$($crate::Signature::of::<$method>()),*]
        }
    };
}
