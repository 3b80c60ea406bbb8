//! What the machine lets out: its lockdown, and what sessions hold back.

use adit_api::HelperError;
use adit_model::{
    ConfigurationId, Lockdown, LockdownSetting, MachineStatus, Tunnel, TunnelName,
    VpnConfiguration, VpnStatus, owns_default_route,
};

use super::{Service, locked};
use crate::{
    access,
    session::{Input, SessionHandle},
};

impl Service {
    /// The machine as a whole, as `uid` may see it.
    pub(crate) fn machine(&self, uid: u32) -> MachineStatus {
        let barrier = &self.surroundings.barrier;
        let mut tunnels = Vec::new();
        let mut holders = barrier.holders();
        {
            let configurations = locked(&self.configurations);
            let sessions = locked(&self.sessions);
            for configuration in configurations.all().map(|record| &record.configuration) {
                let Some(session) = sessions.get(&configuration.id) else { continue };
                // What somebody else's apps do is nothing to those who do not know of it.
                let per_app = configuration.routing_method.is_per_app();
                if per_app && !access::may_see(uid, configuration) {
                    continue;
                }
                let holds = holders.remove(&configuration.id);
                tunnels.push(tunnel(uid, configuration, session, holds));
            }
            // Those of configurations that are removed and not down yet.
            let going = |id: &ConfigurationId| sessions.get(id).is_some_and(SessionHandle::lives);
            holders.retain(|id| !going(id));
        }
        tunnels.extend(holders.into_iter().map(|_| lost()));
        let mut status =
            MachineStatus::of(&barrier.setting(), barrier.refusal().as_ref(), &tunnels);
        status.health.extend(barrier.remarks());
        status.health.extend(locked(&self.managed_problems).iter().cloned());
        status
    }

    /// Switches the machine's lockdown on.
    pub(crate) async fn lock_down(
        &self,
        uid: u32,
        allow_local_networks: bool,
    ) -> Result<MachineStatus, HelperError> {
        let wanted = Lockdown { allow_local_networks, set_by: uid };
        let is_so = match self.surroundings.barrier.setting() {
            LockdownSetting::On(lockdown) => lockdown.allow_local_networks == allow_local_networks,
            LockdownSetting::Off | LockdownSetting::Unreadable(_) => false,
        };
        if !is_so {
            self.set_lockdown(uid, LockdownSetting::On(wanted)).await?;
        }
        Ok(self.machine(uid))
    }

    /// Switches it off.
    pub(crate) async fn lift_lockdown(&self, uid: u32) -> Result<MachineStatus, HelperError> {
        if self.surroundings.barrier.setting() != LockdownSetting::Off {
            self.set_lockdown(uid, LockdownSetting::Off).await?;
        }
        Ok(self.machine(uid))
    }

    async fn set_lockdown(&self, uid: u32, setting: LockdownSetting) -> Result<(), HelperError> {
        // Not between somebody's look at the setting and their change of it.
        let _one = self.starting.lock().await;
        access::authorise_lockdown(uid, &self.surroundings.barrier.setting())?;
        let switched = if setting.is_on() { "on" } else { "off" };
        let result = self.surroundings.barrier.set(setting).await;
        if result.is_ok() {
            tracing::info!("Lockdown is {switched}.");
        }
        self.barrier_changed().await;
        result
    }

    /// Keeps everything back on behalf of a configuration that includes all networks, before
    /// anything of its session exists. Spec PROTO-18.
    pub(super) async fn hold_back(
        &self,
        configuration: &VpnConfiguration,
    ) -> Result<(), HelperError> {
        let protocol = &configuration.protocol;
        if !protocol.include_all_networks {
            return Ok(());
        }
        let allow = protocol.exclude_local_networks;
        self.surroundings.barrier.hold(configuration.id, allow).await
    }

    /// Lets everything out, whoever asked for it to be kept back.
    pub(super) async fn clear_barrier(&self) -> Result<Vec<String>, HelperError> {
        let cleared = self.surroundings.barrier.clear().await;
        self.barrier_changed().await;
        cleared
    }

    async fn barrier_changed(&self) {
        self.tell_all(|| Input::BarrierChanged).await;
        self.surroundings.events.announce_machine();
    }
}

fn tunnel(
    uid: u32,
    configuration: &VpnConfiguration,
    session: &SessionHandle,
    holds: bool,
) -> Tunnel {
    let seen = access::may_see(uid, configuration);
    let protocol = &configuration.protocol;
    let session = session.status();
    Tunnel {
        name: if seen { TunnelName::Own(configuration.name.clone()) } else { TunnelName::Foreign },
        status: session.status,
        takes_default_route: protocol.include_all_networks
            || owns_default_route(configuration.claimed_routes()),
        holds,
        failed: session.last_error.is_some(),
    }
}

fn lost() -> Tunnel {
    Tunnel {
        name: TunnelName::Lost,
        status: VpnStatus::Disconnected,
        takes_default_route: false,
        holds: true,
        failed: false,
    }
}
