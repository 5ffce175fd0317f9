//! Names of the configuration as header values.

use std::borrow::Cow;

use sluicegate_core::Fields;
use sluicegate_core::fields::FieldValue;

const MODEL: &str = "sluicegate-model";
const VERSION: &str = "sluicegate-version";

/// What clients are told of the version of a model that answers them.
pub(crate) fn stamp(model: &str, version: &str) -> Fields {
    let mut stamp = Fields::new();
    stamp.append(MODEL, Named::of(model));
    stamp.append(VERSION, Named::of(version));
    stamp
}

/// A name as a header's value; what a header cannot carry is percent-encoded.
struct Named<'a>(Cow<'a, [u8]>);

impl<'a> Named<'a> {
    fn of(name: &'a str) -> Self {
        let name = name.as_bytes();
        if name.iter().copied().all(is_plain) {
            return Self(Cow::Borrowed(name));
        }
        let mut text = String::with_capacity(3 * name.len());
        for byte in name.iter().copied() {
            if is_plain(byte) {
                text.push(char::from(byte));
            } else {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
        Self(Cow::Owned(text.into_bytes()))
    }
}

impl FieldValue for Named<'_> {
    fn value(&self) -> &[u8] {
        &self.0
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'%'
}

#[cfg(test)]
mod tests {
    use sluicegate_core::fields::FieldValue as _;

    use super::Named;

    #[test]
    fn names_fit_into_headers() {
        assert_eq!(Named::of("credit-risk@4").value(), b"credit-risk@4");
        assert_eq!(Named::of("ris k%\u{e9}\n").value(), b"ris%20k%25%C3%A9%0A");
    }
}
