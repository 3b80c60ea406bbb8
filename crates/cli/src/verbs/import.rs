//! `adit import`

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use adit_api::{HelperClient, List, Save, SecretChanges};
use adit_keyring as keyring;
use adit_model::{ConfigurationId, RoutingMethod, Scope, Secrets, Severity, VpnConfiguration};
use adit_profile::{
    Archive, Imported, MAX_SIZE, Note, Protection, completed, import_mobileconfig, import_wg_quick,
    is_mobileconfig, lint, name_from_file, protect, set_wireguard, succeed, wireguard_of,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{args::Import, context::Context, failure::Failure, output::Report, page::Page};

/// All files are understood before the first is saved.
pub(super) async fn run(arguments: Import, context: &Context) -> Result<(), Failure> {
    if arguments.name.is_some() && arguments.files.len() > 1 {
        let message = "--name is for one file; several are named after themselves.";
        return Err(Failure::Usage(message.into()));
    }
    let mut profiles = VecDeque::new();
    for file in &arguments.files {
        profiles.extend(Profile::load(file, &arguments)?);
    }
    let mut helper = context.helper().await?;
    let mut listing = Imports(Vec::new());
    let failed = loop {
        let Some(profile) = profiles.pop_front() else { break None };
        match save(profile, arguments.replace, &mut helper).await {
            Ok(saved) => listing.0.push(saved),
            Err(failure) => break Some(failure),
        }
    };
    // What was saved stays saved, so it is said in any case.
    if failed.is_none() || !listing.0.is_empty() {
        context.output.report(&listing)?;
    }
    failed.map_or(Ok(()), Err)
}

/// What is read from one file and not saved yet.
struct Profile {
    file: String,
    configuration: VpnConfiguration,
    secrets: Secrets,
    /// Of the file itself.
    notes: Vec<Note>,
    /// It also says what the system does around the tunnel.
    says_all: bool,
    wishes: Wishes,
}

/// What the command line asks for beside the file.
#[derive(Debug, Clone, Copy, Default)]
struct Wishes {
    system: bool,
    per_app: bool,
    include_all_networks: bool,
    enforce_routes: Option<bool>,
    exclude_local_networks: bool,
    block_ipv6: Option<bool>,
}

impl Wishes {
    fn of(wanted: &Import) -> Self {
        let either = |yes: bool, no: bool| (yes || no).then_some(yes);
        Self {
            system: wanted.system,
            per_app: wanted.per_app,
            include_all_networks: wanted.include_all_networks,
            enforce_routes: either(wanted.enforce_routes, wanted.no_enforce_routes),
            exclude_local_networks: wanted.exclude_local_networks,
            block_ipv6: either(wanted.block_ipv6, wanted.allow_ipv6),
        }
    }

    fn grant(self, configuration: &mut VpnConfiguration) {
        if self.system {
            configuration.scope = Scope::System;
        }
        let protocol = &mut configuration.protocol;
        protocol.include_all_networks |= self.include_all_networks;
        protocol.enforce_routes = self.enforce_routes.unwrap_or(protocol.enforce_routes);
        protocol.exclude_local_networks |= self.exclude_local_networks;
        if self.per_app {
            make_per_app(configuration);
        }
        if let Some(block) = self.block_ipv6
            && let Some(mut wireguard) = wireguard_of(configuration)
        {
            wireguard.block_ipv6 = block;
            set_wireguard(configuration, &wireguard);
        }
    }
}

impl Profile {
    /// A file has one configuration, but for a profile of Apple's, which may have more.
    fn load(path: &Path, wanted: &Import) -> Result<Vec<Self>, Failure> {
        let mut profiles = Self::read(path, wanted.name.as_deref())?;
        for profile in &mut profiles {
            profile.wishes = Wishes::of(wanted);
            profile.wishes.grant(&mut profile.configuration);
        }
        Ok(profiles)
    }

    fn read(path: &Path, name: Option<&str>) -> Result<Vec<Self>, Failure> {
        let is_stdin = path == Path::new("-");
        let bytes = if is_stdin { read(io::stdin()) } else { File::open(path).and_then(read) };
        let bytes =
            bytes.map_err(|error| Failure::Unreadable { file: PathBuf::from(path), error })?;
        let file = if is_stdin { "Standard input".into() } else { path.display().to_string() };
        if Archive::is_meant_by(&bytes) {
            return Ok(vec![Self::from_archive(file, &bytes, name)?]);
        }
        if is_mobileconfig(&bytes) {
            return Self::from_mobileconfig(&file, &bytes, name);
        }
        let name = match name {
            Some(name) => name.to_owned(),
            None if is_stdin => {
                let message = "Standard input has no name. Give one with: --name NAME";
                return Err(Failure::Usage(message.into()));
            }
            None => name_from_file(path),
        };
        match import_wg_quick(&bytes, &name, ConfigurationId::random()) {
            Ok(imported) => {
                let mut profile = Self::of(file, imported);
                protect(&mut profile.configuration, Protection::FULL);
                Ok(vec![profile])
            }
            Err(error) => Err(Failure::Import { file, error }),
        }
    }

    fn of(file: String, imported: Imported) -> Self {
        let Imported { configuration, secrets, notes } = imported;
        let (says_all, wishes) = (false, Wishes::default());
        Self { file, configuration, secrets, notes, says_all, wishes }
    }

    fn from_mobileconfig(
        file: &str,
        bytes: &[u8],
        name: Option<&str>,
    ) -> Result<Vec<Self>, Failure> {
        let imported = import_mobileconfig(bytes, ConfigurationId::random)
            .map_err(|error| Failure::Profile { file: file.into(), error })?;
        let of = |imported| Self { says_all: true, ..Self::of(file.into(), imported) };
        let mut profiles: Vec<Self> = imported.configurations.into_iter().map(of).collect();
        match (name, profiles.as_mut_slice()) {
            (None, _) => {}
            (Some(name), [only]) => only.configuration.name = name.into(),
            (Some(_), several) => {
                let count = several.len();
                let message = format!("{file} has {count} VPNs, and --name is for one.");
                return Err(Failure::Usage(message));
            }
        }
        if let Some(first) = profiles.first_mut() {
            first.notes.extend(imported.notes);
        }
        Ok(profiles)
    }

    /// An archive comes from elsewhere, where its id and generation stay.
    fn from_archive(file: String, bytes: &[u8], name: Option<&str>) -> Result<Self, Failure> {
        let archive = match Archive::read(bytes) {
            Ok(archive) => archive,
            Err(error) => return Err(Failure::Archive { file, error }),
        };
        let notes = archive.notes();
        let Archive { mut configuration, secrets, .. } = archive;
        configuration.id = ConfigurationId::random();
        configuration.generation = 0;
        // Where they were there is nothing to know of here.
        configuration.protocol.user_secrets.retain(|name, _| !secrets.contains_key(name));
        if let Some(name) = name {
            configuration.name = name.into();
        }
        configuration.validate()?;
        let imported = Imported { configuration, secrets, notes };
        Ok(Self { says_all: true, ..Self::of(file, imported) })
    }

    /// What `existing` becomes when this takes its place. A file of wg-quick says nothing about
    /// what the system does around the tunnel, so that stays. Secrets stay where their owner has put them.
    fn replacing(&self, mut existing: VpnConfiguration) -> Result<VpnConfiguration, Failure> {
        let imported = &self.configuration;
        match wireguard_of(imported) {
            Some(wireguard) if !self.says_all => {
                let wireguard = completed(wireguard, &existing);
                set_wireguard(&mut existing, &wireguard);
                let has = |name: &String| self.secrets.contains_key(name);
                existing.protocol.user_secrets.retain(|name, _| has(name));
            }
            Some(_) | None => existing = succeed(imported, existing),
        }
        if imported.scope == Scope::System {
            existing.scope = Scope::System;
            // It starts without anybody there.
            existing.protocol.user_secrets.clear();
        }
        self.wishes.grant(&mut existing);
        existing.validate()?;
        Ok(existing)
    }
}

/// What a tunnel for everything would be protected by has no meaning for one that has apps.
fn make_per_app(configuration: &mut VpnConfiguration) {
    configuration.routing_method = RoutingMethod::SourceApplication;
    configuration.protocol.enforce_routes = false;
    if let Some(mut wireguard) = wireguard_of(configuration) {
        wireguard.block_ipv6 = false;
        set_wireguard(configuration, &wireguard);
    }
}

/// At most one byte more than is allowed, so that too much is noticed and not kept.
fn read(source: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    source.take(MAX_SIZE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

async fn save(
    profile: Profile,
    replace: bool,
    helper: &mut HelperClient,
) -> Result<Saved, Failure> {
    let name = &profile.configuration.name;
    let entries = helper.call(&List {}).await?.entries;
    // The helper's own rule: root sees the configurations of others, but those are others'.
    let own = rustix::process::geteuid().as_raw();
    let competes = |configuration: &VpnConfiguration| {
        configuration.owner == own || configuration.scope == Scope::System
    };
    let own: Vec<VpnConfiguration> =
        entries.into_iter().map(|entry| entry.configuration).filter(competes).collect();
    // A later version of the same profile says itself whose place it takes (MDM-1).
    let version = own.iter().find(|known| known.is_version_of(&profile.configuration));
    let same_name = || own.iter().find(|known| known.name == *name);
    let (configuration, action) = match (version, same_name()) {
        (Some(version), _) => (profile.replacing(version.clone())?, Action::Replaced),
        (None, None) => (profile.configuration.clone(), Action::Created),
        (None, Some(known)) if replace => (profile.replacing(known.clone())?, Action::Replaced),
        (None, Some(_)) => return Err(Failure::NameTaken { name: name.clone() }),
    };
    let (secrets, secret_changes) = (Some(profile.secrets), SecretChanges::new());
    let save = Save { configuration, secrets, secret_changes };
    let configuration = keyring::save(helper, save).await?;
    let notes = [profile.notes, lint(&configuration)].concat();
    Ok(Saved { file: profile.file, action, configuration, notes })
}

#[derive(Serialize)]
#[serde(transparent)]
struct Imports(Vec<Saved>);

#[derive(Serialize)]
struct Saved {
    file: String,
    action: Action,
    configuration: VpnConfiguration,
    notes: Vec<Note>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Action {
    Created,
    Replaced,
}

impl Report for Imports {
    fn write(&self, page: &mut Page) {
        for saved in &self.0 {
            let name = &saved.configuration.name;
            page.line(&match saved.action {
                Action::Created => format!("Imported “{name}” from {}.", saved.file),
                Action::Replaced => format!("Updated “{name}” from {}.", saved.file),
            });
            for note in &saved.notes {
                page.part(&match note.severity {
                    Severity::Notice => note.to_string(),
                    Severity::Warning | Severity::Problem => format!("Warning: {note}"),
                });
            }
        }
    }
}
