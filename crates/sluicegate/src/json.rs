//! Reads parts of JSON answers; what is not there reads as null.

use serde_json::Value;

static NULL: Value = Value::Null;

/// The part at a JSON pointer (RFC 6901), or null.
pub(crate) fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&NULL)
}
