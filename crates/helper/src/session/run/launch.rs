//! How a run begins, and how a provider takes the place of another.

use std::{io, path::PathBuf, sync::Arc};

use adit_model::{
    ConnectionError, DisconnectError, NetworkSettingsError, VpnConfiguration, session::Session,
};
use adit_network::tun::TunError;
use adit_provider::{Manifest, ManifestError};

use super::Run;
use crate::{
    provider::ProviderProcess,
    session::{
        Reporter, StartRequest,
        demand::{self, DemandError},
        interface::Interface,
        provider::Provider,
        record::SessionFolder,
    },
    surroundings::Surroundings,
    trigger::ParkedTunnel,
};

/// Why a run could not begin. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub(in crate::session) enum LaunchError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Demand(#[from] DemandError),
    #[error(transparent)]
    Taken(NetworkSettingsError),
    #[error("Too many tunnels are running. Disconnect one of them first.")]
    NoSlot,
    #[error("The tunnel's interface cannot be made: {0}.")]
    Tun(#[from] TunError),
    #[error("The tunnel provider cannot be started: {0}")]
    Process(io::Error),
    #[error(
        "{} cannot be written: {}. Check that the disk is not full.",
        .folder.display(), .source.kind()
    )]
    Record { folder: PathBuf, source: io::Error },
}

impl LaunchError {
    /// As the session's error.
    pub(in crate::session) fn to_disconnect_error(&self) -> DisconnectError {
        let kind = match self {
            Self::Manifest(_) | Self::Demand(_) => ConnectionError::PluginDisabled,
            Self::Taken(_) => ConnectionError::ConfigurationFailed,
            Self::NoSlot | Self::Tun(_) | Self::Process(_) | Self::Record { .. } => {
                ConnectionError::PluginFailed
            }
        };
        kind.because(self.to_string())
    }
}

impl Run {
    /// Takes the interface that waits for the session, if there is one. An error that comes before
    /// leaves it where it is.
    pub(in crate::session) fn launch(
        configuration: &VpnConfiguration,
        machine: &Session,
        start: &StartRequest,
        parked: &mut Option<ParkedTunnel>,
        surroundings: &Arc<Surroundings>,
        reporter: Reporter,
    ) -> Result<Self, LaunchError> {
        let manifest = surroundings.manifest(&configuration.protocol.provider_id)?;
        demand::meet(configuration, &manifest)?;
        let sessions = &surroundings.sessions_dir;
        let folder = SessionFolder::create(sessions, configuration.id)
            .map_err(|source| LaunchError::Record { folder: sessions.clone(), source })?;
        let inherits = parked.is_some();
        let opened = match parked.take() {
            Some(ParkedTunnel { slot, tun, .. }) => {
                Ok(Interface::inherited(slot, manifest.kind, tun))
            }
            None => open_interface(configuration, &manifest, surroundings),
        };
        let interface = opened.inspect_err(|_| folder.remove())?;
        interface.keep_for(configuration);
        let mut run = Self::new(surroundings, reporter, folder, interface);
        run.inherits = inherits;
        let launched = run.begin(configuration, machine, start);
        if let Err(error) = launched {
            run.end(configuration);
            return Err(error);
        }
        Ok(run)
    }

    /// Starts another provider in the place of one that died.
    pub(in crate::session) fn relaunch(
        &mut self,
        configuration: &VpnConfiguration,
        reporter: Reporter,
    ) -> Result<(), LaunchError> {
        if let Some(mut last) = self.provider.take() {
            last.kill();
        }
        self.requests.clear();
        self.start_process(configuration, reporter)
    }

    /// The record comes first: what cannot be written down is not started.
    fn begin(
        &mut self,
        configuration: &VpnConfiguration,
        machine: &Session,
        start: &StartRequest,
    ) -> Result<(), LaunchError> {
        let saved = self.save(configuration, machine, start);
        saved.map_err(|source| self.unwritable(source))?;
        self.start_process(configuration, self.reporter.clone())
    }

    fn start_process(
        &mut self,
        configuration: &VpnConfiguration,
        reporter: Reporter,
    ) -> Result<(), LaunchError> {
        let manifest = self.surroundings.manifest(&configuration.protocol.provider_id)?;
        manifest.require(self.interface.kind())?;
        demand::meet(configuration, &manifest)?;
        let listener = self.folder.listen().map_err(|source| self.unwritable(source))?;
        let process = ProviderProcess::start(&manifest, self.interface.slot(), &listener);
        let process = process.map_err(LaunchError::Process)?;
        let network = &self.surroundings.network;
        self.provider = Some(Provider::attend(process, network, &self.interface, reporter));
        self.bound_to = (!manifest.roams).then(|| self.surroundings.state().path);
        Ok(())
    }

    fn unwritable(&self, source: io::Error) -> LaunchError {
        LaunchError::Record { folder: self.surroundings.sessions_dir.clone(), source }
    }
}

fn open_interface(
    configuration: &VpnConfiguration,
    manifest: &Manifest,
    surroundings: &Surroundings,
) -> Result<Interface, LaunchError> {
    let slot = surroundings.slots.take(configuration.owner).ok_or(LaunchError::NoSlot)?;
    Ok(Interface::open(slot, manifest.kind, manifest.offloads)?)
}
