//! `adit export`

use adit_api::Got;
use adit_model::{ConfigurationId, Secrets, VpnConfiguration};
use adit_profile::{Archive, ProfileIds, export_mobileconfig, export_wg_quick, wireguard_of};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    args::{Export, Format},
    context::{Context, find_with_secrets},
    failure::Failure,
    output::{print_json, to_standard_output},
};

pub(super) async fn run(arguments: Export, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let Got { entry, secrets, .. } = find_with_secrets(&mut helper, &arguments.name).await?;
    let secrets = secrets.unwrap_or_default();
    match arguments.format {
        Format::WgQuick => {
            let text = wg_quick(&entry.configuration, &secrets)?;
            if context.output.is_json() {
                print_json(&json!({ "format": "wg-quick", "text": *text }))?;
            } else {
                to_standard_output(&text)?;
            }
        }
        Format::Mobileconfig => {
            let ids =
                ProfileIds { profile: ConfigurationId::random(), payload: entry.configuration.id };
            let xml = export_mobileconfig(&entry.configuration, &secrets, ids)?;
            let text = String::from_utf8_lossy(&xml);
            if context.output.is_json() {
                print_json(&json!({ "format": "mobileconfig", "text": text }))?;
            } else {
                to_standard_output(&text)?;
            }
        }
        Format::Adit => print_json(&Archive::new(entry.configuration, secrets))?,
    }
    context.output.note("This has the keys in it: whoever can read it can use the tunnel.");
    Ok(())
}

/// The configuration as a file of wg-quick, with its keys.
pub(super) fn wg_quick(
    configuration: &VpnConfiguration,
    secrets: &Secrets,
) -> Result<Zeroizing<String>, Failure> {
    let Some(wireguard) = wireguard_of(configuration) else {
        return Err(Failure::NotWireGuard {
            name: configuration.name.clone(),
            provider: configuration.protocol.provider_id.clone(),
        });
    };
    Ok(export_wg_quick(&wireguard, secrets)?)
}
