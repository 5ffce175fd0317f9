//! The text of a key.

use std::collections::BTreeSet;
use std::time::SystemTime;

use proptest::prelude::*;
use sluicegate_core::{KeyFault, Keys as _};

use super::super::text::{ALPHABET, checksum_of};
use super::super::{ApiKeys, LENGTH, Presented, SecretKey};

/// `text` with its checksum behind it.
pub(super) fn signed(text: &str) -> String {
    let checksum = checksum_of(text.as_bytes());
    format!("{text}{}", std::str::from_utf8(&checksum).unwrap())
}

#[test]
fn a_key_has_the_form_that_scanners_look_for() {
    let key = SecretKey::generate().unwrap();
    let text = key.expose();
    assert_eq!((text.len(), LENGTH), (55, 55));
    assert!(text.starts_with("sgk_") && text.as_bytes()[16] == b'_', "{text}");
    let rest = text.strip_prefix("sgk_").unwrap().replacen('_', "", 1);
    assert!(rest.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
    assert_eq!(Presented::parse(text).unwrap().id(), key.id());
    assert_eq!(key.id().to_string(), text.get(4..16).unwrap());
}

/// The checksum is CRC32 as everybody computes it: what scanners have to know.
#[test]
fn the_checksum_is_that_of_others() {
    // CRC32 of "123456789" is 0xcbf43926, in base 62 this.
    let value = checksum_of(b"123456789").iter().fold(0_u64, |value, digit| {
        value * 62 + u64::try_from(ALPHABET.iter().position(|known| known == digit).unwrap()).unwrap()
    });
    assert_eq!(value, 0xcbf4_3926);
    let fixed = "sgk_0123456789AB_0123456789abcdefghijklmnopqrstuv";
    // By Python's zlib.
    assert!(Presented::parse(&format!("{fixed}2lNGyf")).is_some());
}

#[test]
fn every_slip_of_a_character_is_told_without_a_look_up() {
    let key = SecretKey::generate().unwrap();
    let text = key.expose();
    let keys = ApiKeys::default();
    let now = SystemTime::UNIX_EPOCH;
    assert_eq!(keys.find(text, now), Err(KeyFault::Unavailable), "well written");
    for place in 0..LENGTH {
        for byte in 0x20..0x7f_u8 {
            let mut changed = text.as_bytes().to_vec();
            if std::mem::replace(&mut changed[place], byte) == byte {
                continue;
            }
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(keys.find(&changed, now), Err(KeyFault::Malformed), "{place}: {byte}");
        }
        let mut short = text.to_owned();
        short.remove(place);
        assert_eq!(keys.find(&short, now), Err(KeyFault::Malformed), "without {place}");
        if let Some(next) = text.as_bytes().get(place + 1)
            && text.as_bytes()[place] != *next
        {
            let mut swapped = text.as_bytes().to_vec();
            swapped.swap(place, place + 1);
            let swapped = String::from_utf8(swapped).unwrap();
            assert_eq!(keys.find(&swapped, now), Err(KeyFault::Malformed), "swapped at {place}");
        }
    }
    for text in
        [format!(" {text}"), format!("{text} "), format!("{text}\n"), format!("Bearer {text}"), text.to_lowercase()]
    {
        assert!(keys.find(&text, now) == Err(KeyFault::Malformed), "{}", text.len());
    }
}

#[test]
fn k_03_what_was_meant_for_a_database_is_no_key() {
    let keys = ApiKeys::default();
    let huge = "sgk_".repeat(1 << 18);
    for text in ["", "sgk_", "' OR '1'='1", "';--", "sgk_\0", "sgk_000000000000_';DROP TABLE keys;--", &huge, "ü"] {
        assert_eq!(keys.find(text, SystemTime::UNIX_EPOCH), Err(KeyFault::Malformed), "{}", text.len());
    }
}

#[test]
fn keys_are_all_different_and_use_all_characters() {
    let keys: Vec<String> = (0..500).map(|_| SecretKey::generate().unwrap().expose().to_owned()).collect();
    let ids: BTreeSet<&str> = keys.iter().map(|key| key.get(4..16).unwrap()).collect();
    let secrets: BTreeSet<&str> = keys.iter().map(|key| key.get(17..49).unwrap()).collect();
    assert_eq!((ids.len(), secrets.len()), (500, 500));
    // 22,000 characters drawn evenly: each of the 62 about 355 times, with a deviation of 19.
    let mut counts = [0_u32; 128];
    for byte in ids.iter().chain(&secrets).flat_map(|text| text.bytes()) {
        counts[usize::from(byte)] += 1;
    }
    for byte in ALPHABET {
        let count = counts[usize::from(*byte)];
        assert!((200..=520).contains(&count), "{}: {count}", char::from(*byte));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chance_is_never_accepted(text in ".{0,80}") {
        prop_assert!(Presented::parse(&text).is_none());
    }

    #[test]
    fn nor_is_chance_in_the_form_of_a_key(text in "sgk_[A-Za-z0-9]{12}_[A-Za-z0-9]{38}") {
        // One in 2^32 has the right checksum by chance, and is then well written.
        let right = text == signed(text.get(..49).unwrap());
        prop_assert_eq!(Presented::parse(&text).is_some(), right);
    }

    #[test]
    fn what_is_well_written_reads_back(id in "[A-Za-z0-9]{12}", secret in "[A-Za-z0-9]{32}") {
        let text = signed(&format!("sgk_{id}_{secret}"));
        let read = Presented::parse(&text);
        prop_assert_eq!(read.map(|read| read.id().to_string()), Some(id));
    }
}
