//! Reads JSON answers and parts of them; what is not there reads as null. Keys are sorted, whatever order they came in and
//! whatever is built with `serde_json`: what is printed looks the same in every build.

use serde_json::Value;

static NULL: Value = Value::Null;

/// Reads an answer.
pub(crate) fn read(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(text).map(sorted)
}

/// A value as it is printed and sent.
pub(crate) fn sorted(mut value: Value) -> Value {
    value.sort_all_objects();
    value
}

/// The part at a JSON pointer (RFC 6901), or null.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&NULL)
}
