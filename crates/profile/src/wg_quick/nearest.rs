//! Which known word a misspelt one was meant to be.

/// More edits than this make another word.
const MAX_EDITS: usize = 2;

/// The word of `known` that is the fewest edits away from `word`, unless all are too far away.
pub(super) fn nearest(
    word: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    known
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= MAX_EDITS)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, in ASCII and without regard to case. Row by row: `row[j]` is the
/// distance between what was read of `a` and the first `j` bytes of `b`.
fn edits(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(!from.eq_ignore_ascii_case(to));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_with_the_fewest_edits_wins() {
        let known = || ["PreUp", "PostUp", "Address", "AllowedIPs"].into_iter();
        assert_eq!(nearest("AllowedIP", known()), Some("AllowedIPs"));
        assert_eq!(nearest("adresse", known()), Some("Address"));
        assert_eq!(nearest("PotUp", known()), Some("PostUp"));
        assert_eq!(nearest("PreDown", known()), None);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
    }
}
