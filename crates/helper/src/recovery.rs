//! What becomes of what a helper that crashed has left. Spec TUN-18, X-2.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use adit_network::{Network, Places as NetworkPlaces, Recovered, Slot};

use crate::{
    arguments::Places,
    barrier::Barrier,
    configurations::Configurations,
    kept_descriptors::KeptDescriptors,
    provider::{self, Process},
    runtime_dir::{self, RuntimeDirError},
    session::{Left, SessionFolder},
    surroundings::{self, Surroundings},
};

/// Nothing is to go on.
pub(crate) const NO_SESSION: BTreeSet<Slot> = BTreeSet::new();

/// `adit-helper reset`: undoes everything, without a running helper.
pub(crate) async fn reset(places: &Places) -> Result<(), Box<dyn Error>> {
    let _lock = runtime_dir::lock(places)?;
    let network = Arc::new(open_network(places)?);
    let cleared = Barrier::open(places, Arc::clone(&network)).clear().await;
    let dissolved = network.dissolve_app_groups().await;
    let undone = undo(places, &network).await?;
    print(&[cleared?, surroundings::dissolved(dissolved?), undone].concat());
    Ok(())
}

/// `adit-helper recover`: undoes what a helper has left that did not end in order. What a person
/// wants blocked stays so.
pub(crate) async fn recover(places: &Places) -> Result<(), Box<dyn Error>> {
    let _lock = runtime_dir::lock(places)?;
    let network = Arc::new(open_network(places)?);
    Barrier::open(places, Arc::clone(&network)).enforce().await;
    print(&undo(places, &network).await?);
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

/// Takes over what an earlier helper has left as far as that is possible, and undoes the rest.
pub(crate) async fn take_over(
    surroundings: &Surroundings,
    configurations: &Configurations,
    kept: KeptDescriptors,
) -> Result<Left, Box<dyn Error>> {
    surroundings.app_groups.recall(&surroundings.network, configurations).await;
    let left = Left::take_over(surroundings, configurations, kept).await;
    let recovered = surroundings.network.recover(&left.slots()).await?;
    for line in ended(left.ended).into_iter().chain(lines(&recovered)) {
        tracing::warn!("After a crash: {line}");
    }
    Ok(left)
}

/// Ends providers first: one that still runs could go on using what is being undone.
async fn undo(places: &Places, network: &Network) -> Result<Vec<String>, Box<dyn Error>> {
    let mut any = false;
    for mut folder in SessionFolder::left_in(&places.sessions()) {
        let run = folder.read().and_then(|(_, record)| record.run);
        let process = run.and_then(|run| run.provider).and_then(Process::find);
        if let Some(process) = process {
            provider::end_process(&process).await;
            any = true;
        }
        folder.remove();
    }
    any |= provider::end_all_processes(&NO_SESSION);
    let mut undone = ended(any);
    undone.extend(lines(&network.recover(&NO_SESSION).await?));
    Ok(undone)
}

fn print(undone: &[String]) {
    if undone.is_empty() {
        println!("There was nothing to undo.");
    }
    for line in undone {
        println!("{line}");
    }
}

/// A sentence, if providers had to be ended.
fn ended(any: bool) -> Vec<String> {
    any.then(|| "Ended what a tunnel provider had left running.".into()).into_iter().collect()
}

/// A sentence, if there was anything to undo.
pub(crate) fn lines(recovered: &Recovered) -> Vec<String> {
    (!recovered.is_empty()).then(|| recovered.to_string()).into_iter().collect()
}
