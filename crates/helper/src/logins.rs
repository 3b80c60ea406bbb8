//! Who is logged in, and who sits at the computer: a user's own configurations live within their login.
//! Spec TN34-10, X-4.

mod logind;

use adit_model::{ProviderStopReason, ROOT, Scope, VpnConfiguration};

pub(crate) use self::logind::watch;

/// Who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Logins {
    /// Nobody keeps account of it: without logind, everybody counts as logged in.
    Unknown,
    /// These are.
    Known(Vec<Login>),
}

/// A person's session on the computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) uid: u32,
    /// The seat it is on; none for one from elsewhere, as by ssh(1).
    pub(crate) seat: Option<String>,
    /// It is what its seat shows.
    pub(crate) is_active: bool,
}

/// Whether the owner of a configuration is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Present,
    /// They are not logged in.
    LoggedOut,
    /// They are, and another person sits where they sat.
    Displaced,
}

impl Logins {
    /// What belongs to the system or to root needs nobody.
    pub(crate) fn presence(&self, configuration: &VpnConfiguration) -> Presence {
        let owner = configuration.owner;
        let people = match self {
            Self::Unknown => return Presence::Present,
            Self::Known(_) if configuration.scope == Scope::System || owner == ROOT => {
                return Presence::Present;
            }
            Self::Known(people) => people,
        };
        let mut own = people.iter().filter(|login| login.uid == owner).peekable();
        if own.peek().is_none() {
            return Presence::LoggedOut;
        }
        if own.all(|login| is_displaced(login, people)) {
            return Presence::Displaced;
        }
        Presence::Present
    }
}

impl Presence {
    /// Why a session ends whose owner was there before.
    pub(crate) fn stop_reason(self) -> Option<ProviderStopReason> {
        match self {
            Self::Present => None,
            Self::LoggedOut => Some(ProviderStopReason::UserLogout),
            Self::Displaced => Some(ProviderStopReason::UserSwitch),
        }
    }
}

/// An administrator who looks in as root takes nobody's place, and neither does a login screen, which
/// is no person's.
fn is_displaced(login: &Login, people: &[Login]) -> bool {
    let takes_its_place = |other: &Login| {
        other.is_active && other.seat == login.seat && other.uid != login.uid && other.uid != ROOT
    };
    login.seat.is_some() && !login.is_active && people.iter().any(takes_its_place)
}

#[cfg(test)]
mod tests {
    use adit_model::{ConfigurationId, TunnelProviderProtocol};

    use super::*;

    const ALICE: u32 = 1000;
    const BOB: u32 = 1001;

    // spec: TN34-10, X-4
    #[test]
    fn an_owner_is_there_as_long_as_nobody_sits_in_their_place() {
        let presence = |people: &[Login]| Logins::Known(people.to_vec()).presence(&of(ALICE));
        assert_eq!(presence(&[]), Presence::LoggedOut);
        assert_eq!(presence(&[at_seat(BOB, true)]), Presence::LoggedOut);
        assert_eq!(presence(&[at_seat(ALICE, true)]), Presence::Present);
        // The login screen, or root on another terminal.
        assert_eq!(presence(&[at_seat(ALICE, false)]), Presence::Present);
        let root = at_seat(ROOT, true);
        assert_eq!(presence(&[at_seat(ALICE, false), root]), Presence::Present);
        let switched = [at_seat(ALICE, false), at_seat(BOB, true)];
        assert_eq!(presence(&switched), Presence::Displaced);
        let from_elsewhere = Login { uid: ALICE, seat: None, is_active: true };
        let [behind, other] = switched;
        assert_eq!(presence(&[behind, other, from_elsewhere]), Presence::Present);
    }

    // spec: TN34-10
    #[test]
    fn what_is_the_systems_or_roots_needs_nobody() {
        let mut configuration = of(ALICE);
        assert_eq!(Logins::Unknown.presence(&configuration), Presence::Present);
        configuration.scope = Scope::System;
        let nobody = Logins::Known(Vec::new());
        assert_eq!(nobody.presence(&configuration), Presence::Present);
        assert_eq!(nobody.presence(&of(ROOT)), Presence::Present);
        assert_eq!(nobody.presence(&of(BOB)), Presence::LoggedOut);
    }

    fn of(owner: u32) -> VpnConfiguration {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let configuration = VpnConfiguration::new(ConfigurationId::random(), "home", protocol);
        VpnConfiguration { owner, ..configuration }
    }

    fn at_seat(uid: u32, is_active: bool) -> Login {
        Login { uid, seat: Some("seat0".into()), is_active }
    }
}
