//! A proxy auto-configuration script, which says of each address what its proxy is.

use adit_model::{ProxyServer, ProxySettings};
use serde_json::json;

/// The same as `settings`, whose servers these are.
pub(super) fn script(
    http: Option<&ProxyServer>,
    https: Option<&ProxyServer>,
    settings: &ProxySettings,
) -> String {
    let proxy = |server: Option<&ProxyServer>| match server {
        Some(server) if server.address.contains(':') => {
            format!("PROXY [{}]:{}", server.address, server.port)
        }
        Some(server) => format!("PROXY {}:{}", server.address, server.port),
        None => "DIRECT".into(),
    };
    let data = json!({
        "http": proxy(http),
        "https": proxy(https),
        "only": settings.match_domains,
        "except": settings.exception_list,
        "simple": settings.exclude_simple_hostnames,
    });
    // JSON is a part of JavaScript, so nothing of the settings becomes code.
    format!("var adit = {data};\n{RULES}")
}

/// A name is in a domain that it ends with; a pattern with a star is one of shells (PXY-8). The empty domain has all names.
const RULES: &str = r#"function isIn(host, domain) {
  domain = domain.toLowerCase();
  if (domain.indexOf("*") >= 0) return shExpMatch(host, domain);
  if (domain.charAt(0) === ".") domain = domain.substring(1);
  return domain === "" || host === domain || host.slice(-domain.length - 1) === "." + domain;
}
function isInOne(host, domains) {
  for (var i = 0; i < domains.length; i++) if (isIn(host, domains[i])) return true;
  return false;
}
function FindProxyForURL(url, host) {
  host = host.toLowerCase();
  if (adit.simple && host.indexOf(".") < 0 && host.indexOf(":") < 0) return "DIRECT";
  if (isInOne(host, adit.except)) return "DIRECT";
  if (adit.only && !isInOne(host, adit.only)) return "DIRECT";
  return url.substring(0, 6) === "https:" ? adit.https : adit.http;
}
"#;

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use adit_model::ProxyMode;

    use super::*;

    // spec: PXY-7, PXY-8, PXY-9
    #[test]
    fn each_address_gets_its_proxy() {
        let server = |address: &str| ProxyServer {
            address: address.into(),
            port: 3128,
            username: None,
            password: None,
        };
        let settings = ProxySettings {
            mode: ProxyMode::default(),
            exclude_simple_hostnames: true,
            exception_list: vec!["open.corp.example".into(), "10.1.*".into(), "\"</x>".into()],
            match_domains: Some(vec!["corp.example".into(), "10.*".into()]),
        };
        let text = script(Some(&server("10.0.0.1")), Some(&server("fd00::1")), &settings);
        for (url, host, proxy) in [
            ("http://wiki.corp.example/", "wiki.corp.example", "PROXY 10.0.0.1:3128"),
            ("https://Corp.Example/", "Corp.Example", "PROXY [fd00::1]:3128"),
            ("http://open.corp.example/", "open.corp.example", "DIRECT"),
            ("http://notcorp.example/", "notcorp.example", "DIRECT"),
            ("http://10.2.0.1/", "10.2.0.1", "PROXY 10.0.0.1:3128"),
            ("http://10.1.0.1/", "10.1.0.1", "DIRECT"),
            ("http://printer/", "printer", "DIRECT"),
        ] {
            assert_eq!(run(&text, url, host), proxy, "{url}");
        }
    }

    fn run(script: &str, url: &str, host: &str) -> String {
        let matches = "function shExpMatch(host, pattern) { return new RegExp('^' + \
                       pattern.replace(/[.]/g, '\\\\.').replace(/[*]/g, '.*') + '$').test(host); }";
        let call = format!("console.log(FindProxyForURL({}, {}))", json!(url), json!(host));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.js");
        fs::write(&file, format!("{matches}\n{script}\n{call}")).unwrap();
        let output = Command::new("node").arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().into()
    }
}
