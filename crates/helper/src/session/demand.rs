//! What a configuration demands of the program that is its provider. Spec MDM-11.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use adit_model::{ProviderDigest, VpnConfiguration};
use adit_provider::Manifest;
use ring::digest::{Context, SHA256};

/// The program is not to be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum DemandError {
    #[error(
        "{} is another program than the configuration demands. After an update, whoever gave you the \
         configuration has to give you one for the new version.", .0.display()
    )]
    OtherProgram(PathBuf),
    #[error("{} cannot be read: {}.", .path.display(), .source.kind())]
    Unreadable { path: PathBuf, source: io::Error },
}

/// Whether the program is the one. Only root can exchange it between this and its start.
pub(super) fn meet(
    configuration: &VpnConfiguration,
    manifest: &Manifest,
) -> Result<(), DemandError> {
    let Some(demanded) = configuration.protocol.provider_digest else { return Ok(()) };
    let path = &manifest.executable;
    let found =
        digest(path).map_err(|source| DemandError::Unreadable { path: path.clone(), source })?;
    if found == demanded { Ok(()) } else { Err(DemandError::OtherProgram(path.clone())) }
}

fn digest(path: &Path) -> io::Result<ProviderDigest> {
    let mut file = File::open(path)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => context.update(&buffer[..length]),
        }
    }
    let digest: [u8; 32] = context.finish().as_ref().try_into().map_err(io::Error::other)?;
    Ok(ProviderDigest::new(digest))
}
