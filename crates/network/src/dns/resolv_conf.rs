//! `/etc/resolv.conf`, resolv.conf(5), when nothing else looks after name resolution.

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::{ServerList, UnderlyingDns};
use crate::{atomic_file, journal::Original};

/// The file.
#[derive(Debug, Clone)]
pub(super) struct ResolvConf {
    path: PathBuf,
}

/// What became of the file when it was given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restored {
    /// It is as it was before us.
    AsBefore,
    /// Somebody else has written it since; it is theirs.
    LeftAlone,
}

/// What systemd-resolved writes whenever it starts, and does not read. resolv.conf(5) is often a link
/// to one of them.
pub(super) const RESOLVED_FILES: [&str; 2] =
    ["systemd/resolve/stub-resolv.conf", "systemd/resolve/resolv.conf"];

/// The first line of a file of ours, which proves that we may replace it.
const HEADER: &str = "# Written by Adit for as long as the VPN is up.";

impl ResolvConf {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_ours(&self) -> bool {
        fs::read(&self.path).is_ok_and(|content| content.starts_with(HEADER.as_bytes()))
    }

    /// What programs read.
    pub(super) fn read(&self) -> String {
        fs::read_to_string(&self.path).unwrap_or_default()
    }

    /// Whether programs read this list, and nothing but it.
    pub(super) fn has(&self, list: &ServerList) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == content(list, &self.backup()))
    }

    /// The file as it is, to be put back later.
    pub(super) fn original(&self) -> io::Result<Original> {
        match fs::symlink_metadata(&self.path) {
            Ok(metadata) if metadata.is_symlink() => {
                let link = fs::read_link(&self.path)?;
                Ok(match self.resolveds_own() {
                    Some(file) => {
                        Original::Resolved { link, content: fs::read_to_string(file).ok() }
                    }
                    None => Original::Link(link),
                })
            }
            Ok(_) => {
                let content = fs::read(&self.path)?;
                Ok(Original::Content(String::from_utf8_lossy(&content).into_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Original::Absent),
            Err(error) => Err(error),
        }
    }

    /// Keeps the very file beside itself, with its owner, mode and labels. The journal has its
    /// content too, so it does no harm where that is not possible. A link that stays needs none.
    pub(super) fn back_up(&self) {
        drop(fs::remove_file(self.backup()));
        if self.resolveds_own().is_some() {
            return;
        }
        if let Err(error) = fs::hard_link(&self.path, self.backup()) {
            tracing::debug!("{} has no backup beside it: {error}", self.path.display());
        }
    }

    /// Makes the C library's resolver ask these servers.
    ///
    /// In the place of systemd-resolved, which is not running then, its own file is written and the
    /// link left: a file in the place of the link it would read when it is back, and keep those servers
    /// for good.
    pub(super) fn write(&self, list: &ServerList) -> io::Result<()> {
        let content = content(list, &self.backup());
        let Some(file) = self.resolveds_own() else { return self.write_content(&content) };
        atomic_file::write(&file, content.as_bytes(), 0o644).or_else(|error| {
            tracing::debug!("{} cannot be written: {error}", file.display());
            self.write_content(&content)
        })
    }

    fn write_content(&self, content: &str) -> io::Result<()> {
        self.replace(content, |path| atomic_file::write(path, content.as_bytes(), 0o644))
    }

    /// Gives the file back.
    pub(super) fn restore(&self, original: &Original) -> io::Result<Restored> {
        if !self.is_ours() {
            drop(fs::remove_file(self.backup()));
            return Ok(Restored::LeftAlone);
        }
        if !self.restore_backup()? {
            match original {
                Original::Absent => fs::remove_file(&self.path)?,
                Original::Content(content) => self.write_content(content)?,
                Original::Link(target) => atomic_file::write_link(&self.path, target)?,
                Original::Resolved { link, content } => {
                    self.restore_resolveds_own(link, content.as_deref())?;
                }
            }
        }
        Ok(Restored::AsBefore)
    }

    fn restore_resolveds_own(&self, link: &Path, content: Option<&str>) -> io::Result<()> {
        if fs::read_link(&self.path).ok().as_deref() != Some(link) {
            return atomic_file::write_link(&self.path, link);
        }
        let file = self.beside(link);
        match content {
            Some(content) => atomic_file::write(&file, content.as_bytes(), 0o644),
            None => fs::remove_file(file),
        }
    }

    /// The file of systemd-resolved's own that the link leads to.
    fn resolveds_own(&self) -> Option<PathBuf> {
        let link = fs::read_link(&self.path).ok()?;
        RESOLVED_FILES.iter().any(|file| link.ends_with(file)).then(|| self.beside(&link))
    }

    /// Where a link in the place of the file leads.
    fn beside(&self, link: &Path) -> PathBuf {
        self.path.parent().unwrap_or(&self.path).join(link)
    }

    /// Puts the backup back. False if there is none.
    pub(super) fn restore_backup(&self) -> io::Result<bool> {
        if fs::symlink_metadata(self.backup()).is_err() {
            return Ok(false);
        }
        let content = fs::read_to_string(self.backup()).unwrap_or_default();
        self.replace(&content, |path| atomic_file::rename(&self.backup(), path))?;
        Ok(true)
    }

    /// What the file says as it is without us.
    pub(super) fn underlying(&self, original: Option<&Original>) -> UnderlyingDns {
        let read = |path: &Path| fs::read_to_string(path).ok();
        let content = if self.is_ours() {
            read(&self.backup()).or_else(|| match original? {
                Original::Absent => None,
                Original::Content(content) => Some(content.clone()),
                Original::Link(target) => read(&self.beside(target)),
                Original::Resolved { content, .. } => content.clone(),
            })
        } else {
            read(&self.path)
        };
        content.as_deref().map(UnderlyingDns::of).unwrap_or_default()
    }

    /// Replaces the file as a whole; where that is not possible, as it is a mount point in many
    /// containers, overwrites it. Never through a symbolic link: that file is somebody else's.
    fn replace(
        &self,
        content: &str,
        whole: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        let Err(error) = whole(&self.path) else { return Ok(()) };
        if !fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.is_file()) {
            return Err(error);
        }
        // A backup may be the same file under another name, and would be overwritten with it.
        drop(fs::remove_file(self.backup()));
        atomic_file::overwrite(&self.path, content.as_bytes()).map_err(|_| error)
    }

    fn backup(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".adit-backup");
        path.into()
    }
}

/// Our file. Its first line proves that it is.
pub(super) fn content(list: &ServerList, backup: &Path) -> String {
    let backup = format!("# The system's own is {} until then.", backup.display());
    let lines: Vec<String> = [HEADER.to_owned(), backup].into_iter().chain(list.lines()).collect();
    lines.join("\n") + "\n"
}

/// Whether this is a file of ours.
pub(super) fn is_ours(content: &str) -> bool {
    content.starts_with(HEADER)
}

/// The servers of a resolv.conf(5), without systemd-resolved's own stub: it answers with the
/// tunnel's servers too.
pub(super) fn servers(content: &str) -> impl Iterator<Item = IpAddr> {
    const STUBS: [[u8; 4]; 2] = [[127, 0, 0, 53], [127, 0, 0, 54]];
    named(content).filter(|server| !STUBS.map(IpAddr::from).contains(server))
}

/// The servers of a resolv.conf(5).
pub(super) fn named(content: &str) -> impl Iterator<Item = IpAddr> {
    let servers = content.lines().filter_map(|line| line.strip_prefix("nameserver"));
    servers.filter_map(|server| server.trim().split('%').next()?.parse().ok())
}

/// The search list of a resolv.conf(5): the last line that has one counts.
pub(super) fn search(content: &str) -> Vec<String> {
    let mut lists = content.lines().filter_map(|line| {
        let (keyword, domains) = line.split_once(char::is_whitespace)?;
        ["search", "domain"].contains(&keyword).then_some(domains)
    });
    let domains = lists.next_back().unwrap_or_default().split_whitespace();
    domains
        .map(|domain| domain.trim_end_matches('.').to_owned())
        .filter(|d| !d.is_empty())
        .collect()
}
