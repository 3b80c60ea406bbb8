//! Whether the machine holds traffic back, why, and what opens it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    HealthCode, HealthItem, Lockdown, LockdownSetting, ROOT, Severity, VpnStatus, hold::Held,
};

/// What a viewer shows of the machine as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct MachineStatus {
    /// The machine's lockdown; absent while it is off, or unreadable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockdown: Option<Lockdown>,
    /// Whether traffic is being dropped on purpose.
    pub blocking: bool,
    /// Why, and what opens it; what else deserves attention. The most important comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<HealthItem>,
}

/// Why the system does not do what lockdown asks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Traffic should be blocked and may not be. The reason.
    Block(String),
    /// Traffic should be let out and may be blocked still. The reason.
    Open(String),
}

/// A session as far as it decides what the machine blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// Which it is.
    pub name: TunnelName,
    /// The session's state.
    pub status: VpnStatus,
    /// Whether it takes the default route.
    pub takes_default_route: bool,
    /// Whether it holds back what would go around it, up or not (PROTO-10).
    pub holds: bool,
    /// Whether its last session failed.
    pub failed: bool,
}

/// What a tunnel is called towards somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TunnelName {
    /// By the configuration's name.
    Own(String),
    /// Its name is not theirs to know (ENT-14).
    Foreign,
    /// There is no such configuration any more.
    Lost,
}

impl MachineStatus {
    /// What follows from the machine's lockdown and its tunnels, unless the system refuses.
    #[must_use]
    pub fn of(setting: &LockdownSetting, refusal: Option<&Refusal>, tunnels: &[Tunnel]) -> Self {
        let lockdown = match setting {
            LockdownSetting::On(lockdown) => Some(*lockdown),
            LockdownSetting::Off | LockdownSetting::Unreadable(_) => None,
        };
        let locked = locked(setting, tunnels);
        let held = tunnels.iter().filter(|tunnel| tunnel.holds).filter_map(|tunnel| {
            let Tunnel { name, status, failed, .. } = tunnel;
            Held { name, status: *status, failed: *failed, locked: setting.is_on() }.item()
        });
        let mut health: Vec<HealthItem> = locked.into_iter().chain(held).collect();
        // What is refused does not block, and what does not open still does.
        let blocking = match refusal {
            None => !health.is_empty(),
            Some(Refusal::Block(_)) => false,
            Some(Refusal::Open(_)) => true,
        };
        health.splice(0..0, refusal.map(Refusal::item));
        health.extend(foreign(tunnels));
        Self { lockdown, blocking, health }
    }
}

impl Refusal {
    fn item(&self) -> HealthItem {
        match self {
            Self::Block(reason) => HealthItem::new(
                HealthCode::LockdownNotBlocking,
                Severity::Problem,
                "Traffic is NOT blocked, although it should be",
                format!(
                    "The system refused: {} Whatever the tunnels do not take goes out directly. Adit \
                     keeps trying.",
                    full_stop(reason)
                ),
            )
            .to_do("Go offline if that matters. See more with: journalctl -u adit-helper")
            .with("reason", &full_stop(reason)),
            Self::Open(reason) => HealthItem::new(
                HealthCode::LockdownNotOpened,
                Severity::Problem,
                "Traffic is still blocked, although nothing asks for it",
                format!("The system refused: {} Adit keeps trying.", full_stop(reason)),
            )
            .to_do("Undo everything with: sudo adit reset")
            .with("reason", &full_stop(reason)),
        }
    }
}

/// In the middle of a sentence.
impl fmt::Display for TunnelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(name) => write!(f, "“{name}”"),
            Self::Foreign => f.write_str("the VPN of another user"),
            Self::Lost => f.write_str("a configuration that is gone"),
        }
    }
}

/// The machine's own reason to block, if it has one: a tunnel for everything is all that it asks.
fn locked(setting: &LockdownSetting, tunnels: &[Tunnel]) -> Option<HealthItem> {
    let is_up = |tunnel: &&Tunnel| match tunnel.status {
        VpnStatus::Connected => true,
        VpnStatus::Invalid
        | VpnStatus::Disconnected
        | VpnStatus::Connecting
        | VpnStatus::Reasserting
        | VpnStatus::Disconnecting => false,
    };
    let lockdown = match setting {
        LockdownSetting::Off => return None,
        LockdownSetting::Unreadable(reason) => return Some(unreadable(reason)),
        LockdownSetting::On(lockdown) => lockdown,
    };
    let mut up = tunnels.iter().filter(is_up).peekable();
    let split = up.peek().is_some();
    if up.any(|tunnel| tunnel.takes_default_route) {
        return None;
    }
    let coming = tunnels.iter().find(|tunnel| tunnel.status.is_active() && !is_up(tunnel));
    let title = match (split, coming) {
        (true, _) => "Lockdown is on, and no tunnel takes all traffic".into(),
        (false, Some(tunnel)) => format!("Lockdown is on, and {} is not up yet", tunnel.name),
        (false, None) => "Lockdown is on, and no tunnel is connected".into(),
    };
    let what = if split { "Only what goes through the tunnel leaves" } else { "Nothing leaves" };
    let local = if lockdown.allow_local_networks { ", but to the local network" } else { "" };
    let root = if lockdown.set_by == ROOT { "sudo " } else { "" };
    let text = format!("{what} this computer{local}.");
    let item = HealthItem::new(HealthCode::BlockedLockdown, Severity::Notice, title, text)
        .to_do(format!(
            "Connect a tunnel with: adit connect NAME. Open the network with: {root}adit lockdown off"
        ))
        .with("split", &split)
        .with("local", &lockdown.allow_local_networks)
        .with("root", &(lockdown.set_by == ROOT));
    Some(match coming.filter(|_| !split) {
        Some(tunnel) => item.with("coming", &tunnel.name),
        None => item,
    })
}

/// What is known to be in the way before somebody tries and is refused: that there is a tunnel, and no more (ENT-14).
fn foreign(tunnels: &[Tunnel]) -> Option<HealthItem> {
    let is_foreign =
        |tunnel: &&Tunnel| tunnel.name == TunnelName::Foreign && tunnel.status.is_active();
    let mut foreign = tunnels.iter().filter(is_foreign).peekable();
    foreign.peek()?;
    let takes_all = foreign.any(|tunnel| tunnel.takes_default_route);
    let text = if takes_all {
        "The traffic of this computer goes through it. No tunnel of yours can start meanwhile."
    } else {
        "It leads to some networks. A tunnel of yours that leads there too cannot start meanwhile."
    };
    let title = "Another user’s VPN is in use";
    let item = HealthItem::new(HealthCode::ForeignTunnel, Severity::Notice, title, text)
        .to_do("Only its owner and root can disconnect it.")
        .with("all", &takes_all);
    Some(item)
}

fn unreadable(reason: &str) -> HealthItem {
    HealthItem::new(
        HealthCode::LockdownUnreadable,
        Severity::Problem,
        "Whether lockdown is on cannot be read, so it is",
        format!("{reason} Nothing leaves this computer but through a tunnel."),
    )
    .to_do(
        "Decide anew with: sudo adit lockdown off, or: sudo adit lockdown on. \
         If neither works: sudo adit reset",
    )
    .with("reason", reason)
}

fn full_stop(sentence: &str) -> String {
    let text = sentence.trim();
    if text.ends_with('.') { text.into() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    use VpnStatus::{Connected, Connecting, Disconnected, Disconnecting, Reasserting};

    #[test]
    fn lockdown_blocks_until_a_tunnel_takes_everything() {
        let on = |set_by| LockdownSetting::On(Lockdown { allow_local_networks: false, set_by });
        check(&LockdownSetting::Off, &[], None);
        check(&LockdownSetting::Off, &[full(Connecting)], None);
        check(&on(1000), &[full(Connected), tunnel(Connecting)], None);
        let own = ": adit lockdown off";
        let title = "Lockdown is on, and no tunnel is connected";
        check(&on(1000), &[full(Disconnected)], Some((title, own)));
        let roots = ": sudo adit lockdown off";
        let title = "Lockdown is on, and “a b” is not up yet";
        check(&on(0), &[full(Connecting)], Some((title, roots)));
        check(&on(0), &[full(Reasserting)], Some((title, roots)));
        let title = "Lockdown is on, and no tunnel takes all traffic";
        check(&on(0), &[tunnel(Connected), full(Disconnecting)], Some((title, roots)));
        let unreadable = LockdownSetting::Unreadable("X is empty.".into());
        let title = "Whether lockdown is on cannot be read, so it is";
        check(&unreadable, &[full(Connected)], Some((title, ": sudo adit reset")));
    }

    #[test]
    fn a_configuration_holds_traffic_back_until_it_is_up_or_somebody_opens() {
        let off = LockdownSetting::Off;
        let held = |status| Tunnel { holds: true, ..full(status) };
        let failed = Tunnel { failed: true, ..held(Disconnected) };
        check(&off, &[held(Connected)], None);
        let open = "Open the network with: adit disconnect 'a b'";
        let title = "Traffic is held until “a b” is connected";
        check(&off, &[held(Connecting)], Some((title, open)));
        let title = "Traffic is held until “a b” is connected again";
        check(&off, &[held(Reasserting)], Some((title, open)));
        let title = "Traffic is held while “a b” disconnects";
        check(&off, &[held(Disconnecting)], Some((title, open)));
        let both =
            "Try again with: adit connect 'a b'. Open the network with: adit disconnect 'a b'";
        let title = "Traffic is blocked: “a b” failed";
        check(&off, std::slice::from_ref(&failed), Some((title, both)));
        let title = "Traffic is blocked: “a b” ended without being disconnected";
        check(&off, &[held(Disconnected)], Some((title, both)));

        let foreign = Tunnel { name: TunnelName::Foreign, ..failed.clone() };
        let title = "Traffic is blocked: the VPN of another user failed";
        let action = "Only its owner and root can open the network.";
        check(&off, &[foreign], Some((title, action)));
        let lost = Tunnel { name: TunnelName::Lost, ..failed.clone() };
        let title = "Traffic is blocked: a configuration that is gone failed";
        check(&off, &[lost], Some((title, "with: sudo adit reset")));

        let on = LockdownSetting::On(Lockdown { allow_local_networks: false, set_by: 0 });
        let locked = MachineStatus::of(&on, None, &[failed]);
        assert_eq!(locked.health.len(), 2);
        let action = locked.health[1].action.as_deref().unwrap();
        assert!(action.ends_with("Give it up with: adit disconnect 'a b'"), "{action}");
    }

    // spec: ENT-14
    #[test]
    fn of_a_tunnel_of_somebody_else_it_is_known_that_it_is_in_the_way() {
        let foreign = |tunnel| Tunnel { name: TunnelName::Foreign, ..tunnel };
        let said = |tunnels: &[Tunnel]| {
            let status = MachineStatus::of(&LockdownSetting::Off, None, tunnels);
            assert!(!status.blocking);
            status.health.first().map(|item| item.arguments["all"].clone())
        };
        assert_eq!(said(&[full(Connected), foreign(full(Disconnected))]), None);
        assert_eq!(said(&[foreign(tunnel(Connected))]).as_deref(), Some("false"));
        let both = [foreign(tunnel(Connected)), foreign(full(Connecting))];
        assert_eq!(said(&both).as_deref(), Some("true"));
    }

    #[test]
    fn a_block_that_the_system_refuses_is_never_called_one() {
        let on = LockdownSetting::On(Lockdown { allow_local_networks: false, set_by: 0 });
        let refused = Refusal::Block("nf_tables is missing".into());
        let status = MachineStatus::of(&on, Some(&refused), &[]);
        assert!(!status.blocking);
        assert_eq!(status.health[0].code, "lockdown.not-blocking");
        assert!(status.health[0].text.starts_with("The system refused: nf_tables is missing. "));
        let stuck = Refusal::Open("busy".into());
        let status = MachineStatus::of(&LockdownSetting::Off, Some(&stuck), &[]);
        assert!(status.blocking);
        assert_eq!(status.health[0].code, "lockdown.not-opened");
    }

    /// `expected`: the title and the end of the action, if anything is blocked.
    fn check(setting: &LockdownSetting, tunnels: &[Tunnel], expected: Option<(&str, &str)>) {
        let status = MachineStatus::of(setting, None, tunnels);
        assert_eq!(status.blocking, expected.is_some(), "{setting:?} {tunnels:?}");
        let first = status.health.first();
        assert_eq!(first.map(|item| item.title.as_str()), expected.map(|(title, _)| title));
        let action = first.and_then(|item| item.action.as_deref()).unwrap_or_default();
        assert!(action.ends_with(expected.map(|(_, end)| end).unwrap_or_default()), "{action}");
    }

    fn full(status: VpnStatus) -> Tunnel {
        Tunnel { takes_default_route: true, ..tunnel(status) }
    }

    fn tunnel(status: VpnStatus) -> Tunnel {
        Tunnel {
            name: TunnelName::Own("a b".into()),
            status,
            takes_default_route: false,
            holds: false,
            failed: false,
        }
    }
}
