//! `adit diagnose`: what somebody who helps has to know, in a file without secrets.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use adit_diagnosis::{diagnose, pack};
use serde::Serialize;

use crate::{context::Context, failure::Failure, output::Report, page::Page};

pub(super) async fn run(file: PathBuf, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let found = diagnose(&mut helper).await?;
    let written = pack(&found).and_then(|bytes| write_new(&file, &bytes));
    if let Err(error) = written {
        return Err(Failure::Unwritable { file, error });
    }
    let files = found.into_iter().map(|finding| finding.name).collect();
    context.output.report(&Written { file, files })
}

/// For its owner alone, and in place of nothing.
fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    opened.write_all(bytes)
}

#[derive(Serialize)]
struct Written {
    file: PathBuf,
    files: Vec<String>,
}

impl Report for Written {
    fn write(&self, page: &mut Page) {
        let file = self.file.display();
        page.line(&format!("{file} tells how Adit and the network are at this moment."));
        page.line("There are no keys or passwords in it, but addresses and names are.");
        page.list("Contents", &self.files);
    }
}
