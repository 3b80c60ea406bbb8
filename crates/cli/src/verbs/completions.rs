//! `adit completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Arguments, failure::Failure, output::to_standard_output};

pub(super) fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "adit", &mut script);
    to_standard_output(&String::from_utf8_lossy(&script))
}
