//! Names in the commands that people are told.

/// A name as a shell reads it.
#[must_use]
pub fn shell_word(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if !name.is_empty() && name.chars().all(plain) && !name.starts_with('-') {
        return name.into();
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_change_is_quoted() {
        for (name, word) in
            [("work-2.b", "work-2.b"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("-x", "'-x'")]
        {
            assert_eq!(shell_word(name), word);
        }
    }
}
