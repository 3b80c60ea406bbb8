//! The machine as a whole.

use std::net::IpAddr;

use adit_api::{
    DescribeNetwork, DnsExplanation, ExplainDns, ExplainRoute, LiftLockdown, LockDown, Reset,
    SelfTest,
};
use adit_model::{Check, MachineStatus, NetworkDescription, RouteExplanation};
use tauri::State;

use super::call;
use crate::{app::Shared, failure::Failure};

/// Lets nothing leave the machine but through a tunnel, from now on and across boots.
#[tauri::command]
#[specta::specta]
pub(crate) async fn lock_down(
    shared: State<'_, Shared>,
    allow_local_networks: bool,
) -> Result<MachineStatus, Failure> {
    Ok(call(&shared, LockDown { allow_local_networks }).await?.machine)
}

/// Ends that.
#[tauri::command]
#[specta::specta]
pub(crate) async fn lift_lockdown(shared: State<'_, Shared>) -> Result<MachineStatus, Failure> {
    Ok(call(&shared, LiftLockdown {}).await?.machine)
}

/// Which way a packet to `address` takes, and why.
#[tauri::command]
#[specta::specta]
pub(crate) async fn explain_route(
    shared: State<'_, Shared>,
    address: IpAddr,
) -> Result<RouteExplanation, Failure> {
    Ok(call(&shared, ExplainRoute { address, port: None }).await?.explanation)
}

/// Who answers a name, and why.
#[tauri::command]
#[specta::specta]
pub(crate) async fn explain_dns(
    shared: State<'_, Shared>,
    name: String,
) -> Result<DnsExplanation, Failure> {
    call(&shared, ExplainDns { name }).await
}

/// Tries out whether what is promised holds. Takes some seconds.
#[tauri::command]
#[specta::specta]
pub(crate) async fn self_test(shared: State<'_, Shared>) -> Result<Vec<Check>, Failure> {
    Ok(call(&shared, SelfTest {}).await?.checks)
}

/// What the kernel has of the network.
#[tauri::command]
#[specta::specta]
pub(crate) async fn describe_network(
    shared: State<'_, Shared>,
) -> Result<NetworkDescription, Failure> {
    Ok(call(&shared, DescribeNetwork {}).await?.network)
}

/// Ends all sessions and undoes everything, lockdown too. Says what was undone.
#[tauri::command]
#[specta::specta]
pub(crate) async fn reset(shared: State<'_, Shared>) -> Result<Vec<String>, Failure> {
    Ok(call(&shared, Reset {}).await?.undone)
}
