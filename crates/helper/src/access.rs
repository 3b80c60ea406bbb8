//! Who may do what.
//!
//! Every method has an access rule, or the router does not compile. A configuration belongs to the
//! user who created it; others neither see nor touch it, and for them it does not exist (ENT-14).

use adit_api::HelperError;
use adit_model::{LockdownSetting, ROOT, Scope, VpnConfiguration};
use adit_varlink::{Peer, Refusal};

use crate::{
    polkit::{self, Action},
    provider,
};

/// Who may call a method at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Any local user; what they see depends on [`may_see`] and [`may_change`].
    AnyUser,
    /// Root, and whom polkit lets.
    Administrator(Action),
}

/// Decides by the user that the kernel names for the other end of the connection.
pub(crate) async fn authorise(peer: &Peer, access: Access) -> Result<(), Refusal> {
    if provider::is_provider(peer.uid) {
        return Err(Refusal::new("Tunnel providers may not use the Adit service."));
    }
    match access {
        Access::AnyUser => Ok(()),
        Access::Administrator(_) if peer.uid == ROOT => Ok(()),
        Access::Administrator(action) if polkit::allows(peer, action).await => Ok(()),
        Access::Administrator(_) => Err(Refusal::new("Only root may do that.")),
    }
}

/// Does for a user what is theirs to do, and as root what is not, if polkit lets them. What they may not
/// know of is never done as root: it is not refused but does not exist.
pub(crate) async fn or_as_administrator<T, F>(
    peer: &Peer,
    action: Action,
    act: impl Fn(u32) -> F,
) -> Result<T, HelperError>
where
    F: Future<Output = Result<T, HelperError>>,
{
    match act(peer.uid).await {
        Err(HelperError::NotAuthorized { message }) => {
            if polkit::allows(peer, action).await {
                return act(ROOT).await;
            }
            Err(HelperError::NotAuthorized { message })
        }
        done => done,
    }
}

/// Consent to what a user stores for themselves, which is asked for once: at their first configuration.
/// Spec ENT-13.
pub(crate) async fn consent(peer: &Peer) -> Result<(), HelperError> {
    if polkit::forbids(peer, Action::AddOwn).await {
        let message = "Storing a VPN configuration was not agreed to. Nothing was stored.".into();
        return Err(HelperError::NotAuthorized { message });
    }
    Ok(())
}

/// Whether this user may make a configuration the machine's.
pub(crate) fn authorise_system(uid: u32) -> Result<(), HelperError> {
    if uid == ROOT {
        return Ok(());
    }
    let message = "Only root may store a configuration for the whole system.".into();
    Err(HelperError::NotAuthorized { message })
}

/// Whether this user, who may change the configuration as such, may change it to `after`.
pub(crate) fn authorise_change(
    uid: u32,
    before: &VpnConfiguration,
    after: &VpnConfiguration,
) -> Result<(), HelperError> {
    authorise_removal(before)?;
    // ODP-2: what is locked can only be unlocked by whoever could have locked it.
    if uid == ROOT
        || !before.on_demand.user_override_disabled
        || before.on_demand == after.on_demand
    {
        return Ok(());
    }
    let name = &before.name;
    let message = format!("Only root may change when “{name}” connects by itself.");
    Err(HelperError::NotAuthorized { message })
}

/// Whether the configuration is anybody's to remove. What a file of the administrator says, only the
/// file changes (MDM-C3).
pub(crate) fn authorise_removal(configuration: &VpnConfiguration) -> Result<(), HelperError> {
    let Some(file) = &configuration.managed_by else { return Ok(()) };
    let name = &configuration.name;
    let message = format!("“{name}” comes from {file}, and only changes and goes with that file.");
    Err(HelperError::NotAuthorized { message })
}

/// Whether this user may switch the machine's lockdown.
pub(crate) fn authorise_lockdown(uid: u32, setting: &LockdownSetting) -> Result<(), HelperError> {
    if setting.may_be_changed_by(uid) {
        return Ok(());
    }
    let message = match setting {
        LockdownSetting::On(lockdown) if lockdown.set_by == ROOT => {
            "Root switched lockdown on; only root may change it."
        }
        LockdownSetting::On(_) => {
            "Another user switched lockdown on; only they and root may change it."
        }
        LockdownSetting::Off | LockdownSetting::Unreadable(_) => {
            "The lockdown setting cannot be read; only root may change it."
        }
    };
    Err(HelperError::NotAuthorized { message: message.into() })
}

/// Whether this user knows that the configuration exists. Spec MGR-15.
pub(crate) fn may_see(uid: u32, configuration: &VpnConfiguration) -> bool {
    may_change(uid, configuration) || configuration.scope == Scope::System
}

/// Whether this user may change, start and stop the configuration and read its secrets.
pub(crate) fn may_change(uid: u32, configuration: &VpnConfiguration) -> bool {
    let owns = configuration.scope == Scope::User && configuration.owner == uid;
    uid == ROOT || owns
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, TunnelProviderProtocol};

    use super::*;

    // spec: ENT-15
    #[test]
    fn what_a_file_has_brought_nobody_else_changes() {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let mut managed = VpnConfiguration::new(ConfigurationId::random(), "office", protocol);
        assert!(authorise_change(ROOT, &managed, &managed).is_ok());
        managed.managed_by = Some("/etc/adit/profiles.d/office.conf".into());
        // Keys are changed by saving the configuration, and moved to a keyring too.
        for refused in [authorise_change(ROOT, &managed, &managed), authorise_removal(&managed)] {
            let Err(HelperError::NotAuthorized { message }) = refused else {
                panic!("it was not refused")
            };
            assert!(message.contains("office.conf"), "{message}");
        }
    }

    // spec: ENT-14, MGR-15
    #[test]
    fn a_configuration_is_its_owners_and_roots() {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let mut configuration = VpnConfiguration::new(ConfigurationId::random(), "home", protocol);
        configuration.owner = 1000;
        let rights =
            |uid, configuration: &_| (may_see(uid, configuration), may_change(uid, configuration));
        assert_eq!(rights(1000, &configuration), (true, true));
        assert_eq!(rights(1001, &configuration), (false, false));
        assert_eq!(rights(ROOT, &configuration), (true, true));
        configuration.scope = Scope::System;
        assert_eq!(rights(1000, &configuration), (true, false));
        assert_eq!(rights(ROOT, &configuration), (true, true));
    }
}
