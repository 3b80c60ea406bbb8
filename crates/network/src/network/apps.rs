//! The groups of apps that have a per-app tunnel.

use adit_model::{HealthCode, HealthItem, Severity};

use super::{Network, reconcile::Reconciler};
use crate::{
    AppGroup, AppGroupError,
    app_group::{Cgroup, Members},
    error::NetworkError,
    health,
    plan::Plan,
};

impl Network {
    /// The group of this name, which is made if need be. From then on what its processes send goes
    /// through the tunnel that is applied for it, or nowhere, also when this process ends (RTE-20).
    ///
    /// `name` is a file name, and of no use to anybody else.
    pub async fn make_app_group(&self, name: &str) -> Result<AppGroup, NetworkError> {
        self.reconciler.lock().await.make_app_group(name).await
    }

    /// Puts a process into the group of this name, which exists. What it starts is in it too; what it
    /// has open stays outside of it.
    pub async fn join_app_group(&self, name: &str, pid: i32) -> Result<(), NetworkError> {
        // Not while somebody closes it.
        let reconciler = self.reconciler.lock().await;
        reconciler.app_group(name).ok_or(AppGroupError::Unknown)?;
        Ok(Cgroup::of(name)?.enter(pid)?)
    }

    /// The groups that there are, by their names.
    pub async fn app_groups(&self) -> Vec<(String, AppGroup)> {
        let reconciler = self.reconciler.lock().await;
        let groups = reconciler.journal.entries().firewall.apps.iter();
        let named = |(number, members): (&u8, &Members)| {
            Some((members.name.clone(), AppGroup::new(*number)?))
        };
        groups.filter_map(named).collect()
    }

    /// Ends a group that nobody needs any more. While processes are in it, it stays, and so do they
    /// without a network.
    pub async fn close_app_group(&self, name: &str) -> Result<(), NetworkError> {
        self.reconciler.lock().await.close_app_group(name).await
    }

    /// Lets the apps of all groups go as all others do, and ends the groups. Returns how many there
    /// were.
    pub async fn dissolve_app_groups(&self) -> Result<usize, NetworkError> {
        self.reconciler.lock().await.dissolve_app_groups().await
    }
}

impl Reconciler {
    fn app_group(&self, name: &str) -> Option<AppGroup> {
        let apps = &self.journal.entries().firewall.apps;
        apps.iter()
            .find(|(_, members)| members.name == name)
            .and_then(|(number, _)| AppGroup::new(*number))
    }

    async fn make_app_group(&mut self, name: &str) -> Result<AppGroup, NetworkError> {
        let apps = &self.journal.entries().firewall.apps;
        let free = || AppGroup::all().find(|group| !apps.contains_key(&group.number()));
        let group = self.app_group(name).or_else(free).ok_or(AppGroupError::TooMany)?;
        let members = Cgroup::of(name)?.make(name, group)?;
        if apps.get(&group.number()) != Some(&members) {
            self.set_policy(|policy| drop(policy.apps.insert(group.number(), members))).await?;
        }
        Ok(group)
    }

    async fn close_app_group(&mut self, name: &str) -> Result<(), NetworkError> {
        let Some(group) = self.app_group(name) else { return Ok(()) };
        if Cgroup::of(name)?.remove() {
            self.set_policy(|policy| drop(policy.apps.remove(&group.number()))).await?;
        }
        Ok(())
    }

    async fn dissolve_app_groups(&mut self) -> Result<usize, NetworkError> {
        let groups: Vec<Members> = self.journal.entries().firewall.apps.values().cloned().collect();
        if groups.is_empty() {
            return Ok(0);
        }
        for members in &groups {
            if let Ok(cgroup) = Cgroup::of(&members.name) {
                cgroup.unmark();
                cgroup.remove();
            }
        }
        self.set_policy(|policy| policy.apps.clear()).await?;
        Ok(groups.len())
    }

    /// What there is to tell about the names that the apps of a plan look up.
    pub(super) fn names_of_apps(&self, plan: &Plan) -> Option<HealthItem> {
        plan.app_names.as_ref()?;
        self.dns.is_resolved_asked_directly().then(|| {
            health::item(
                HealthCode::AppsNamesOutside,
                Severity::Warning,
                "The tunnel’s apps look names up outside the tunnel",
                "On this system programs ask systemd-resolved past /etc/resolv.conf, and it asks for \
                 all of them alike: it cannot be known for whom.",
                "Take “resolve” out of the line “hosts:” in /etc/nsswitch.conf.",
            )
        })
    }
}
