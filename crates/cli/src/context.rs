//! What every verb works with.

use std::path::PathBuf;

use adit_api::{Entry, Get, Got, HelperClient, List, socket_path};
use adit_keyring::complete;

use crate::{failure::Failure, output::Output, select::select};

/// The helper's socket and the way out.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) socket: PathBuf,
    pub(crate) output: Output,
}

impl Context {
    pub(crate) fn of_process(json: bool) -> Self {
        Self { socket: socket_path(), output: Output::of_process(json) }
    }

    pub(crate) async fn helper(&self) -> Result<HelperClient, Failure> {
        Ok(HelperClient::connect(&self.socket).await?)
    }
}

/// The configuration that `wanted` means.
pub(crate) async fn find(helper: &mut HelperClient, wanted: &str) -> Result<Entry, Failure> {
    let entries = helper.call(&List {}).await?.entries;
    Ok(select(&entries, wanted)?.clone())
}

/// The configuration that `wanted` means, with its secrets, those in the keyring too.
pub(crate) async fn find_with_secrets(
    helper: &mut HelperClient,
    wanted: &str,
) -> Result<Got, Failure> {
    let id = find(helper, wanted).await?.configuration.id;
    let mut got = helper.call(&Get { id, include_secrets: true }).await?;
    complete(&mut got).await?;
    Ok(got)
}
