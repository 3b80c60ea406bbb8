//! The name of a configuration that comes from a file.

use std::path::Path;

/// Name of a file that has none, such as `.conf`.
const NAMELESS: &str = "WireGuard";
/// Longer names are refused by [`adit_model::VpnConfiguration::validate`].
const MAX_CHARS: usize = 128;

/// The display name for what is read from `path`: the file's name without `.conf`. Always a name
/// that a configuration may have.
#[must_use]
pub fn name_from_file(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = match file.rsplit_once('.') {
        Some((stem, extension)) if extension.eq_ignore_ascii_case("conf") => stem,
        Some(_) | None => &file,
    };
    let plain: String = stem.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
    match plain.trim() {
        "" => NAMELESS.into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_people_call_the_file() {
        for (path, name) in [
            ("/home/ada/Downloads/de-berlin.conf", "de-berlin"),
            ("wg0 (1).CONF", "wg0 (1)"),
            ("office.example.net.conf", "office.example.net"),
            ("office.example", "office.example"),
            ("a\nb.conf", "ab"),
            (".conf", "WireGuard"),
            ("/", "WireGuard"),
        ] {
            assert_eq!(name_from_file(Path::new(path)), name, "{path}");
        }
        assert_eq!(name_from_file(Path::new(&"ä".repeat(200))).chars().count(), MAX_CHARS);
    }
}
