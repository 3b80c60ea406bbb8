//! `adit providers`

use adit_api::{Provider, Providers};
use serde::Serialize;

use crate::{context::Context, failure::Failure, output::Report, page::Page};

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let listing = context.helper().await?.call(&Providers {}).await?;
    context.output.report(&Listing(listing.providers))
}

#[derive(Serialize)]
struct Listing(Vec<Provider>);

impl Report for Listing {
    fn write(&self, page: &mut Page) {
        if self.0.is_empty() {
            page.line("No tunnel provider is installed.");
        }
        for provider in &self.0 {
            let name = provider.name.as_deref().unwrap_or("no name");
            page.line(&format!("{}  {name}  {}", provider.id, provider.kinds.join(", ")));
            if let Some(reason) = &provider.reason {
                page.part(&format!("Cannot be used: {reason}"));
            }
        }
    }
}
