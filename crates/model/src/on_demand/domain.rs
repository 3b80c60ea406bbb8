//! Names of hosts and domains: compared label by label, in either case, in either alphabet.

/// Whether a name is one that a domain of a connection rule stands for: `example.com` is itself and
/// all below it, `*.example.com` only what is below it. Spec OD-15.
pub(super) fn covers(domain: &str, name: &str) -> bool {
    let (Some(pattern), Some(name)) = (Pattern::parse(domain), ascii(name)) else { return false };
    pattern.is_above(&name) || (!pattern.wildcard && pattern.domain == name)
}

/// Whether a search domain is one that a rule asks for: `example.com` is itself, `*.example.com` is
/// all below it. Spec OD-9.
pub(super) fn fits(wanted: &str, search_domain: &str) -> bool {
    let (Some(pattern), Some(found)) = (Pattern::parse(wanted), ascii(search_domain)) else {
        return false;
    };
    if pattern.wildcard { pattern.is_above(&found) } else { pattern.domain == found }
}

/// Whether [`covers`] and [`fits`] can ever hold.
pub(super) fn is_pattern(text: &str) -> bool {
    Pattern::parse(text).is_some()
}

struct Pattern {
    domain: String,
    /// It began with `*.`.
    wildcard: bool,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (domain, wildcard) =
            text.strip_prefix("*.").map_or((text, false), |domain| (domain, true));
        Some(Self { domain: ascii(domain)?, wildcard })
    }

    fn is_above(&self, name: &str) -> bool {
        name.strip_suffix(self.domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

/// In lower case, in the alphabet of the DNS (RFC 5890), without the dot of the root.
fn ascii(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let ascii = idna::domain_to_ascii(name).ok()?;
    let is_label = |label: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    (ascii.len() <= 253 && ascii.split('.').all(is_label)).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: OD-15
    #[test]
    fn a_domain_is_itself_and_what_is_below_it() {
        for (domain, name) in [
            ("example.com", "example.com"),
            ("example.com", "www.example.com"),
            ("example.com", "a.b.example.com."),
            ("Example.COM.", "WWW.example.com"),
            ("bücher.example", "www.xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "BÜCHER.example"),
            ("*.example.com", "www.example.com"),
            ("com", "www.example.com"),
        ] {
            assert!(covers(domain, name), "{domain} {name}");
        }
        for (domain, name) in [
            ("example.com", "www.anotherexample.com"),
            ("example.com", "com"),
            ("example.com", "example.com.evil.example"),
            ("*.example.com", "example.com"),
            ("", "example.com"),
            ("*", "example.com"),
            ("example.com", ""),
        ] {
            assert!(!covers(domain, name), "{domain} {name}");
        }
    }

    // spec: OD-9
    #[test]
    fn a_search_domain_is_equal_unless_a_star_says_otherwise() {
        assert!(fits("corp.example", "CORP.example."));
        assert!(!fits("corp.example", "eu.corp.example"));
        assert!(fits("*.corp.example", "eu.corp.example"));
        assert!(!fits("*.corp.example", "corp.example"));
        assert!(!fits("*.corp.example", "mycorp.example"));
    }
}
