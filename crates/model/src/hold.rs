//! What a session says that holds back what would go around it.

use crate::{HealthCode, HealthItem, SessionStatus, Severity, TunnelName, VpnStatus, shell_word};

impl SessionStatus {
    /// Notes whether the session holds back what would go around it, and why. `locked`: the machine
    /// is too.
    pub fn set_hold(&mut self, name: &str, holds: bool, locked: bool) {
        let failed = self.last_error.is_some();
        let name = TunnelName::Own(name.into());
        let held = Held { name: &name, status: self.status, failed, locked };
        let item = holds.then(|| held.item()).flatten();
        self.blocking = item.is_some();
        self.health.splice(0..0, item);
    }
}

/// A session that holds back what would go around it.
pub(crate) struct Held<'a> {
    pub(crate) name: &'a TunnelName,
    pub(crate) status: VpnStatus,
    pub(crate) failed: bool,
    /// By the machine too, so that the session's end opens nothing.
    pub(crate) locked: bool,
}

impl Held<'_> {
    /// Absent while its tunnel carries everything.
    pub(crate) fn item(&self) -> Option<HealthItem> {
        let called = self.name;
        let (code, severity, title) = match (self.status, self.failed) {
            (VpnStatus::Invalid | VpnStatus::Connected, _) => return None,
            (VpnStatus::Connecting, _) => (
                HealthCode::BlockedConnecting,
                Severity::Notice,
                format!("Traffic is held until {called} is connected"),
            ),
            (VpnStatus::Reasserting, _) => (
                HealthCode::BlockedReasserting,
                Severity::Notice,
                format!("Traffic is held until {called} is connected again"),
            ),
            (VpnStatus::Disconnecting, _) => (
                HealthCode::BlockedDisconnecting,
                Severity::Notice,
                format!("Traffic is held while {called} disconnects"),
            ),
            (VpnStatus::Disconnected, true) => (
                HealthCode::BlockedFailed,
                Severity::Problem,
                format!("Traffic is blocked: {called} failed"),
            ),
            (VpnStatus::Disconnected, false) => (
                HealthCode::BlockedEnded,
                Severity::Problem,
                format!("Traffic is blocked: {called} ended without being disconnected"),
            ),
        };
        let text =
            format!("Nothing may go around {called}, from its start until it is disconnected.");
        let item = HealthItem::new(code, severity, title, text)
            .to_do(self.action())
            .with("locked", &self.locked);
        Some(match called {
            TunnelName::Own(name) => item.with("name", name),
            TunnelName::Foreign => item.with("foreign", &true),
            TunnelName::Lost => item.with("lost", &true),
        })
    }

    fn action(&self) -> String {
        let name = match self.name {
            TunnelName::Own(name) => shell_word(name),
            TunnelName::Foreign => return "Only its owner and root can open the network.".into(),
            TunnelName::Lost => return "Undo everything with: sudo adit reset".into(),
        };
        let again = match self.status {
            VpnStatus::Disconnected => format!("Try again with: adit connect {name}. "),
            VpnStatus::Invalid
            | VpnStatus::Connecting
            | VpnStatus::Connected
            | VpnStatus::Reasserting
            | VpnStatus::Disconnecting => String::new(),
        };
        let open = if self.locked { "Give it up with" } else { "Open the network with" };
        format!("{again}{open}: adit disconnect {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConfigurationId;

    use VpnStatus::{Connected, Connecting, Disconnected, Disconnecting, Reasserting};

    #[test]
    fn a_session_that_holds_says_so_until_its_tunnel_is_up() {
        for (status, code) in [
            (Connecting, Some("blocked.connecting")),
            (Connected, None),
            (Reasserting, Some("blocked.reasserting")),
            (Disconnecting, Some("blocked.disconnecting")),
            (Disconnected, Some("blocked.ended")),
        ] {
            let id = ConfigurationId::from_random([1; 16]);
            let mut session = SessionStatus { status, ..SessionStatus::new(id) };
            session.set_hold("home", true, false);
            assert_eq!(session.blocking, code.is_some());
            assert_eq!(session.health.first().map(|item| item.code.as_str()), code);
        }
    }
}
