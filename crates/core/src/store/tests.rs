use std::time::{Duration, SystemTime};

use super::{Digest, Grant, KeyRow, KeyState, Rotated};

fn row() -> KeyRow {
    let grant = Grant {
        name: "a".to_owned(),
        tenant: "t".to_owned(),
        groups: Vec::new(),
        scopes: Vec::new(),
        models: None,
        purposes: Vec::new(),
    };
    KeyRow {
        id: "id".to_owned(),
        grant,
        digest: Digest([7; 32]),
        created: at(0),
        expires: None,
        revoked: None,
        rotated: None,
        author: "me".to_owned(),
    }
}

fn at(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

#[test]
fn a_key_ends_in_the_millisecond_that_was_said() {
    let key = KeyRow { expires: Some(at(1000)), ..row() };
    assert_eq!((key.state(at(999)), key.state(at(1000))), (KeyState::Live, KeyState::Expired));
    let rotated = Some(Rotated { to: "b".to_owned(), until: at(500) });
    let key = KeyRow { rotated, ..key };
    assert_eq!((key.state(at(499)), key.state(at(500))), (KeyState::Overlapping, KeyState::Replaced));
    assert_eq!(key.ends(), Some(at(500)));
    let key = KeyRow { revoked: Some(at(5000)), ..key };
    assert_eq!(key.state(at(0)), KeyState::Revoked, "whatever the clock says");
    assert_eq!((row().state(at(u64::from(u32::MAX))), row().ends()), (KeyState::Live, None));
}

#[test]
fn k_13_a_digest_is_not_printed() {
    let printed = format!("{:?}", row());
    assert!(printed.contains("redacted") && !printed.contains("7, 7"), "{printed}");
}
