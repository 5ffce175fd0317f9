//! What is printed: one object, read by `cargo xtask hold`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::client::Kind;

#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Outcome(BTreeMap<String, Ends>);

/// Of the clients of one kind.
#[derive(Debug, Default, Serialize)]
struct Ends {
    /// That did not come in.
    refused: u64,
    cut: u64,
    /// That were still there when nobody waited any more.
    left: u64,
    /// Milliseconds from the first slow byte to the cut.
    first_ms: Option<u64>,
    last_ms: u64,
}

impl Outcome {
    /// `None`: it never came in; `Some(None)`: it was not cut.
    pub(super) fn ended(&mut self, kind: Kind, cut: Option<Option<u64>>) {
        let ends = self.0.entry(format!("{kind:?}").to_lowercase()).or_default();
        match cut {
            None => ends.refused += 1,
            Some(None) => ends.left += 1,
            Some(Some(after)) => {
                let after = after / 1_000_000;
                ends.cut += 1;
                ends.first_ms = Some(ends.first_ms.map_or(after, |first| first.min(after)));
                ends.last_ms = ends.last_ms.max(after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Outcome};

    #[test]
    fn clients_are_told_by_kind_and_end() {
        let mut outcome = Outcome::default();
        for cut in [Some(Some(2_000_000)), Some(Some(1_000_000)), Some(None), None] {
            outcome.ended(Kind::Head, cut);
        }
        let told = serde_json::to_value(&outcome).unwrap();
        let wanted = serde_json::json!({"refused": 1, "cut": 2, "left": 1, "first_ms": 1, "last_ms": 2});
        assert_eq!(told, serde_json::json!({ "head": wanted }));
    }
}
