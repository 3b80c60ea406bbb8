//! The keys of both sections.

/// A key of one section.
pub(super) trait SectionKey: Copy + Eq + 'static {
    /// The section's name.
    const SECTION: &'static str;
    /// All keys as manuals write them.
    const NAMES: &'static [(&'static str, Self)];

    /// Whether several lines add up; of other keys the last line counts, as in wg.
    fn adds_up(self) -> bool;
}

/// wg-quick(8), "CONFIGURATION", and wg(8), "CONFIGURATION FILE FORMAT".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InterfaceKey {
    PrivateKey,
    ListenPort,
    FwMark,
    Address,
    Dns,
    Mtu,
    Table,
    PreUp,
    PostUp,
    PreDown,
    PostDown,
    SaveConfig,
}

/// wg(8), "CONFIGURATION FILE FORMAT".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerKey {
    PublicKey,
    PresharedKey,
    AllowedIps,
    Endpoint,
    PersistentKeepalive,
}

impl SectionKey for InterfaceKey {
    const SECTION: &'static str = "Interface";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("PrivateKey", Self::PrivateKey),
        ("ListenPort", Self::ListenPort),
        ("FwMark", Self::FwMark),
        ("Address", Self::Address),
        ("DNS", Self::Dns),
        ("MTU", Self::Mtu),
        ("Table", Self::Table),
        ("PreUp", Self::PreUp),
        ("PostUp", Self::PostUp),
        ("PreDown", Self::PreDown),
        ("PostDown", Self::PostDown),
        ("SaveConfig", Self::SaveConfig),
    ];

    fn adds_up(self) -> bool {
        match self {
            Self::Address
            | Self::Dns
            | Self::PreUp
            | Self::PostUp
            | Self::PreDown
            | Self::PostDown => true,
            Self::PrivateKey
            | Self::ListenPort
            | Self::FwMark
            | Self::Mtu
            | Self::Table
            | Self::SaveConfig => false,
        }
    }
}

impl SectionKey for PeerKey {
    const SECTION: &'static str = "Peer";
    const NAMES: &'static [(&'static str, Self)] = &[
        ("PublicKey", Self::PublicKey),
        ("PresharedKey", Self::PresharedKey),
        ("AllowedIPs", Self::AllowedIps),
        ("Endpoint", Self::Endpoint),
        ("PersistentKeepalive", Self::PersistentKeepalive),
    ];

    fn adds_up(self) -> bool {
        match self {
            Self::AllowedIps => true,
            Self::PublicKey | Self::PresharedKey | Self::Endpoint | Self::PersistentKeepalive => {
                false
            }
        }
    }
}

/// The name of every key with that of its section.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let interface = InterfaceKey::NAMES.iter().map(|(name, _)| (*name, InterfaceKey::SECTION));
    interface.chain(PeerKey::NAMES.iter().map(|(name, _)| (*name, PeerKey::SECTION)))
}
