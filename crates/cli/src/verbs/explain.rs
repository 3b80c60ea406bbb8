//! `adit explain`

mod dns;

use crate::{args::Explained, context::Context, failure::Failure};

pub(super) async fn run(what: Explained, context: &Context) -> Result<(), Failure> {
    match what {
        Explained::Dns { name } => dns::run(name, context).await,
    }
}
