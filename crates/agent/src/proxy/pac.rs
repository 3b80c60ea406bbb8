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
        Some(server) => format!("PROXY {}:{}", server.host(), server.port),
        None => "DIRECT".into(),
    };
    let servers = json!({ "http": proxy(http), "https": proxy(https) });
    let own = format!("var aditServers = {servers};\n{SERVERS}");
    format!("{}{}{own}", restrictions(settings), EXEMPT)
}

/// `text` for the names that `settings` are for, and no proxy for all others.
pub(super) fn restricted(text: &str, settings: &ProxySettings) -> String {
    // Some editors of Windows begin a file so; in the middle of one it is no JavaScript.
    let text = text.trim_start_matches('\u{feff}');
    let only = settings.match_domains.as_ref();
    let is_for_all = only.is_none_or(|only| only.iter().any(String::is_empty));
    if is_for_all && !settings.exclude_simple_hostnames && settings.exception_list.is_empty() {
        return text.to_owned();
    }
    format!("{}{EXEMPT}{BEFORE}{text}{AFTER}", restrictions(settings))
}

/// JSON is a part of JavaScript, so nothing of the settings becomes code.
fn restrictions(settings: &ProxySettings) -> String {
    let data = json!({
        "only": settings.match_domains,
        "except": settings.exception_list,
        "simple": settings.exclude_simple_hostnames,
    });
    format!("var adit = {data};\n")
}

/// A name is in a domain that it ends with; a pattern with a star is one of shells (PXY-8). The empty domain has all names.
const EXEMPT: &str = r#"function aditIsIn(host, domain) {
  domain = domain.toLowerCase();
  if (domain.substring(0, 2) === "*." && domain.indexOf("*", 1) < 0) domain = domain.substring(1);
  if (domain.indexOf("*") >= 0) return shExpMatch(host, domain);
  if (domain.charAt(0) === ".") domain = domain.substring(1);
  return domain === "" || host === domain || host.slice(-domain.length - 1) === "." + domain;
}
function aditIsInOne(host, domains) {
  for (var i = 0; i < domains.length; i++) if (aditIsIn(host, domains[i])) return true;
  return false;
}
function aditIsExempt(host) {
  host = host.toLowerCase();
  if (host === "localhost" || /^127(\.\d+){3}$/.test(host) || /^\[?::1\]?$/.test(host)) return true;
  if (adit.simple && host.indexOf(".") < 0 && host.indexOf(":") < 0) return true;
  if (aditIsInOne(host, adit.except)) return true;
  return adit.only !== null && !aditIsInOne(host, adit.only);
}
"#;

const SERVERS: &str = r#"function FindProxyForURL(url, host) {
  if (aditIsExempt(host)) return "DIRECT";
  return url.substring(0, 6).toLowerCase() === "https:" ? aditServers.https : aditServers.http;
}
"#;

/// Whatever the script calls its own stays within, also where it names the function without declaring it.
const BEFORE: &str = "var FindProxyForURL;\nvar aditScript = (function () {\n";
const AFTER: &str = r#"
;return FindProxyForURL;
})();
FindProxyForURL = function (url, host) {
  return aditIsExempt(host) ? "DIRECT" : aditScript(url, host);
};
"#;

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use adit_model::ProxyMode;

    use super::*;

    // spec: PXY-7, PXY-8, PXY-9, PXY-10, D-10
    #[test]
    fn each_address_gets_its_proxy() {
        let server =
            |address: &str| ProxyServer { address: address.into(), port: 3128, username: None };
        let text = script(Some(&server("10.0.0.1")), Some(&server("fd00::1")), &settings());
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
        let all = ProxySettings {
            exception_list: vec!["*.corp.example".into()],
            ..ProxySettings::default()
        };
        let text = script(Some(&server("10.0.0.1")), None, &all);
        for (url, host, proxy) in [
            ("http://printer/", "printer", "PROXY 10.0.0.1:3128"),
            ("https://printer/", "printer", "DIRECT"),
            ("http://wiki.corp.example/", "wiki.corp.example", "DIRECT"),
            ("http://localhost/", "localhost", "DIRECT"),
            ("http://127.1.2.3/", "127.1.2.3", "DIRECT"),
            ("http://127.1.example/", "127.1.example", "PROXY 10.0.0.1:3128"),
            ("http://[::1]/", "::1", "DIRECT"),
        ] {
            assert_eq!(run(&text, url, host), proxy, "{url}");
        }
    }

    // spec: PXY-3, PXY-9
    #[test]
    fn a_script_is_for_the_same_names() {
        let wiki = ("http://wiki.corp.example/", "wiki.corp.example");
        let elsewhere = ("http://elsewhere.example/", "elsewhere.example");
        let plain = "// A comment.\nfunction isIn() { return true; }\n\
             function FindProxyForURL(url, host) { return 'PROXY ' + host + ':1'; } // The end.";
        let undeclared =
            "FindProxyForURL = function (url, host) { return 'PROXY ' + host + ':1'; }";
        for text in [plain, undeclared, &format!("\u{feff}{plain}")] {
            let restricted = restricted(text, &settings());
            assert_eq!(run(&restricted, wiki.0, wiki.1), "PROXY wiki.corp.example:1", "{text}");
            assert_eq!(run(&restricted, elsewhere.0, elsewhere.1), "DIRECT", "{text}");
        }
        let everywhere =
            ProxySettings { match_domains: Some(vec![String::new()]), ..ProxySettings::default() };
        assert_eq!(restricted(plain, &everywhere), plain, "as it is");
    }

    fn settings() -> ProxySettings {
        ProxySettings {
            mode: ProxyMode::default(),
            exclude_simple_hostnames: true,
            exception_list: vec!["open.corp.example".into(), "10.1.*".into(), "\"</x>".into()],
            match_domains: Some(vec!["corp.example".into(), "10.*".into()]),
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
