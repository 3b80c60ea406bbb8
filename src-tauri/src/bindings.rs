//! Commands and events as TypeScript.

use adit_model::{CheckCode, HealthCode};
use tauri_specta::{Builder, collect_commands, collect_events};

use crate::{asked::SecretsAsked, command, log::Logged, opened::FilesOpened};

/// All that the window may ask for and hear.
pub(crate) fn bindings() -> Builder<tauri::Wry> {
    Builder::new()
        .commands(collect_commands![
            command::attach,
            command::settings,
            command::keep_settings,
            command::take_opened,
            command::get,
            command::save,
            command::remove,
            command::set_enabled,
            command::providers,
            command::generate_key,
            command::public_key,
            command::start,
            command::stop,
            command::details,
            command::history,
            command::pause_on_demand,
            command::resume_on_demand,
            command::explain_on_demand,
            command::lock_down,
            command::lift_lockdown,
            command::explain_route,
            command::explain_dns,
            command::self_test,
            command::describe_network,
            command::reset,
            command::diagnose,
            command::save_diagnosis,
            command::open_profile,
            command::import_profile,
            command::discard_profile,
            command::check_configuration,
            command::to_text,
            command::from_text,
            command::export_profile,
            command::start_service,
            command::restart_window,
            command::asked_secrets,
            command::answer_secrets,
            command::cancel_secrets,
            command::keep_secrets,
            command::follow_log,
            command::leave_log,
            command::save_file,
        ])
        .events(collect_events![Logged, FilesOpened, SecretsAsked])
        .constant(
            "CHECK_CODES",
            CheckCode::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
        )
        .constant(
            "HEALTH_CODES",
            HealthCode::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>(),
        )
        .dangerously_cast_bigints_to_number()
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use specta_typescript::Typescript;

    use super::*;

    const FILE: &str = "../ui/src/helper/bindings.ts";

    /// With `UPDATE_BINDINGS` set, the file is written.
    #[test]
    fn the_window_calls_what_the_app_offers() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("bindings.ts");
        bindings().export(Typescript::default(), &made).unwrap();
        let made = plain(&fs::read_to_string(made).unwrap());
        if env::var_os("UPDATE_BINDINGS").is_some() {
            fs::write(FILE, &made).unwrap();
        }
        let kept = fs::read_to_string(FILE).unwrap_or_default();
        assert_eq!(
            kept, made,
            "update it with: UPDATE_BINDINGS=1 cargo test -p adit-desktop bindings"
        );
    }

    /// A field that may be absent becomes two types, for what the app writes and for what it reads.
    /// Whatever it writes it reads too, so that one is enough for the window.
    fn plain(made: &str) -> String {
        let mut kept = String::new();
        for item in made.split_inclusive("\n\n") {
            let name = item.split("export type ").nth(1).and_then(|item| item.split(' ').next());
            let is_read = name.is_some_and(|name| name.ends_with("_Deserialize"));
            let is_both = name.is_some_and(|name| {
                item.contains(&format!("{name}_Serialize | {name}_Deserialize;"))
            });
            if !is_read && !is_both {
                kept += item;
            }
        }
        kept.replace("_Serialize", "").replace("_Deserialize", "")
    }
}
