//! What is asked of an Ethernet tunnel's settings beyond a packet tunnel's.

use std::net::IpAddr;

use super::{InvalidSettings, PacketTunnelNetworkSettings, unusable_own_address};

/// The most bytes of a packet in a frame of 65535 with its header of 14.
const MOST_MTU: u16 = 65_521;

/// Spec ETH-3, ETH-6, V4-5.
pub(super) fn validate(settings: &PacketTunnelNetworkSettings) -> Result<(), InvalidSettings> {
    let Some(address) = settings.ethernet_address else {
        let asks = settings.is_automatic();
        return if asks { Err(InvalidSettings::AutomaticWithoutEthernet) } else { Ok(()) };
    };
    if !address.is_unicast() {
        return Err(InvalidSettings::UnusableEthernetAddress(address));
    }
    match settings.mtu {
        None => return Err(InvalidSettings::NoMtu),
        Some(mtu) if mtu > MOST_MTU => {
            return Err(InvalidSettings::MtuTooLarge { mtu, most: MOST_MTU });
        }
        Some(_) => {}
    }
    let ipv4 = settings.ipv4.iter().filter_map(|ip| ip.router).map(IpAddr::from);
    let ipv6 = settings.ipv6.iter().filter_map(|ip| ip.router).map(IpAddr::from);
    match ipv4.chain(ipv6).find(unusable_own_address) {
        Some(router) => Err(InvalidSettings::UnusableRouter(router)),
        None => Ok(()),
    }
}
