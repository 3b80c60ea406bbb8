//! What can go wrong below a tunnel.

use std::{io, path::PathBuf};

use adit_model::NetworkSettingsError;

use crate::{app_group::AppGroupError, dns::DnsError};

/// The system did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No netlink socket.
    #[error("the kernel's network settings cannot be reached: {0}")]
    Netlink(io::Error),
    /// The kernel did not answer a question.
    #[error("the kernel does not tell its {what}: {source}")]
    Read {
        /// What was asked for.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The kernel refused a change.
    #[error("the kernel refused “{item}”: {source}")]
    Change {
        /// The object, as it reads in a plan.
        item: String,
        /// Why.
        source: io::Error,
    },
    /// The firewall is not as it was asked to be.
    #[error("the firewall could not be set: {0}")]
    Firewall(io::Error),
    /// Without a journal nothing that needs one is changed.
    #[error("{path} cannot be written: {source}; check that its folder exists and is not full")]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The apps of a per-app tunnel.
    #[error(transparent)]
    Apps(#[from] AppGroupError),
    /// Name resolution.
    #[error(transparent)]
    Dns(#[from] DnsError),
}

/// A plan was not applied; what was there before is in force again.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// This system has no way to do it.
    #[error("{0}")]
    Unsupported(String),
    /// It failed on the way.
    #[error(transparent)]
    Failed(NetworkError),
}

impl From<NetworkError> for ApplyError {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Dns(DnsError::Unsupported(reason)) => Self::Unsupported(reason),
            error => Self::Failed(error),
        }
    }
}

impl From<ApplyError> for NetworkSettingsError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Unsupported(reason) => Self::Invalid(reason),
            ApplyError::Failed(error) => Self::Failed(error.to_string()),
        }
    }
}
