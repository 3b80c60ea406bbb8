//! A certificate with its key, by which somebody proves who they are.

use serde::{Deserialize, Serialize};

/// Where a configuration's certificate and key are: among its secrets, never in it (PROTO-6, PROTO-7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct IdentityReference {
    /// What the secret is.
    pub format: IdentityFormat,
    /// Its name. Of a binary format it is Base64.
    pub secret: String,
    /// The name of the secret that opens it; absent if nothing has to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// How a certificate and its key are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub enum IdentityFormat {
    /// A bundle, RFC 7292.
    Pkcs12,
    /// Text, RFC 7468.
    Pem,
}
