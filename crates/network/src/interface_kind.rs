//! What kind of link a network interface is.

use std::{fs, path::Path};

use adit_model::InterfaceKind;

/// The kind of the interface `name`, whose link messages carry the hardware type `link_type`
/// (`ARPHRD_*` of `linux/if_arp.h`). What sysfs does not show, such as an interface of another network
/// namespace, is judged by `link_type` alone. Spec OD-7.
#[must_use]
pub(crate) fn interface_kind(name: &str, link_type: u16) -> InterfaceKind {
    kind_below(Path::new("/sys/class/net"), name, link_type)
}

fn kind_below(class: &Path, name: &str, link_type: u16) -> InterfaceKind {
    let device = class.join(name);
    let device_type = device_type(&device);
    if device_type == "wwan" {
        return InterfaceKind::Cellular;
    }
    // Old drivers say what they are by these entries alone.
    let has_radio = ["phy80211", "wireless"].iter().any(|entry| device.join(entry).exists());
    if device_type == "wlan" || has_radio {
        return InterfaceKind::WiFi;
    }
    if link_type == libc::ARPHRD_ETHER {
        return InterfaceKind::Ethernet;
    }
    InterfaceKind::Other
}

/// The kernel's own word for what the device is; plain wired ones have none.
fn device_type(device: &Path) -> String {
    let uevent = fs::read_to_string(device.join("uevent")).unwrap_or_default();
    let device_type = uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE="));
    device_type.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn sysfs_tells_the_radio_from_the_wire() {
        let class = tempfile::tempdir().unwrap();
        let device = |name: &str, uevent: &str| -> PathBuf {
            let device = class.path().join(name);
            fs::create_dir(&device).unwrap();
            fs::write(device.join("uevent"), uevent).unwrap();
            device
        };
        device("enp1s0", "INTERFACE=enp1s0\nIFINDEX=2\n");
        device("wlan0", "DEVTYPE=wlan\nINTERFACE=wlan0\n");
        fs::create_dir(device("old0", "INTERFACE=old0\n").join("wireless")).unwrap();
        device("wwan0", "DEVTYPE=wwan\nINTERFACE=wwan0\n");
        device("br0", "DEVTYPE=bridge\nINTERFACE=br0\n");
        device("ppp0", "DEVTYPE=ppp\nINTERFACE=ppp0\n");

        let kinds = [
            ("enp1s0", libc::ARPHRD_ETHER, InterfaceKind::Ethernet),
            ("wlan0", libc::ARPHRD_ETHER, InterfaceKind::WiFi),
            ("old0", libc::ARPHRD_ETHER, InterfaceKind::WiFi),
            ("wwan0", libc::ARPHRD_NONE, InterfaceKind::Cellular),
            ("br0", libc::ARPHRD_ETHER, InterfaceKind::Ethernet),
            ("ppp0", libc::ARPHRD_PPP, InterfaceKind::Other),
            ("elsewhere0", libc::ARPHRD_ETHER, InterfaceKind::Ethernet),
            ("elsewhere1", libc::ARPHRD_NONE, InterfaceKind::Other),
        ];
        for (name, link_type, kind) in kinds {
            assert_eq!(kind_below(class.path(), name, link_type), kind, "{name}");
        }
    }
}
