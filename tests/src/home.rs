//! The scenery of most scenarios.

use crate::adit::Adit;
use crate::lab::Lab;
use crate::wireguard::WireGuardServer;

/// A lab with a VPN server, and Adit on its client with a tunnel for everything, `home`.
///
/// Give each part a name, as in `Home { lab, vpn: _vpn, adit }`: what a pattern leaves out ends at once.
#[derive(Debug)]
pub struct Home {
    /// The small internet.
    pub lab: Lab,
    /// On the lab's `server`, with one client.
    pub vpn: WireGuardServer,
    /// On the lab's `client`.
    pub adit: Adit,
}

impl Home {
    /// `home` is imported and not connected. `None` where [`Lab::new`] is.
    #[must_use]
    #[track_caller]
    pub fn imported() -> Option<Self> {
        Self::imported_with(&[])
    }

    /// As [`imported`](Self::imported), with options such as `--enforce-routes`.
    #[must_use]
    #[track_caller]
    pub fn imported_with(options: &[&str]) -> Option<Self> {
        Some(Self::begin(Lab::new()?, options))
    }

    /// As [`imported`](Self::imported), where something was arranged before.
    #[must_use]
    #[track_caller]
    pub fn imported_in(lab: Lab) -> Self {
        Self::begin(lab, &[])
    }

    /// `home` is connected.
    #[must_use]
    #[track_caller]
    pub fn connected() -> Option<Self> {
        Some(Self::connected_in(Lab::new()?))
    }

    /// As [`connected`](Self::connected), where something was arranged before.
    #[must_use]
    #[track_caller]
    pub fn connected_in(lab: Lab) -> Self {
        let home = Self::imported_in(lab);
        home.adit.connect("home");
        home
    }

    #[track_caller]
    fn begin(lab: Lab, options: &[&str]) -> Self {
        let vpn = WireGuardServer::start(&lab.server);
        let adit = Adit::start(&lab.client);
        adit.import_with("home", &vpn.add_peer().conf(), options);
        Self { lab, vpn, adit }
    }
}
