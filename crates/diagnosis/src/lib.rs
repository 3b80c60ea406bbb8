//! What somebody who helps has to know: how Adit and the network are at this moment. Keys and passwords are not in it, as
//! the service gives none away here; addresses and names are.

use std::{
    fmt::Display,
    fs,
    io::{self, Cursor, Write},
    process::Stdio,
};

use adit_api::{
    CallError, DescribeNetwork, Details, ExplainDns, HelperClient, HelperError, List, Listing,
};
use adit_model::{ConfigurationId, NetworkDescription};
use serde::Serialize;
use serde_json::json;
use tokio::process::Command;
use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

/// A name that no domain claims (RFC 2606).
const NAME: &str = "example.com.";
/// The end of the service's log.
const LOG: [&str; 5] =
    ["--unit=adit-helper.service", "--lines=500", "--output=short-iso", "--no-pager", "--quiet"];

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Finding {
    /// Its path in the archive.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// Whatever can be found out. That a session has just ended or somebody cannot be asked is a finding
/// too.
pub async fn diagnose(helper: &mut HelperClient) -> Result<Vec<Finding>, CallError<HelperError>> {
    let listing = helper.call(&List {}).await?;
    let mut found = vec![system(&helper.helper().version), finding("status.json", &listing)];
    for id in running(&listing) {
        let details = helper.call(&Details { id }).await;
        if let Some(plan) = details.as_ref().ok().and_then(|details| details.plan.clone()) {
            found.push(Finding { name: format!("sessions/{id}.plan.txt"), text: plan });
        }
        found.push(answer(&format!("sessions/{id}.json"), details));
    }
    let NetworkDescription { addresses, rules, routes, firewall } =
        helper.call(&DescribeNetwork {}).await?.network;
    for (name, lines) in [("addresses", addresses), ("rules", rules), ("routes", routes)] {
        found.push(Finding { name: format!("{name}.txt"), text: lines.join("\n") + "\n" });
    }
    found.push(Finding { name: "firewall.nft".into(), text: firewall });
    found.push(answer("dns.json", helper.call(&ExplainDns { name: NAME.into() }).await));
    found.push(log().await);
    Ok(found)
}

/// As a ZIP archive (APPNOTE.TXT of PKWARE).
pub fn pack<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> io::Result<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o600);
    for Finding { name, text } in findings {
        archive.start_file(name.as_str(), options).map_err(io_error)?;
        archive.write_all(text.as_bytes())?;
    }
    Ok(archive.finish().map_err(io_error)?.into_inner())
}

/// As far as whoever asks may read it.
async fn log() -> Finding {
    let asked = Command::new("journalctl").args(LOG).stdin(Stdio::null()).output().await;
    let text = match asked {
        Ok(output) if !output.stdout.is_empty() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        Ok(_) => "The journal has nothing of the service that you may read.\n".into(),
        Err(error) => format!("The journal cannot be read: {error}.\n"),
    };
    Finding { name: "log.txt".into(), text }
}

fn running(listing: &Listing) -> impl Iterator<Item = ConfigurationId> + '_ {
    let entries = listing.entries.iter();
    entries.filter(|it| it.session.status.is_active()).map(|it| it.configuration.id)
}

fn system(service: &str) -> Finding {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let os_release = read("/etc/os-release");
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let facts = json!({
        "adit": env!("CARGO_PKG_VERSION"),
        "service": service,
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "system": name.map(|name| name.trim_matches('"')),
    });
    finding("system.json", &facts)
}

fn answer<T: Serialize, E: Display>(name: &str, answer: Result<T, E>) -> Finding {
    match answer {
        Ok(value) => finding(name, &value),
        Err(error) => finding(name, &json!({ "error": error.to_string() })),
    }
}

fn finding(name: &str, value: &impl Serialize) -> Finding {
    let text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
    Finding { name: name.into(), text: text + "\n" }
}

fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}
