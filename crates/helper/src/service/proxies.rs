//! Proxy scripts that lie behind a tunnel.

use adit_api::HelperError;
use adit_model::{ConfigurationId, ProxyMode};

use super::Service;
use crate::session::Input;

impl Service {
    /// The script that a session's proxy settings name by its URL. Whoever sees the configuration may ask:
    /// the proxy is for all whose packets go through the tunnel. Spec PXY-4.
    pub(crate) async fn fetch_proxy_script(
        &self,
        uid: u32,
        id: ConfigurationId,
    ) -> Result<String, HelperError> {
        let (entry, record) = self.get(uid, id)?;
        let protocol = record.configuration.protocol;
        let name = record.configuration.name;
        let details = self.session(id)?.ask(Input::Details).await;
        let settings = details.and_then(|details| details.settings);
        let Some((settings, interface)) = settings.zip(entry.session.interface) else {
            return Err(HelperError::NotRunning { name });
        };
        let Some(ProxyMode::ScriptUrl(url)) =
            protocol.proxy_beside(Some(&settings)).map(|it| &it.mode)
        else {
            let message = format!("“{name}” has no proxy script that could be fetched.");
            return Err(HelperError::SystemFailed { message });
        };
        let network = &self.surroundings.network;
        let fetched = network.fetch_through(&interface, settings.dns.as_ref(), url).await;
        fetched.map(text).map_err(|error| {
            let message = format!("The proxy script of “{name}” cannot be fetched: {error}.");
            HelperError::SystemFailed { message }
        })
    }
}

/// Scripts that are not UTF-8 are from a time when all were Latin-1.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}
