//! One list of servers for all names: writing the one that the last session wants, and giving back
//! the one that was there.

use std::{io, time::Duration};

use tokio::time::{Instant, sleep};

use super::Dns;
use crate::{
    Slot,
    dns::{
        DnsError, GlobalDns, ServerList,
        back_end::{BackEnd, Keeper},
        network_manager::NetworkManager,
        resolv_conf::Restored,
    },
    error::NetworkError,
    journal::{Journal, OneListChange},
};

/// How long NetworkManager may take to write a file.
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);
const WRITE_INTERVAL: Duration = Duration::from_millis(20);

impl Dns {
    /// Drops what a session wants of the one list. The last of the others has it then; without any,
    /// it is given back.
    pub(super) async fn forget_list(
        &self,
        slot: Slot,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        let slot = slot.number();
        if !journal.entries().server_lists.iter().any(|wish| wish.slot == slot) {
            return Ok(());
        }
        // A journal that cannot be written does not keep the list from being given back.
        let written =
            journal.update(|entries| entries.server_lists.retain(|wish| wish.slot != slot));
        let others = journal.entries().server_lists.iter().any(|wish| wish.slot != slot);
        let done = match self.back_end().await {
            BackEnd::OneList(keeper) if others => self.write_last(&keeper, journal).await,
            BackEnd::OneList(_) | BackEnd::Resolved => self.give_back(journal).await.map(drop),
        };
        written.and(done)
    }

    /// Writes the list that the last session wants.
    pub(super) async fn write_last(
        &self,
        keeper: &Keeper,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        let Some(list) = journal.entries().server_lists.last().map(|wish| wish.list.clone()) else {
            return Ok(());
        };
        let elsewhere = journal.entries().one_list.as_ref().is_some_and(|it| !keeper.is_in(it));
        if elsewhere {
            self.give_back(journal).await?;
        }
        match keeper {
            Keeper::NetworkManager => self.write_network_manager(&list, journal).await,
            Keeper::Resolvconf(program) => {
                let change = OneListChange::Resolvconf(program.clone());
                journal.update(|entries| entries.one_list = Some(change))?;
                program.add(&list).await?;
                if !program.has_made(&self.resolv_conf.read(), &list) {
                    program.update().await?;
                }
                Ok(())
            }
            Keeper::File => self.write_file(&list, journal),
        }
    }

    async fn write_network_manager(
        &self,
        list: &ServerList,
        journal: &mut Journal,
    ) -> Result<(), NetworkError> {
        let manager = NetworkManager::connect(&self.bus).await;
        let manager = manager.ok_or(DnsError::Ended("NetworkManager"))?;
        let present = manager.global_dns().await?;
        if !present.is_ours() {
            let change = OneListChange::NetworkManager(present);
            journal.update(|entries| entries.one_list = Some(change))?;
        }
        manager.set_global_dns(&GlobalDns::of(list)).await?;
        // It answers before it has written the file.
        let end = Instant::now() + WRITE_TIMEOUT;
        while !list.answers_all_of(&self.resolv_conf.read()) {
            if Instant::now() > end {
                return Err(DnsError::NotWritten("NetworkManager").into());
            }
            sleep(WRITE_INTERVAL).await;
        }
        Ok(())
    }

    fn write_file(&self, list: &ServerList, journal: &mut Journal) -> Result<(), NetworkError> {
        let failed = |source| self.file_error(source);
        let is_ours = self.resolv_conf.is_ours();
        let original = match &journal.entries().one_list {
            Some(OneListChange::File(original)) if is_ours => original.clone(),
            // Nobody else's, or what somebody else has written over ours.
            _ => self.resolv_conf.original().map_err(failed)?,
        };
        journal.update(|entries| entries.one_list = Some(OneListChange::File(original)))?;
        if !is_ours {
            self.resolv_conf.back_up();
        }
        Ok(self.resolv_conf.write(list).map_err(failed)?)
    }

    /// Gives the one list back, wherever ours was written: the journal says where, a header or a
    /// mark says so without it. Returns whether there was something to give back.
    pub(super) async fn give_back(&self, journal: &mut Journal) -> Result<bool, NetworkError> {
        let mut given_back = false;
        match &journal.entries().one_list {
            Some(OneListChange::File(original)) => {
                let restored = self.resolv_conf.restore(original);
                given_back = restored.map_err(|it| self.file_error(it))? == Restored::AsBefore;
            }
            Some(OneListChange::Resolvconf(program)) => {
                program.delete().await?;
                given_back = true;
            }
            Some(OneListChange::NetworkManager(_)) | None => {}
        }
        if self.resolv_conf.is_ours() {
            let restored = self.resolv_conf.restore_backup();
            if !restored.map_err(|source| self.file_error(source))? {
                let path = self.resolv_conf.path().display().to_string();
                return Err(DnsError::OriginalLost(path).into());
            }
            given_back = true;
        }
        let before = match &journal.entries().one_list {
            Some(OneListChange::NetworkManager(before)) => Some(before),
            Some(OneListChange::File(_) | OneListChange::Resolvconf(_)) | None => None,
        };
        match NetworkManager::connect(&self.bus).await {
            // What it was told outlives itself and the boot.
            Some(manager) if manager.global_dns().await.is_ok_and(|it| it.is_ours()) => {
                manager.set_global_dns(&before.cloned().unwrap_or_default()).await?;
                given_back = true;
            }
            // It is told when it is back.
            None if before.is_some() => return Ok(given_back),
            Some(_) | None => {}
        }
        journal.update(|entries| entries.one_list = None)?;
        Ok(given_back)
    }

    /// Whether programs ask these servers, as far as it is for the keeper to see to it.
    pub(super) async fn has(&self, keeper: &Keeper, list: &ServerList) -> bool {
        match keeper {
            Keeper::NetworkManager => {
                let Some(manager) = NetworkManager::connect(&self.bus).await else { return false };
                manager.global_dns().await.is_ok_and(|global| global == GlobalDns::of(list))
                    && list.answers_all_of(&self.resolv_conf.read())
            }
            Keeper::Resolvconf(program) => program.has_made(&self.resolv_conf.read(), list),
            Keeper::File => self.resolv_conf.has(list),
        }
    }

    fn file_error(&self, source: io::Error) -> DnsError {
        DnsError::of_file(self.resolv_conf.path(), source)
    }
}

impl Keeper {
    /// Whether the network's servers are never asked while a tunnel's are there.
    pub(super) fn is_exclusive(&self) -> bool {
        match self {
            Self::NetworkManager | Self::File => true,
            Self::Resolvconf(program) => program.is_exclusive(),
        }
    }

    /// Whether a list was written where it keeps it.
    pub(super) fn is_in(&self, change: &OneListChange) -> bool {
        match (self, change) {
            (Self::NetworkManager, OneListChange::NetworkManager(_))
            | (Self::File, OneListChange::File(_)) => true,
            (Self::Resolvconf(program), OneListChange::Resolvconf(told)) => program == told,
            (Self::NetworkManager | Self::Resolvconf(_) | Self::File, _) => false,
        }
    }
}
