use serde::{Deserialize, Serialize};

use crate::message::BadParameter;

/// Who answers: the reply of `org.varlink.service.GetInfo`, without its list of interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceInfo {
    /// Who made the product.
    pub vendor: String,
    /// Its name.
    pub product: String,
    /// Its version.
    pub version: String,
    /// Where to read about it.
    pub url: String,
}

/// The errors that any service may answer with (<https://varlink.org/Service>; `PermissionDenied`
/// and `ExpectedMore` as in `org.varlink.service` of systemd).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "parameters")]
pub enum ServiceError {
    /// No interface of that name is described.
    #[error("the service has no interface {interface}")]
    #[serde(rename = "org.varlink.service.InterfaceNotFound")]
    InterfaceNotFound {
        /// The name asked for.
        interface: String,
    },
    /// The service has no such method; it may be older or newer than its caller.
    #[error("the service has no method {method}; it may be of another version")]
    #[serde(rename = "org.varlink.service.MethodNotFound")]
    MethodNotFound {
        /// The name called.
        method: String,
    },
    /// The interface has the method, the service does not.
    #[error("the service does not implement the method {method}")]
    #[serde(rename = "org.varlink.service.MethodNotImplemented")]
    MethodNotImplemented {
        /// The name called.
        method: String,
    },
    /// A parameter is missing or does not fit its type.
    #[error("the parameter \"{parameter}\" is not valid: {message}")]
    #[serde(rename = "org.varlink.service.InvalidParameter")]
    InvalidParameter {
        /// The path of the field: `rules[0].action`.
        parameter: String,
        /// What is wrong with it. Not part of the standard, so empty from other services.
        #[serde(default)]
        message: String,
    },
    /// The caller may not call this.
    #[error("not allowed: {message}")]
    #[serde(rename = "org.varlink.service.PermissionDenied")]
    PermissionDenied {
        /// Why. Not part of the standard, so empty from other services.
        #[serde(default)]
        message: String,
    },
    /// The method answers with a stream and was called without `more`.
    #[error("the method answers with a stream: call it with \"more\"")]
    #[serde(rename = "org.varlink.service.ExpectedMore")]
    ExpectedMore {},
}

impl From<BadParameter> for ServiceError {
    fn from(bad: BadParameter) -> Self {
        ServiceError::InvalidParameter { parameter: bad.parameter, message: bad.message }
    }
}

pub(crate) const INTERFACE: &str = "org.varlink.service";
pub(crate) const GET_INFO: &str = "org.varlink.service.GetInfo";
pub(crate) const GET_INTERFACE_DESCRIPTION: &str = "org.varlink.service.GetInterfaceDescription";

#[derive(Serialize)]
pub(crate) struct Info<'a> {
    #[serde(flatten)]
    pub(crate) service: &'a ServiceInfo,
    pub(crate) interfaces: Vec<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct GetInterfaceDescription {
    pub(crate) interface: String,
}

#[derive(Serialize)]
pub(crate) struct InterfaceDescription<'a> {
    pub(crate) description: &'a str,
}

/// The description of [`INTERFACE`] itself.
pub(crate) const DESCRIPTION: &str = "\
# What every Varlink service answers.
interface org.varlink.service

method GetInfo() -> (
  vendor: string, product: string, version: string, url: string, interfaces: []string
)
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
# The path of the field, and what is wrong with it.
error InvalidParameter (parameter: string, message: ?string)
error PermissionDenied (message: ?string)
error ExpectedMore ()
";
