//! Nothing that anybody can put into a file breaks the import.

use std::fmt::Write;

use adit_profile::{MAX_SIZE, ProfileError, is_mobileconfig};
use proptest::prelude::*;

use crate::{PROVIDER, WIREGUARD, import};

const SIGNED: &[u8] = include_bytes!("samples/signed-ber.mobileconfig");

#[test]
fn no_profile_exhausts_whoever_reads_it() {
    let deep = format!("<plist version=\"1.0\">{}", "<array>".repeat(100_000));
    assert_eq!(import(&deep), Err(ProfileError::Excessive));
    let wide =
        format!("<plist version=\"1.0\"><array>{}</array></plist>", "<true/>".repeat(120_000));
    assert_eq!(import(&wide), Err(ProfileError::Excessive));
    assert_eq!(import(vec![b' '; MAX_SIZE + 1]), Err(ProfileError::TooLarge));
    assert!(import(doubled(20)).is_err());
    // Sequences in sequences, none of which ever ends.
    assert_eq!(import([0x30, 0x80].repeat(MAX_SIZE / 2)), Err(ProfileError::Sealed));
    let mut nested = [0x24, 0x80].repeat(MAX_SIZE / 4);
    nested.splice(
        0..0,
        SIGNED[..SIGNED.windows(2).position(|w| w == [0x24, 0x80]).unwrap()].to_vec(),
    );
    assert_eq!(import(nested), Err(ProfileError::Sealed));
    let mut entities = String::from("<?xml version=\"1.0\"?><!DOCTYPE plist [<!ENTITY a0 \"x\">");
    for number in 1..30 {
        write!(entities, "<!ENTITY a{number} \"&a{0};&a{0};\">", number - 1).unwrap();
    }
    entities.push_str("]><plist version=\"1.0\"><dict><key>&a29;</key><true/></dict></plist>");
    assert!(import(entities).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = is_mobileconfig(&bytes);
        let _ = import(&bytes);
        let _ = import([b"bplist00", bytes.as_slice()].concat());
        let _ = import([&[0x30, 0x80], bytes.as_slice()].concat());
    }

    #[test]
    fn any_damage_is_read_or_refused(
        sample in prop::sample::select(vec![binary(), SIGNED.to_vec(), WIREGUARD.to_vec()]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in any::<prop::sample::Index>(),
    ) {
        let mut damaged = sample;
        for (place, byte) in changes {
            let place = place.index(damaged.len());
            damaged[place] = byte;
        }
        let _ = import(&damaged);
        damaged.truncate(length.index(damaged.len()));
        let _ = import(&damaged);
    }
}

fn binary() -> Vec<u8> {
    let mut bytes = Vec::new();
    plist::Value::from_reader_xml(PROVIDER).unwrap().to_writer_binary(&mut bytes).unwrap();
    bytes
}

/// A binary property list whose arrays each refer twice to the next: two to the power of `depth`.
fn doubled(depth: u8) -> Vec<u8> {
    let mut bytes = b"bplist00".to_vec();
    let mut offsets = Vec::new();
    for object in 0..depth {
        offsets.push(u8::try_from(bytes.len()).unwrap());
        bytes.extend([0xa2, object + 1, object + 1]);
    }
    offsets.push(u8::try_from(bytes.len()).unwrap());
    bytes.push(0x09);
    let table = bytes.len() as u64;
    bytes.extend(&offsets);
    bytes.extend([0, 0, 0, 0, 0, 0, 1, 1]);
    for number in [offsets.len() as u64, 0, table] {
        bytes.extend(number.to_be_bytes());
    }
    bytes
}
