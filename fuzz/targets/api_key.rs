//! Keys of callers: a text is refused, or is the one text of its key; no other text of the same key is taken.
//!
//! A corpus file is what stands in a header.

use sluicegate_adapters::identity::api_key::{LENGTH, Presented};

/// Reads one key and checks what must hold of it.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(key) = Presented::parse(text) else { return };
    assert!(text.len() == LENGTH && text.starts_with("sgk_"));
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    assert_eq!(text.get(4..16), Some(key.id().to_string().as_str()));
    // What is secret is not printed.
    let secret = text.get(17..49).unwrap_or_default();
    assert!(!format!("{key:?}").contains(secret));
    // Cut, lengthened, or with another checksum it is none.
    assert!((0..text.len()).all(|end| text.get(..end).is_some_and(|part| Presented::parse(part).is_none())));
    assert!(Presented::parse(&format!("{text}0")).is_none() && Presented::parse(&format!("0{text}")).is_none());
    let (signed, checksum) = text.split_at(LENGTH - 6);
    let turned: String = checksum.chars().rev().collect();
    assert!(turned == checksum || Presented::parse(&format!("{signed}{turned}")).is_none());
}
