//! Undoing what a helper that crashed has left. Spec TUN-18.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use adit_network::{Network, Places as NetworkPlaces, Recovered, Slot};

use crate::{
    arguments::Places,
    barrier::Barrier,
    provider,
    runtime_dir::{self, RuntimeDirError},
    session::RunRecord,
};

/// No session outlives its helper.
pub(crate) const NO_SESSION: BTreeSet<Slot> = BTreeSet::new();

/// `adit-helper reset`: undoes everything, without a running helper.
pub(crate) async fn reset(places: &Places) -> Result<(), Box<dyn Error>> {
    let _lock = runtime_dir::lock(places)?;
    let network = Arc::new(open_network(places)?);
    let cleared = Barrier::open(places, Arc::clone(&network)).clear().await;
    let undone = undo(places, &network).await?;
    let undone = [cleared?, undone].concat();
    if undone.is_empty() {
        println!("There was nothing to undo.");
    }
    for line in undone {
        println!("{line}");
    }
    Ok(())
}

/// `adit-helper lockdown`: blocks what has to be blocked before the helper runs. A helper that runs
/// has done so.
pub(crate) async fn lock_down(places: &Places) -> Result<(), Box<dyn Error>> {
    let _lock = match runtime_dir::lock(places) {
        Ok(lock) => lock,
        Err(RuntimeDirError::AlreadyRunning(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let barrier = Barrier::open(places, Arc::new(open_network(places)?));
    if !barrier.is_up() {
        return Ok(());
    }
    barrier.enforce().await;
    match barrier.refusal() {
        None => Ok(()),
        Some(_) => Err("Nothing is blocked.".into()),
    }
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
