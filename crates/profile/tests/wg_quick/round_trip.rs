//! Whatever is exported or written by hand is read as it was meant, and nothing makes the importer
//! fall over.

use adit_profile::{Imported, export_wg_quick};
use proptest::{collection::vec, prelude::*};

use crate::{
    generated::{Hosts, Profile, broken, changes, odd_text, profile, whims},
    import, wireguard,
};

proptest! {
    #[test]
    fn an_export_is_imported_as_it_was(profile in profile(Hosts::Any)) {
        let text = export_wg_quick(&profile.wireguard, &profile.secrets).unwrap();
        assert_read_as(&read(&text), &profile, &text);
    }

    #[test]
    fn every_way_of_writing_is_read_alike(
        profile in profile(Hosts::Any),
        mut whims in whims(),
    ) {
        let text = odd_text(&profile, &mut whims);
        assert_read_as(&read(&text), &profile, &text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        _ = import(&bytes);
    }

    /// What a broken file still says can be written and read again.
    #[test]
    fn no_broken_file_makes_it_panic(
        profile in profile(Hosts::Any),
        mut whims in whims(),
        changes in changes(any::<u8>()),
    ) {
        let bytes = broken(&odd_text(&profile, &mut whims), &changes);
        if let Ok(imported) = import(&bytes) {
            let wireguard = wireguard(&imported);
            prop_assert_eq!(wireguard.validate(), Ok(()));
            let text = export_wg_quick(&wireguard, &imported.secrets).unwrap();
            let secrets = imported.secrets;
            assert_read_as(&read(&text), &Profile { wireguard, secrets }, &text);
        }
    }
}

fn assert_read_as(imported: &Imported, profile: &Profile, text: &str) {
    assert_eq!(wireguard(imported), profile.wireguard, "{text}");
    assert_eq!(imported.secrets, profile.secrets, "{text}");
}

fn read(text: &str) -> Imported {
    import(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
