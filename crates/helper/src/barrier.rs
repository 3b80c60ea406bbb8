//! What may leave the machine while no tunnel carries it.
//!
//! Nothing may, when the machine's lockdown is on or a configuration that includes all networks was
//! started and not stopped by anybody. Both are files before they are in force, so that neither a
//! crash nor a start of the service opens what they close; only a person does.

mod holds;
mod setting;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adit_api::HelperError;
use adit_model::{ConfigurationId, HealthItem, LockdownSetting, Refusal};
use adit_network::{Lockdown as Block, Network};
use tokio::sync::{Mutex as AsyncMutex, Notify};

use self::{
    holds::{HoldsFile, StoredHold},
    setting::SettingFile,
};
use crate::arguments::Places;

/// All that the network is asked to block beside what each tunnel's own plan does.
pub(crate) struct Barrier {
    network: Arc<Network>,
    setting_file: SettingFile,
    holds_file: HoldsFile,
    /// One change at a time: what is stored and what is in force go together.
    changing: AsyncMutex<()>,
    state: Mutex<State>,
    refused: Notify,
}

/// What is asked for.
#[derive(Debug, Clone)]
struct State {
    setting: LockdownSetting,
    holds: BTreeMap<ConfigurationId, Hold>,
    refusal: Option<Refusal>,
    /// What is not as tight as it should be.
    remarks: Vec<HealthItem>,
    /// Numbers the holds.
    last: u64,
}

/// What a session keeps back that nobody has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hold {
    allow_local_networks: bool,
    number: HoldNumber,
    /// It is released when its session is down.
    ends: bool,
}

/// Tells a hold from one that took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldNumber(u64);

/// After which something that the system refused is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Barrier {
    /// Reads what is asked for. Nothing is in force yet.
    pub(crate) fn open(places: &Places, network: Arc<Network>) -> Self {
        let setting_file = SettingFile::new(places.lockdown());
        let holds_file = HoldsFile::new(places.holds());
        let mut setting = setting_file.load();
        let holds = holds_file.load().unwrap_or_else(|reason| {
            setting = LockdownSetting::Unreadable(reason);
            Vec::new()
        });
        if let LockdownSetting::Unreadable(reason) = &setting {
            tracing::error!("{reason} Nothing leaves this computer until somebody decides anew.");
        }
        let mut state = State::new(setting);
        for StoredHold { id, allow_local_networks, ends } in holds {
            state.add(id, allow_local_networks, ends);
        }
        Self {
            network,
            setting_file,
            holds_file,
            changing: AsyncMutex::default(),
            state: Mutex::new(state),
            refused: Notify::new(),
        }
    }

    /// Whether anything is to be blocked.
    pub(crate) fn is_up(&self) -> bool {
        self.state().wanted().is_some()
    }

    pub(crate) fn setting(&self) -> LockdownSetting {
        self.state().setting.clone()
    }

    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.state().refusal.clone()
    }

    /// What there is to tell about a block that is in force.
    pub(crate) fn remarks(&self) -> Vec<HealthItem> {
        self.state().remarks.clone()
    }

    /// Whose holds there are.
    pub(crate) fn holders(&self) -> BTreeSet<ConfigurationId> {
        self.state().holds.keys().copied().collect()
    }

    /// The hold of a configuration, if it has one.
    pub(crate) fn hold_of(&self, id: ConfigurationId) -> Option<HoldNumber> {
        self.state().holds.get(&id).map(|hold| hold.number)
    }

    /// Brings into force what is asked for, also what was in force on another network. What is
    /// refused is told, and tried again by [`Barrier::keep`].
    pub(crate) async fn enforce(&self) {
        let _one = self.changing.lock().await;
        let _ = self.apply().await;
    }

    /// Tries again whatever the system refuses. Runs until it is dropped.
    pub(crate) async fn keep(&self) {
        loop {
            while self.refusal().is_none() {
                self.refused.notified().await;
            }
            tokio::time::sleep(RETRY).await;
            self.enforce().await;
        }
    }

    /// Switches the machine's lockdown. On an error everything is as it was.
    pub(crate) async fn set(&self, setting: LockdownSetting) -> Result<(), HelperError> {
        let _one = self.changing.lock().await;
        let before = self.setting();
        self.setting_file.store(&setting)?;
        // It may have been these that could not be read.
        self.store_holds()?;
        self.state().setting = setting;
        let Err(refused) = self.apply().await else { return Ok(()) };
        if let Err(error) = self.setting_file.store(&before) {
            tracing::error!("the last lockdown setting could not be restored: {error}");
        }
        self.state().setting = before;
        let _ = self.apply().await;
        Err(refused)
    }

    /// Keeps everything back on behalf of a configuration, until [`Barrier::release`].
    pub(crate) async fn hold(
        &self,
        id: ConfigurationId,
        allow_local_networks: bool,
    ) -> Result<(), HelperError> {
        let _one = self.changing.lock().await;
        let before = self.state().clone();
        self.state().add(id, allow_local_networks, false);
        let result = match self.store_holds() {
            Ok(()) => self.apply().await,
            Err(error) => Err(error),
        };
        if result.is_err() {
            self.state().holds = before.holds;
            let _ = self.store_holds();
            let _ = self.apply().await;
        }
        result
    }

    /// Writes down whether the hold of a configuration is released when its session is down: the next
    /// helper does it, should this one die before.
    pub(crate) async fn set_ends(&self, id: ConfigurationId, ends: bool) {
        if self.state().holds.get(&id).is_none_or(|hold| hold.ends == ends) {
            return;
        }
        let _one = self.changing.lock().await;
        self.state().holds.entry(id).and_modify(|hold| hold.ends = ends);
        if let Err(error) = self.store_holds() {
            tracing::warn!("After a crash of the service traffic would stay blocked: {error}");
        }
    }

    /// Releases the holds that an earlier helper was going to release: their sessions are down, but
    /// for those that are `going_on`, which nobody has stopped yet.
    pub(crate) async fn finish_releases(&self, going_on: &BTreeSet<ConfigurationId>) {
        let _one = self.changing.lock().await;
        if !self.state().finish_releases(going_on) {
            return;
        }
        if let Err(error) = self.store_holds() {
            tracing::warn!("After a crash of the service this would be blocked again: {error}");
        }
        let _ = self.apply().await;
    }

    /// Ends a hold, unless another one has taken its place meanwhile.
    pub(crate) async fn release(&self, id: ConfigurationId, number: HoldNumber) {
        let _one = self.changing.lock().await;
        if self.hold_of(id) != Some(number) {
            return;
        }
        self.state().holds.remove(&id);
        if let Err(error) = self.store_holds() {
            tracing::warn!("After a crash of the service this would be blocked again: {error}");
        }
        let _ = self.apply().await;
    }

    /// Lets everything out and forgets who asked for it to be kept back. Says what that changed.
    pub(crate) async fn clear(&self) -> Result<Vec<String>, HelperError> {
        let _one = self.changing.lock().await;
        let before = {
            let mut state = self.state();
            let before = state.clone();
            state.setting = LockdownSetting::Off;
            state.holds.clear();
            before
        };
        // The network is opened even if that cannot be written down.
        let stored = self.setting_file.store(&LockdownSetting::Off).and(self.store_holds());
        self.apply().await?;
        stored.map_err(|error| HelperError::StorageFailed {
            message: format!("The network is open until the next start. {error}"),
        })?;
        Ok(before.undone())
    }

    fn store_holds(&self) -> Result<(), HelperError> {
        let stored = |(id, hold): (&ConfigurationId, &Hold)| StoredHold {
            id: *id,
            allow_local_networks: hold.allow_local_networks,
            ends: hold.ends,
        };
        let holds: Vec<_> = self.state().holds.iter().map(stored).collect();
        self.holds_file.store(&holds)
    }

    /// Makes the network as the state says, and notes whether it is.
    async fn apply(&self) -> Result<(), HelperError> {
        let wanted = self.state().wanted();
        let error = match self.network.lock_down(wanted).await {
            Ok(remarks) => {
                let mut state = self.state();
                state.refusal = None;
                // Without a block it is for the sessions to tell.
                state.remarks = if wanted.is_some() { remarks } else { Vec::new() };
                return Ok(());
            }
            Err(error) => error,
        };
        let reason = error.to_string();
        let refusal = match wanted {
            Some(_) => Refusal::Block(reason.clone()),
            None => Refusal::Open(reason.clone()),
        };
        // Told once, and not every second.
        if self.state().refusal.replace(refusal.clone()).as_ref() != Some(&refusal) {
            tracing::error!("{}", Told(&refusal));
        }
        self.refused.notify_one();
        let message = format!("{}.", Told(&refusal).to_string().trim_end_matches('.'));
        Err(HelperError::SystemFailed { message })
    }

    /// The state is whole after every statement, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(setting: LockdownSetting) -> Self {
        Self { setting, holds: BTreeMap::new(), refusal: None, remarks: Vec::new(), last: 0 }
    }

    /// All that is to be blocked at this moment. Local networks are free only if everybody who
    /// blocks wants them so.
    fn wanted(&self) -> Option<Block> {
        let machine = match &self.setting {
            LockdownSetting::Off => None,
            LockdownSetting::On(lockdown) => Some(lockdown.allow_local_networks),
            LockdownSetting::Unreadable(_) => Some(false),
        };
        let holds = self.holds.values().map(|hold| hold.allow_local_networks);
        let allow = machine.into_iter().chain(holds).reduce(|one, other| one && other)?;
        Some(Block { allow_local_networks: allow })
    }

    fn add(&mut self, id: ConfigurationId, allow_local_networks: bool, ends: bool) {
        self.last += 1;
        let number = HoldNumber(self.last);
        self.holds.insert(id, Hold { allow_local_networks, number, ends });
    }

    /// Returns whether that changes anything.
    fn finish_releases(&mut self, going_on: &BTreeSet<ConfigurationId>) -> bool {
        let any = self.holds.values().any(|hold| hold.ends);
        self.holds.retain(|id, hold| !hold.ends || going_on.contains(id));
        self.holds.values_mut().for_each(|hold| hold.ends = false);
        any
    }

    /// What it was, in sentences, when all of it is gone.
    fn undone(&self) -> Vec<String> {
        let lockdown = match &self.setting {
            LockdownSetting::Off => None,
            LockdownSetting::On(_) => Some("Lockdown was on and is off.".to_owned()),
            LockdownSetting::Unreadable(_) => {
                Some("The lockdown setting could not be read; lockdown is off.".to_owned())
            }
        };
        let holds = match self.holds.len() {
            0 => None,
            1 => Some("One configuration held traffic back and does so no more.".to_owned()),
            count => Some(format!("{count} configurations held traffic back and do so no more.")),
        };
        lockdown.into_iter().chain(holds).collect()
    }
}

/// A refusal for the log and for whoever asked.
struct Told<'a>(&'a Refusal);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Refusal::Block(reason) => write!(f, "Traffic cannot be blocked: {reason}"),
            Refusal::Open(reason) => write!(f, "Traffic cannot be let out again: {reason}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_model::Lockdown;

    use super::*;

    #[test]
    fn whoever_blocks_most_decides() {
        let on = |allow_local_networks| {
            LockdownSetting::On(Lockdown { allow_local_networks, set_by: 0 })
        };
        let unreadable = || LockdownSetting::Unreadable("?".into());
        for (setting, holds, wanted) in [
            (LockdownSetting::Off, &[][..], None),
            (LockdownSetting::Off, &[true], Some(true)),
            (LockdownSetting::Off, &[true, false], Some(false)),
            (on(true), &[], Some(true)),
            (on(true), &[true], Some(true)),
            (on(true), &[false], Some(false)),
            (on(false), &[true], Some(false)),
            (unreadable(), &[true], Some(false)),
        ] {
            let mut state = State::new(setting);
            for allow in holds {
                state.add(ConfigurationId::random(), *allow, false);
            }
            let wanted = wanted.map(|allow_local_networks| Block { allow_local_networks });
            assert_eq!(state.wanted(), wanted, "{state:?}");
        }
    }

    #[test]
    fn a_hold_that_is_taken_again_is_another_one() {
        let mut state = State::new(LockdownSetting::Off);
        let id = ConfigurationId::random();
        state.add(id, false, false);
        let first = state.holds[&id].number;
        state.add(id, false, false);
        assert_ne!(state.holds[&id].number, first);
    }

    #[test]
    fn only_holds_that_were_going_to_end_do_and_not_those_of_sessions_that_go_on() {
        let mut state = State::new(LockdownSetting::Off);
        let [down, on, failed] = [(); 3].map(|()| ConfigurationId::random());
        for (id, ends) in [(down, true), (on, true), (failed, false)] {
            state.add(id, false, ends);
        }
        assert!(state.finish_releases(&[on].into()));
        assert_eq!(state.holds.keys().copied().collect::<BTreeSet<_>>(), [on, failed].into());
        assert!(!state.finish_releases(&BTreeSet::new()), "what goes on is not going to end");
    }
}
