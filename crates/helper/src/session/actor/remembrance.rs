//! What the next helper finds of a session, should this one die.

use std::io;

use super::Actor;
use crate::session::record::{SessionFolder, SessionRecord};

impl Actor {
    /// A session that cannot be written down does not outlive this helper, but goes on.
    pub(super) fn save(&mut self) {
        if let Err(error) = self.write_down() {
            tracing::warn!("a session cannot be written down: {error}");
        }
    }

    fn write_down(&mut self) -> io::Result<()> {
        let configuration = &self.record.configuration;
        if let (Some(run), Some(start)) = (&mut self.run, &self.start) {
            // The folder is its now.
            self.asked = None;
            return run.save(configuration, &self.machine, start);
        }
        let Some(start) = self.start.as_ref().filter(|_| self.machine.asks_for_secrets()) else {
            if let Some(folder) = self.asked.take() {
                folder.remove();
            }
            return Ok(());
        };
        if self.asked.is_none() {
            let sessions = &self.surroundings.sessions_dir;
            self.asked = Some(SessionFolder::create(sessions, configuration.id)?);
        }
        let (owner, start) = (configuration.owner, start.clone());
        let record = SessionRecord { owner, start, wanted: true, run: None };
        self.asked.as_mut().map_or(Ok(()), |folder| folder.save(&record))
    }
}
