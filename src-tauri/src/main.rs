//! The desktop app of Adit.

fn main() -> std::process::ExitCode {
    adit_desktop::run()
}
