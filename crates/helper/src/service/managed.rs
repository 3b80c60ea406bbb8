//! Configurations that come from the administrator's files.

use std::{convert::Infallible, path::Path};

use adit_api::{Event, HelperError, Removed};
use adit_model::{ConfigurationId, HealthCode, HealthItem, Secrets, Severity, VpnConfiguration};
use adit_profile::Imported;

use super::{Service, locked};
use crate::{
    folder_watch::FolderWatch,
    managed::{self, ManagedFile, Pair, pair},
    on_demand,
    session::Input,
};

impl Service {
    /// Brings the configurations in step with the files of the folder. Of a file that is not
    /// understood, what is known from before goes on.
    pub(crate) async fn read_managed(&self, folder: &Path) {
        let trusted = rustix::process::geteuid().as_raw();
        let files = match managed::read(folder, trusted) {
            Ok(files) => files,
            Err(error) => {
                let reason = format!("The folder cannot be read: {}.", error.kind());
                self.set_problems(vec![problem(folder, &reason)]);
                return;
            }
        };
        let _one = self.starting.lock().await;
        self.remove_files_but(&files).await;
        let mut problems = Vec::new();
        for ManagedFile { path, found } in files {
            let taken_over = match found {
                Ok(found) => self.take_over(&path.display().to_string(), found).await,
                Err(reason) => Err(reason),
            };
            if let Err(reason) = taken_over {
                problems.push(problem(&path, &reason));
            }
        }
        self.set_problems(problems);
    }

    /// Follows the folder from then on.
    pub(crate) async fn follow_managed(&self, folder: &Path) -> Infallible {
        match FolderWatch::open(folder.to_owned()) {
            Ok(mut watch) => loop {
                // What changed before the watch stood is seen now.
                self.read_managed(folder).await;
                if let Err(error) = watch.changed().await {
                    tracing::error!("{} is no longer watched: {error}", folder.display());
                    break;
                }
            },
            Err(error) => tracing::error!("{} cannot be watched: {error}", folder.display()),
        }
        std::future::pending().await
    }

    async fn remove_files_but(&self, files: &[ManagedFile]) {
        let is_there = |by: &str| files.iter().any(|file| file.path.display().to_string() == by);
        let gone: Vec<ConfigurationId> = locked(&self.configurations)
            .all()
            .map(|record| &record.configuration)
            .filter(|stored| stored.managed_by.as_deref().is_some_and(|by| !is_there(by)))
            .filter(|stored| !files.iter().any(|file| file.has_version_of(stored)))
            .map(|stored| stored.id)
            .collect();
        for id in gone {
            self.remove_managed(id).await;
        }
    }

    async fn take_over(&self, file: &str, found: Vec<Imported>) -> Result<(), String> {
        let stored: Vec<VpnConfiguration> = locked(&self.configurations)
            .all()
            .map(|record| &record.configuration)
            .filter(|stored| stored.managed_by.is_some())
            .filter(|stored| {
                // A later version of a profile may lie in another file (MDM-1).
                let is_later = |it: &Imported| it.configuration.is_version_of(stored);
                stored.managed_by.as_deref() == Some(file) || found.iter().any(is_later)
            })
            .cloned()
            .collect();
        let stored: Vec<&VpnConfiguration> = stored.iter().collect();
        for pair in pair(&stored, found) {
            let (id, imported) = match pair {
                Pair::Vanished(id) => {
                    self.remove_managed(id).await;
                    continue;
                }
                Pair::Stayed(id, imported) => (id, imported),
                Pair::Appeared(imported) => (imported.configuration.id, imported),
            };
            let Imported { configuration, secrets, .. } = imported;
            let configuration = VpnConfiguration { id, ..configuration };
            let changed = locked(&self.configurations).managed(file, configuration, secrets);
            let Some(record) = changed.map_err(|error| error.to_string())? else { continue };
            let record = self.store(record).await.map_err(|error| error.to_string())?;
            tracing::info!("“{}” is as {file} says.", record.configuration.name);
            self.saved(&record, Secrets::new()).await;
        }
        Ok(())
    }

    /// Spec MDM-C3.
    async fn remove_managed(&self, id: ConfigurationId) {
        match self.delete(id).await {
            Ok(record) => {
                let name = &record.configuration.name;
                tracing::info!("“{name}” is removed, as its file is gone.");
                self.tell(id, Input::Removed).await;
                self.on_demand.tell(id, on_demand::Input::Removed);
                self.close_apps_after_session(id);
                let event = Event::ConfigurationRemoved(Removed { id });
                self.surroundings.events.announce(&record.configuration, event);
            }
            Err(error @ HelperError::NoSuchConfiguration { .. }) => tracing::debug!("{error}"),
            Err(error) => tracing::error!("A configuration cannot be removed: {error}"),
        }
    }

    fn set_problems(&self, problems: Vec<HealthItem>) {
        let mut known = locked(&self.managed_problems);
        for problem in problems.iter().filter(|problem| !known.contains(problem)) {
            tracing::warn!("{}", problem.text);
        }
        *known = problems;
        drop(known);
        self.surroundings.events.announce_machine();
    }
}

fn problem(path: &Path, reason: &str) -> HealthItem {
    let path = path.display();
    HealthItem::new(
        HealthCode::ManagedFile,
        Severity::Problem,
        "A configuration of the administrator is not understood",
        format!("{path}: {reason} What it said before, if anything, goes on."),
    )
    .to_do(format!("Repair or remove {path}"))
    .with("file", &path)
    .with("reason", reason)
}
