//! What each verb does.

mod completions;
mod connect;
mod diagnose;
mod disconnect;
mod edit;
mod enablement;
mod explain;
mod export;
mod history;
mod import;
mod list;
mod lockdown;
mod on_demand;
mod providers;
mod remove;
mod rename;
mod reset;
mod run;
mod secrets;
mod selftest;
mod show;
mod status;
mod status_of_provider;
mod watch;

use crate::{args::Verb, context::Context, failure::Failure};

/// Does what the verb says.
pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Failure> {
    match verb {
        Verb::Import(arguments) => import::run(arguments, context).await,
        Verb::List => list::run(context).await,
        Verb::Show(arguments) => show::run(arguments, context).await,
        Verb::Connect(arguments) => connect::run(arguments, context).await,
        Verb::Disconnect(arguments) => disconnect::run(arguments, context).await,
        Verb::Reconnect(arguments) => connect::again(arguments, context).await,
        Verb::Status(arguments) => status::run(arguments, context).await,
        Verb::History(arguments) => history::run(arguments, context).await,
        Verb::Explain(arguments) => explain::run(arguments.what, context).await,
        Verb::Selftest => selftest::run(context).await,
        Verb::Diagnose(arguments) => diagnose::run(arguments.file, context).await,
        Verb::Watch => watch::run(context).await,
        Verb::Enable(arguments) => enablement::set(&arguments.name, true, context).await,
        Verb::Disable(arguments) => enablement::set(&arguments.name, false, context).await,
        Verb::Export(arguments) => export::run(arguments, context).await,
        Verb::Remove(arguments) => remove::run(arguments, context).await,
        Verb::Rename(arguments) => rename::run(arguments, context).await,
        Verb::Secrets(arguments) => secrets::run(arguments, context).await,
        Verb::Edit(arguments) => edit::run(arguments, context).await,
        Verb::Lockdown(arguments) => lockdown::run(arguments, context).await,
        Verb::OnDemand(arguments) => on_demand::run(arguments.what, context).await,
        Verb::Run(arguments) => run::run(arguments, context).await,
        Verb::Providers => providers::run(context).await,
        Verb::Reset => reset::run(context).await,
        Verb::Completions(arguments) => completions::run(arguments.shell),
    }
}
