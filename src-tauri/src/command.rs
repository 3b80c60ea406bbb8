//! What the window may ask for. Each command is one method of the helper, or one thing that only
//! the user's session can do.

#![expect(clippy::needless_pass_by_value, reason = "Tauri hands over what it has read")]

mod app;
mod configurations;
mod diagnosis;
mod files;
mod machine;
mod on_demand;
mod profiles;
mod secrets;
mod sessions;
mod unit;

use adit_api::{HelperClient, HelperError};
use adit_varlink::Method;

use crate::{app::Shared, failure::Failure};

pub(crate) use self::{
    app::*, configurations::*, diagnosis::*, files::*, machine::*, on_demand::*, profiles::*,
    secrets::*, sessions::*, unit::*,
};

/// Calls have a connection of their own, so that a long one holds nothing up.
async fn call<M>(shared: &Shared, method: M) -> Result<M::Reply, Failure>
where
    M: Method<Error = HelperError>,
{
    let mut helper = HelperClient::connect(&shared.socket).await?;
    Ok(helper.call(&method).await?)
}
