//! Whether nothing may leave the machine but through a tunnel.

use serde::{Deserialize, Serialize};

use crate::ROOT;

/// Nothing leaves the machine but through a tunnel, whether there is one or not. Spec RTE-21,
/// MDM-24.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
pub struct Lockdown {
    /// But to the networks that the machine is directly connected to (RTE-10).
    pub allow_local_networks: bool,
    /// The uid of whoever switched it on. Nobody but them and root switches it off.
    pub set_by: u32,
}

/// What is stored of the machine's lockdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockdownSetting {
    /// It was never switched on, or was switched off.
    Off,
    /// It is on.
    On(Lockdown),
    /// It may be on: this sentence says why nobody knows. Until somebody decides, it is on.
    Unreadable(String),
}

impl LockdownSetting {
    /// Whether nothing may leave the machine but through a tunnel.
    #[must_use]
    pub fn is_on(&self) -> bool {
        match self {
            Self::Off => false,
            Self::On(_) | Self::Unreadable(_) => true,
        }
    }

    /// Whether `uid` may change it. What nobody can read is root's.
    #[must_use]
    pub fn may_be_changed_by(&self, uid: u32) -> bool {
        match self {
            Self::Off => true,
            Self::On(lockdown) => uid == ROOT || uid == lockdown.set_by,
            Self::Unreadable(_) => uid == ROOT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockdown_is_lifted_by_whoever_set_it_and_by_root() {
        let on = |set_by| LockdownSetting::On(Lockdown { allow_local_networks: true, set_by });
        let rights =
            |setting: &LockdownSetting| [ROOT, 1000, 1001].map(|u| setting.may_be_changed_by(u));
        assert_eq!(rights(&LockdownSetting::Off), [true, true, true]);
        assert_eq!(rights(&on(1000)), [true, true, false]);
        assert_eq!(rights(&on(ROOT)), [true, false, false]);
        assert_eq!(rights(&LockdownSetting::Unreadable("?".into())), [true, false, false]);
    }
}
