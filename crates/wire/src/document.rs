//! Small JSON documents as text, the same in every build: their keys are sorted. Left to itself `serde_json` keeps keys in
//! the order of the alphabet, or, where anything that is built with it asks for that, in the order in which they came.

use serde_json::Value;

/// Writes a document, each of its objects with its keys sorted.
#[must_use]
pub fn document(mut value: Value) -> String {
    value.sort_all_objects();
    value.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::document;

    /// Built alone this room sorts anyway; built with all others it would not.
    #[test]
    fn keys_are_sorted_on_every_level_whatever_order_they_came_in() {
        let read: Value = serde_json::from_str(r#"{"b":[{"z":1,"a":{"y":2,"x":3}}],"a":null}"#).unwrap();
        assert_eq!(document(read), r#"{"a":null,"b":[{"a":{"x":3,"y":2},"z":1}]}"#);
        let mut made = json!({ "c": 1, "b": 2, "a": 3, "d": 4 });
        made.as_object_mut().unwrap().remove("b");
        assert_eq!(document(made), r#"{"a":3,"c":1,"d":4}"#);
    }
}
