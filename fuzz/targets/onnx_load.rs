//! Model files: any bytes are refused in words or load. What must never happen is a panic that leaves the runtime, an
//! abort, an endless load, or memory without bound.

/// Loads `data` as the gateway would.
///
/// # Panics
/// A refusal has no words.
pub fn run(data: &[u8]) {
    if let Err(reason) = sluicegate_runtime::probe(data) {
        assert!(!reason.is_empty(), "refused without a word");
    }
}
