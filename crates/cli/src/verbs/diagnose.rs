//! `adit diagnose`: what somebody who helps has to know, in a file without secrets.

use std::{
    fmt::Display,
    fs::{self, OpenOptions},
    io::{self, Cursor, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use adit_api::{DescribeNetwork, Details, ExplainDns, HelperClient, List, Listing};
use adit_model::{ConfigurationId, NetworkDescription};
use serde::Serialize;
use serde_json::json;
use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

use crate::{context::Context, failure::Failure, output::Report, page::Page};

/// A name that no domain claims (RFC 2606).
const NAME: &str = "example.com.";

pub(super) async fn run(file: PathBuf, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let found = collect(&mut helper).await?;
    let written = pack(&found).and_then(|bytes| write_new(&file, &bytes));
    if let Err(error) = written {
        return Err(Failure::Unwritable { file, error });
    }
    let files = found.into_iter().map(|entry| entry.name).collect();
    context.output.report(&Written { file, files })
}

/// A file in the archive.
struct Entry {
    name: String,
    text: String,
}

/// Whatever can be found out. That a session has just ended or somebody cannot be asked is a finding
/// too.
async fn collect(helper: &mut HelperClient) -> Result<Vec<Entry>, Failure> {
    let listing = helper.call(&List {}).await?;
    let mut found = vec![system(&helper.helper().version), entry("status.json", &listing)];
    for id in running(&listing) {
        let details = helper.call(&Details { id }).await;
        if let Some(plan) = details.as_ref().ok().and_then(|details| details.plan.clone()) {
            found.push(Entry { name: format!("sessions/{id}.plan.txt"), text: plan });
        }
        found.push(answer(&format!("sessions/{id}.json"), details));
    }
    let NetworkDescription { addresses, rules, routes, firewall } =
        helper.call(&DescribeNetwork {}).await?.network;
    for (name, lines) in [("addresses", addresses), ("rules", rules), ("routes", routes)] {
        found.push(Entry { name: format!("{name}.txt"), text: lines.join("\n") + "\n" });
    }
    found.push(Entry { name: "firewall.nft".into(), text: firewall });
    found.push(answer("dns.json", helper.call(&ExplainDns { name: NAME.into() }).await));
    Ok(found)
}

fn running(listing: &Listing) -> impl Iterator<Item = ConfigurationId> + '_ {
    let entries = listing.entries.iter();
    entries.filter(|it| it.session.status.is_active()).map(|it| it.configuration.id)
}

fn system(service: &str) -> Entry {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let os_release = read("/etc/os-release");
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let facts = json!({
        "adit": env!("CARGO_PKG_VERSION"),
        "service": service,
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "system": name.map(|name| name.trim_matches('"')),
    });
    entry("system.json", &facts)
}

fn answer<T: Serialize, E: Display>(name: &str, answer: Result<T, E>) -> Entry {
    match answer {
        Ok(value) => entry(name, &value),
        Err(error) => entry(name, &json!({ "error": error.to_string() })),
    }
}

fn entry(name: &str, value: &impl Serialize) -> Entry {
    let text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
    Entry { name: name.into(), text: text + "\n" }
}

/// As a ZIP archive (APPNOTE.TXT of PKWARE).
fn pack(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o600);
    for Entry { name, text } in entries {
        archive.start_file(name.as_str(), options).map_err(io_error)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish().map_err(io_error)?.into_inner())
}

fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
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
