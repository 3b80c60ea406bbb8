//! One call to the helper.

use std::path::Path;

use adit_api::{CallError, HelperClient, HelperError};
use adit_varlink::Method;

/// The reply, or a sentence why there is none.
pub(crate) async fn call<M>(socket: &Path, method: M) -> Result<M::Reply, String>
where
    M: Method<Error = HelperError>,
{
    let mut helper = HelperClient::connect(socket).await.map_err(|error| error.to_string())?;
    helper.call(&method).await.map_err(|error: CallError<HelperError>| error.to_string())
}
