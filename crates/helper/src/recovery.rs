//! Undoing what a helper that crashed has left. Spec TUN-18.

use std::{collections::BTreeSet, error::Error};

use adit_network::{Network, Places as NetworkPlaces, Recovered, Slot};

use crate::{arguments::Places, provider, runtime_dir, session::RunRecord};

/// No session outlives its helper.
pub(crate) const NO_SESSION: BTreeSet<Slot> = BTreeSet::new();

/// `adit-helper reset`: undoes everything, without a running helper.
pub(crate) async fn reset(places: &Places) -> Result<(), Box<dyn Error>> {
    let _lock = runtime_dir::lock(places)?;
    let network = open_network(places)?;
    let undone = undo(places, &network).await?;
    if undone.is_empty() {
        println!("There was nothing to undo.");
    }
    for line in undone {
        println!("{line}");
    }
    Ok(())
}

/// The runtime folder and the network, for whoever holds the lock.
pub(crate) fn open_network(places: &Places) -> Result<Network, Box<dyn Error>> {
    let mut network = NetworkPlaces::new(places.runtime_dir.clone());
    network.resolv_conf.clone_from(&places.resolv_conf);
    Ok(Network::open(&network)?)
}

/// Ends providers first: one that still runs could go on using what is being undone.
pub(crate) async fn undo(
    places: &Places,
    network: &Network,
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut undone = RunRecord::clean_up(&places.sessions());
    if provider::end_all_processes() {
        undone.push("Ended what a tunnel provider had left running.".into());
    }
    undone.extend(lines(&network.recover(&NO_SESSION).await?));
    Ok(undone)
}

/// A sentence, if there was anything to undo.
pub(crate) fn lines(recovered: &Recovered) -> Vec<String> {
    (!recovered.is_empty()).then(|| recovered.to_string()).into_iter().collect()
}
