//! Asks polkit what a user may do (polkit(8)).

use std::{collections::HashMap, os::fd::AsFd, time::Duration};

use adit_varlink::Peer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;
use tokio::time::timeout;
use zbus::{Connection, Variant, zvariant::Type};

use crate::provider::start_time;

/// What polkit is asked for. Each has its text and its defaults in `packaging/org.adit.policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Store a first configuration of one's own.
    AddOwn,
    /// Start and stop what is for the whole computer, or what is in the way of it.
    UseSystem,
    /// Create, change and remove what is for the whole computer, and see its keys.
    ChangeSystem,
    /// Change a lockdown that somebody else switched on.
    Lockdown,
    /// End all sessions of everybody and undo everything.
    Reset,
}

/// People take their time to type a password, but not for ever.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// `AllowUserInteraction` of `CheckAuthorizationFlags`.
const MAY_ASK: u32 = 1;

#[zbus::proxy(
    interface = "org.freedesktop.PolicyKit1.Authority",
    default_service = "org.freedesktop.PolicyKit1",
    default_path = "/org/freedesktop/PolicyKit1/Authority"
)]
trait Authority {
    fn check_authorization(
        &self,
        subject: &(&str, HashMap<&str, Variant<'_>>),
        action_id: &str,
        details: &HashMap<&str, &str>,
        flags: u32,
        cancellation_id: &str,
    ) -> zbus::Result<AuthorizationResult>;
}

#[derive(Debug, Deserialize, Type)]
struct AuthorizationResult {
    is_authorized: bool,
    _is_challenge: bool,
    _details: HashMap<String, String>,
}

impl Action {
    fn id(self) -> &'static str {
        match self {
            Self::AddOwn => "org.adit.add-own",
            Self::UseSystem => "org.adit.use-system",
            Self::ChangeSystem => "org.adit.change-system",
            Self::Lockdown => "org.adit.lockdown",
            Self::Reset => "org.adit.reset",
        }
    }
}

/// Whether polkit lets the process at the other end do that; it may ask its user for a password. Where
/// there is no polkit, nobody but root does it.
pub(crate) async fn allows(peer: &Peer, action: Action) -> bool {
    answer(peer, action).await == Some(true)
}

/// Whether polkit does not let it do what everybody may do where there is no polkit.
pub(crate) async fn forbids(peer: &Peer, action: Action) -> bool {
    answer(peer, action).await == Some(false)
}

/// Nothing where polkit cannot be asked, or does not know of it.
async fn answer(peer: &Peer, action: Action) -> Option<bool> {
    let Some(subject) = subject(peer) else { return Some(false) };
    match timeout(LIMIT, ask(&subject, action)).await {
        Ok(Ok(answer)) => Some(answer.is_authorized),
        Ok(Err(error)) => {
            tracing::debug!("polkit cannot be asked: {error}");
            None
        }
        // Who does not answer does not agree.
        Err(_) => Some(false),
    }
}

async fn ask(
    subject: &(&str, HashMap<&str, Variant<'_>>),
    action: Action,
) -> zbus::Result<AuthorizationResult> {
    let connection = Connection::system().await?;
    let authority = AuthorityProxy::new(&connection).await?;
    authority.check_authorization(subject, action.id(), &HashMap::new(), MAY_ASK, "").await
}

/// The process in polkit's words: its number alone could be another process's by the time polkit looks.
fn subject(peer: &Peer) -> Option<(&'static str, HashMap<&'static str, Variant<'static>>)> {
    let pid = peer.pid?;
    let start_time = start_time(pid)?;
    // Looked at afterwards: if it lives, the start time was its own.
    if peer.pidfd.as_ref().is_some_and(has_ended) {
        return None;
    }
    let details = HashMap::from([
        ("pid", Variant::from(pid.cast_unsigned())),
        ("start-time", Variant::from(start_time)),
        ("uid", Variant::from(peer.uid.cast_signed())),
    ]);
    Some(("unix-process", details))
}

/// A pidfd is readable once its process has ended (`pidfd_open(2)`).
fn has_ended(process: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(process, PollFlags::IN)];
    !matches!(poll(&mut fds, Some(&Timespec::default())), Ok(0))
}
