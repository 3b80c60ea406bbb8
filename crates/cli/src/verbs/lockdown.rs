//! `adit lockdown`

use adit_api::{LiftLockdown, List, LockDown};
use adit_model::MachineStatus;
use adit_sentence::Glyph;
use serde::Serialize;

use crate::{
    args::{Lockdown, LockdownSwitch},
    context::Context,
    failure::Failure,
    machine,
    output::Report,
    page::Page,
};

pub(super) async fn run(arguments: Lockdown, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let machine = match arguments.switch {
        None => helper.call(&List {}).await?.machine,
        Some(LockdownSwitch::On { allow_local_networks }) => {
            helper.call(&LockDown { allow_local_networks }).await?.machine
        }
        Some(LockdownSwitch::Off) => helper.call(&LiftLockdown {}).await?.machine,
    };
    context.output.report(&Machine(machine))
}

#[derive(Serialize)]
#[serde(transparent)]
struct Machine(MachineStatus);

impl Report for Machine {
    fn write(&self, page: &mut Page) {
        match &self.0.lockdown {
            Some(lockdown) => {
                let local =
                    if lockdown.allow_local_networks { ", or to the local network" } else { "" };
                page.glyph(if self.0.blocking { Glyph::Blocked } else { Glyph::Connected });
                page.line(&format!(
                    "Lockdown is on: nothing leaves this computer but through a tunnel{local}."
                ));
            }
            // One that cannot be read says so below.
            None if self.0.health.is_empty() => {
                page.glyph(Glyph::Disconnected);
                page.line("Lockdown is off: what no tunnel takes goes out directly.");
            }
            None => {}
        }
        machine::write(&self.0, page);
    }
}
