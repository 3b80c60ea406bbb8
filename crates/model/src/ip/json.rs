//! What the settings of either family are in JSON, for TypeScript: it has no associated types.

use serde::Serialize;
use specta::Type;

/// Addresses and routes of one family.
#[derive(Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IpSettings {
    addresses: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    automatic: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    included_routes: Vec<Route>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    excluded_routes: Vec<Route>,
    #[serde(skip_serializing_if = "Option::is_none")]
    router: Option<String>,
}

/// A route.
#[derive(Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    destination: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
}
