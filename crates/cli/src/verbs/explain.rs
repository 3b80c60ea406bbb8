//! `adit explain`

mod dns;
mod route;
mod tunnel;

use crate::{args::Explained, context::Context, failure::Failure};

pub(super) async fn run(what: Explained, context: &Context) -> Result<(), Failure> {
    match what {
        Explained::Dns { name } => dns::run(name, context).await,
        Explained::Route { destination, protocol } => {
            route::run(destination, protocol, context).await
        }
    }
}
