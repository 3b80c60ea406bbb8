//! `adit export`

use adit_api::Got;
use adit_model::{Secrets, VpnConfiguration};
use adit_profile::{
    AppleSystem, Archive, ProfileIds, export_mobileconfig, export_wg_quick, is_said_by_wg_quick,
    wireguard_of,
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    args::{Device, Export, Format},
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
            is_said_by_wg_quick(&entry.configuration)?;
            let text = wg_quick(&entry.configuration, &secrets)?;
            if context.output.is_json() {
                print_json(&json!({ "format": "wg-quick", "text": *text }))?;
            } else {
                to_standard_output(&text)?;
            }
        }
        Format::Mobileconfig => {
            let id = entry.configuration.id;
            // The same each time, so that a later export takes the place of this one.
            let ids = ProfileIds { profile: id.derived(2), payload: id };
            let system = arguments.system(&entry.configuration);
            let xml = export_mobileconfig(&entry.configuration, &secrets, ids, system)?;
            let text = String::from_utf8_lossy(&xml);
            if context.output.is_json() {
                print_json(&json!({ "format": "mobileconfig", "text": text }))?;
            } else {
                to_standard_output(&text)?;
            }
        }
        Format::Adit => print_json(&Archive::new(entry.configuration.clone(), secrets))?,
    }
    if let Some(note) = arguments.which_app(&entry.configuration) {
        context.output.note(note);
    }
    context.output.note("This has the keys in it: whoever can read it can use the tunnel.");
    Ok(())
}

impl Export {
    fn system(&self, configuration: &VpnConfiguration) -> AppleSystem {
        let asked = self.device.map(|device| match device {
            Device::Iphone => AppleSystem::Ios,
            Device::Mac => AppleSystem::Macos,
        });
        asked.or_else(|| AppleSystem::of(configuration)).unwrap_or(AppleSystem::Ios)
    }

    /// A profile for the wrong app is taken and does nothing.
    fn which_app(&self, configuration: &VpnConfiguration) -> Option<&'static str> {
        let is_chosen = self.device.is_some() || self.format != Format::Mobileconfig;
        if is_chosen || wireguard_of(configuration).is_none() {
            return None;
        }
        Some(match self.system(configuration) {
            AppleSystem::Ios => {
                "It is for WireGuard’s app on iPhones and iPads. For that on a Mac, add: --for mac"
            }
            AppleSystem::Macos => {
                "It is for WireGuard’s app on Macs. For that on an iPhone, add: --for iphone"
            }
        })
    }
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
