//! What the machine as a whole lets out, in words.

use adit_model::{HealthItem, MachineStatus, SessionStatus, Severity};
use adit_sentence::Glyph;

use crate::page::Page;

/// What holds traffic back, and what opens it; nothing when nothing does.
pub(crate) fn write(machine: &MachineStatus, page: &mut Page) {
    write_but(machine, &[], page);
}

/// As [`write`], without what these sessions say themselves. Says whether there was anything.
pub(crate) fn write_but(
    machine: &MachineStatus,
    sessions: &[&SessionStatus],
    page: &mut Page,
) -> bool {
    let said = |item: &HealthItem| sessions.iter().any(|session| session.health.contains(item));
    let mut any = false;
    for item in machine.health.iter().filter(|item| !said(item)) {
        page.glyph(match (machine.blocking, item.severity) {
            (true, _) => Glyph::Blocked,
            (false, Severity::Notice) => Glyph::Connected,
            (false, Severity::Warning | Severity::Problem) => Glyph::Problem,
        });
        page.line(&format!("{}.", item.title));
        page.part(&item.text);
        page.part(item.action.as_deref().unwrap_or_default());
        any = true;
    }
    any
}

/// One line that is always true.
pub(crate) fn sentence(machine: &MachineStatus) -> String {
    match machine.health.first() {
        Some(HealthItem { title, action: Some(action), .. }) => format!("{title}. {action}"),
        Some(HealthItem { title, action: None, .. }) => format!("{title}."),
        None if machine.lockdown.is_some() => "Lockdown is on, and traffic can pass.".into(),
        None => "Traffic is not blocked.".into(),
    }
}
