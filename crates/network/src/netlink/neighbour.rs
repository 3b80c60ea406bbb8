//! Hardware addresses of neighbours.

use std::net::IpAddr;

use adit_model::MacAddress;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};

use super::{Netlink, done, dump};
use crate::error::NetworkError;

impl Netlink {
    /// The hardware address of a neighbour on a link, once the kernel knows it.
    pub(crate) async fn neighbour(
        &self,
        link: u32,
        address: IpAddr,
    ) -> Result<Option<MacAddress>, NetworkError> {
        let neighbours = dump("neighbours", self.handle.neighbours().get().execute()).await?;
        let mut found = neighbours.iter().filter(|message| message.header.ifindex == link);
        Ok(found.find(|message| has(message, address)).and_then(hardware_address))
    }

    /// Has the kernel ask for it, by ARP or neighbour discovery (`NTF_USE`, rtnetlink(7)).
    pub(crate) async fn resolve_neighbour(
        &self,
        link: u32,
        address: IpAddr,
    ) -> Result<(), NetworkError> {
        let request = self.handle.neighbours().add(link, address).replace();
        let request = request.state(NeighbourState::None).flags(NeighbourFlags::Use);
        done(format!("neighbour {address}"), request.execute().await, &[])
    }
}

fn has(message: &NeighbourMessage, address: IpAddr) -> bool {
    message.attributes.iter().any(|attribute| match (attribute, address) {
        (NeighbourAttribute::Destination(NeighbourAddress::Inet(found)), IpAddr::V4(address)) => {
            *found == address
        }
        (NeighbourAttribute::Destination(NeighbourAddress::Inet6(found)), IpAddr::V6(address)) => {
            *found == address
        }
        _ => false,
    })
}

/// Absent while the kernel still asks for it.
fn hardware_address(message: &NeighbourMessage) -> Option<MacAddress> {
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(octets) => {
            <[u8; 6]>::try_from(octets.as_slice()).ok().map(MacAddress)
        }
        _ => None,
    })
}
