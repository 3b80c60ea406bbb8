//! What became of sessions, also after a crash.
//!
//! Each line of the file is a session as it would have to be told if nothing more was ever heard of it, and a
//! later line about the same session takes the place of an earlier one. So there is nothing to be
//! closed after a crash: a session whose end nobody saw says just that.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use adit_model::{ConfigurationId, PastSession};

use crate::durable_file;

/// The sessions that are over, and those that run, in step with their file.
pub(crate) struct SessionHistory {
    kept: Mutex<Kept>,
}

struct Kept {
    file: PathBuf,
    /// Of the file.
    bytes: usize,
    /// The file is not what it should be, and is written anew next time.
    is_damaged: bool,
    /// In the order in which they ended.
    past: Vec<PastSession>,
    running: BTreeMap<ConfigurationId, PastSession>,
}

const MOST_SESSIONS: usize = 500;
const MOST_BYTES: usize = 1 << 20;
/// What is left when the file was full, so that it is not written anew at once again.
const BYTES_LEFT: usize = MOST_BYTES / 2;

impl SessionHistory {
    /// Reads the file and leaves out what is damaged and what is of configurations that do not exist.
    pub(crate) fn open(file: PathBuf, exists: impl Fn(ConfigurationId) -> bool) -> Self {
        let (past, mut is_damaged) = read(&file);
        let mut kept = Kept { file, bytes: 0, is_damaged, past, running: BTreeMap::new() };
        let before = kept.past.len();
        kept.past.retain(|session| exists(session.id));
        is_damaged |= kept.past.len() != before;
        kept.bytes = fs::metadata(&kept.file)
            .map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
        kept.thin_out();
        if is_damaged {
            kept.write_anew();
        }
        Self { kept: Mutex::new(kept) }
    }

    /// The sessions of `wanted` configurations that are over, the last first.
    pub(crate) fn past(
        &self,
        wanted: impl Fn(ConfigurationId) -> bool,
        limit: usize,
    ) -> Vec<PastSession> {
        let kept = self.kept();
        kept.past.iter().rev().filter(|it| wanted(it.id)).take(limit).cloned().collect()
    }

    /// Takes down what is known of a session that runs.
    pub(crate) fn running(&self, session: PastSession) {
        let mut kept = self.kept();
        kept.append(&session);
        kept.running.insert(session.id, session);
    }

    /// What an earlier helper has taken down of a session that goes on.
    pub(crate) fn resume(&self, id: ConfigurationId) -> Option<PastSession> {
        let mut kept = self.kept();
        let last = kept.past.iter().rposition(|session| session.id == id)?;
        if kept.past.get(last)?.ended_at.is_some() {
            return None;
        }
        let session = kept.past.remove(last);
        kept.running.insert(id, session.clone());
        Some(session)
    }

    /// Takes down a session that is over.
    pub(crate) fn over(&self, session: PastSession) {
        let mut kept = self.kept();
        kept.running.remove(&session.id);
        kept.append(&session);
        kept.past.push(session);
        kept.thin_out();
    }

    /// Forgets the sessions of a configuration that is gone.
    pub(crate) fn forget(&self, id: ConfigurationId) {
        let mut kept = self.kept();
        let before = kept.past.len();
        kept.past.retain(|session| session.id != id);
        if kept.running.remove(&id).is_some() || kept.past.len() != before {
            kept.write_anew();
        }
    }

    /// The data behind the lock is whole after every statement.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Not synced: what a power cut takes is one line, and the next reader skips half of one.
    fn append(&mut self, session: &PastSession) {
        let line = line(session);
        if self.is_damaged || self.bytes + line.len() > MOST_BYTES {
            self.write_anew();
        }
        let appended = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.file)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        match appended {
            Ok(()) => self.bytes += line.len(),
            Err(error) => self.failed(&error),
        }
    }

    fn write_anew(&mut self) {
        let lines = |past: &[PastSession]| past.iter().map(line).collect::<Vec<_>>();
        let mut past = lines(&self.past);
        let mut bytes: usize = past.iter().map(String::len).sum();
        let mut gone = 0;
        while bytes > BYTES_LEFT {
            bytes -= past[gone].len();
            gone += 1;
        }
        self.past.drain(..gone);
        let running = self.running.values().map(line);
        let content: String = past.drain(..).skip(gone).chain(running).collect();
        self.is_damaged = false;
        match durable_file::replace(&self.file, content.as_bytes()) {
            Ok(()) => self.bytes = content.len(),
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &io::Error) {
        tracing::warn!("The history of sessions cannot be written: {error}");
        self.is_damaged = true;
    }

    /// A configuration that comes and goes all the time does not push out what is known of others.
    fn thin_out(&mut self) {
        while self.past.len() > MOST_SESSIONS {
            let mut counts = BTreeMap::<ConfigurationId, usize>::new();
            for session in &self.past {
                *counts.entry(session.id).or_default() += 1;
            }
            let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(id, _)| id);
            let oldest = self.past.iter().position(|session| Some(session.id) == most);
            self.past.remove(oldest.unwrap_or(0));
        }
    }
}

/// The sessions in the file, the last line about each, and whether something in it was no session.
fn read(file: &Path) -> (Vec<PastSession>, bool) {
    let content = match fs::read(file) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Vec::new(), false),
        Err(error) => {
            tracing::warn!("The history of sessions cannot be read: {error}");
            return (Vec::new(), true);
        }
    };
    let mut sessions: Vec<PastSession> = Vec::new();
    let mut damaged = 0;
    for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<PastSession>(line) {
            Ok(session) => {
                let same =
                    |it: &PastSession| (it.id, it.started_at) == (session.id, session.started_at);
                // Most likely one of the last.
                if let Some(earlier) = sessions.iter().rposition(same) {
                    sessions.remove(earlier);
                }
                sessions.push(session);
            }
            Err(_) => damaged += 1,
        }
    }
    if damaged > 0 {
        tracing::warn!("The history of sessions is damaged: {damaged} lines of it are left out.");
    }
    (sessions, damaged > 0)
}

fn line(session: &PastSession) -> String {
    let mut line = serde_json::to_string(session).unwrap_or_default();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use adit_model::{ProviderStopReason, SessionTraffic, StartCause};
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn sessions_come_back_and_one_whose_end_nobody_saw_says_so_or_goes_on() {
        let world = World::new();
        let (home, work) = (ConfigurationId::random(), ConfigurationId::random());
        let history = world.open();
        let over = session(home, 1);
        history.running(begun(&over));
        history.over(over.clone());
        let lost = begun(&session(work, 2));
        history.running(lost.clone());
        assert_eq!(history.past(|_| true, 9), std::slice::from_ref(&over));

        let history = world.open();
        assert_eq!(history.past(|_| true, 9), [lost.clone(), over.clone()]);
        assert_eq!(history.past(|_| true, 1), std::slice::from_ref(&lost));
        assert_eq!(history.past(|id| id == home, 9), std::slice::from_ref(&over));
        assert_eq!(history.resume(home), None);
        assert_eq!(history.resume(work), Some(lost));
        assert_eq!(history.past(|_| true, 9), std::slice::from_ref(&over));
        let found = session(work, 2);
        history.over(found.clone());
        assert_eq!(world.open().past(|_| true, 9), [found, over]);
    }

    #[test]
    fn damage_costs_what_is_damaged_and_is_mended() {
        let world = World::new();
        let id = ConfigurationId::random();
        let sessions = [session(id, 1), session(id, 2)];
        let history = world.open();
        history.over(sessions[0].clone());
        let torn = line(&sessions[1]);
        let mut file = OpenOptions::new().append(true).open(&world.file).unwrap();
        file.write_all(b"{}\n\xff\xfe\n\n").unwrap();
        file.write_all(&torn.as_bytes()[..20]).unwrap();
        let history = world.open();
        assert_eq!(history.past(|_| true, 9), [sessions[0].clone()]);
        history.over(sessions[1].clone());
        assert_eq!(fs::read_to_string(&world.file).unwrap().lines().count(), 2);
        assert_eq!(world.open().past(|_| true, 9).len(), 2);
    }

    #[test]
    fn a_failed_write_spoils_no_other_line() {
        let world = World::new();
        let id = ConfigurationId::random();
        let history = world.open();
        history.over(session(id, 1));
        // What cannot be written is what a full disk does to half of it.
        fs::remove_file(&world.file).unwrap();
        fs::create_dir(&world.file).unwrap();
        history.over(session(id, 2));
        fs::remove_dir(&world.file).unwrap();
        history.over(session(id, 3));
        assert_eq!(world.open().past(|_| true, 9).len(), 3);
    }

    #[test]
    fn nothing_is_left_of_a_configuration_that_is_gone() {
        let world = World::new();
        let (home, work) = (ConfigurationId::random(), ConfigurationId::random());
        let history = world.open();
        history.over(session(home, 1));
        history.over(session(work, 2));
        history.forget(home);
        assert_eq!(history.past(|_| true, 9), [session(work, 2)]);
        assert!(!fs::read_to_string(&world.file).unwrap().contains(&home.to_string()));
        let history = SessionHistory::open(world.file.clone(), |id| id != work);
        assert_eq!(history.past(|_| true, 9), []);
        assert_eq!(fs::read_to_string(&world.file).unwrap(), "");
    }

    #[test]
    fn it_does_not_grow_for_ever_and_the_busiest_gives_way() {
        let world = World::new();
        let (calm, busy) = (ConfigurationId::random(), ConfigurationId::random());
        let history = world.open();
        history.over(session(calm, 0));
        let mut longest = 0;
        for number in 0..4000 {
            let session = session(busy, number);
            history.running(begun(&session));
            history.over(session);
            longest = longest.max(fs::metadata(&world.file).unwrap().len());
        }
        assert!(longest <= MOST_BYTES as u64, "{longest} bytes");
        let past = world.open().past(|_| true, usize::MAX);
        assert_eq!(past.len(), MOST_SESSIONS);
        assert_eq!(past[0], session(busy, 3999));
        assert_eq!(past.last(), Some(&session(calm, 0)));
    }

    struct World {
        _folder: tempfile::TempDir,
        file: PathBuf,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { file: folder.path().join("history.jsonl"), _folder: folder }
        }

        fn open(&self) -> SessionHistory {
            SessionHistory::open(self.file.clone(), |_| true)
        }
    }

    fn session(id: ConfigurationId, number: u64) -> PastSession {
        let started_at = Timestamp::UNIX_EPOCH + Duration::from_secs(number);
        PastSession {
            id,
            name: "home".into(),
            start_cause: StartCause::User { uid: 1000 },
            started_at,
            connected_at: Some(started_at),
            ended_at: Some(started_at),
            stop_reason: ProviderStopReason::UserInitiated,
            last_error: None,
            traffic: Some(SessionTraffic { rx_bytes: 1, tx_bytes: 2 }),
            provider_restarts: 0,
        }
    }

    fn begun(session: &PastSession) -> PastSession {
        PastSession {
            ended_at: None,
            stop_reason: ProviderStopReason::InternalError,
            traffic: None,
            ..session.clone()
        }
    }
}
