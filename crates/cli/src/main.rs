//! `adit`: the command line of Adit.

mod args;
mod attempt;
mod context;
mod draft;
mod failure;
mod hint;
mod machine;
mod output;
mod page;
mod secret_agent;
mod select;
mod subscription;
mod terminal;
mod verbs;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};
use tokio::runtime;

use crate::{args::Arguments, context::Context, failure::Failure};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return not_understood(&error),
    };
    let context = Context::of_process(arguments.json);
    let result = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::System)
        .and_then(|runtime| {
            let result = runtime.block_on(verbs::run(arguments.verb, &context));
            // A question that nobody answered must not keep the process.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => context.output.failure(&failure),
    }
}

/// Help and version are what was asked for; anything else is wrong usage.
fn not_understood(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if !asked && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.render().to_string();
        let message = text.trim().trim_start_matches("error: ").to_owned();
        return Context::of_process(true).output.failure(&Failure::Usage(message));
    }
    // Nobody is left to tell when this cannot be printed.
    let _ = error.print();
    ExitCode::from(if asked { 0 } else { failure::USAGE })
}
