//! Triton's generate extension: a request is one JSON object of values by the names of the model's inputs, an answer one
//! of values by the names of its outputs, or any number of those as server-sent events. Neither says a shape or a
//! datatype; the model's description does.
//!
//! As a server in `server`, as a client of model servers in `client`. What holds is told in `docs/streaming.md`.

pub(super) mod client;
mod server;
mod values;

use crate::{GenerateCodec, StreamCodec};

/// The extension as the gateway speaks it to its clients.
pub(super) const CODEC: GenerateCodec = GenerateCodec {
    decode: server::decode,
    encode: server::encode,
    stream: StreamCodec { head: server::head, item: server::item, refusal: server::refusal, end: server::end },
};

/// The member that holds more values, on equal terms with those beside it.
const NESTED: &str = "parameters";

/// The shape that `count` values have where the description says `described`: what fixed dimensions leave over goes into
/// the innermost variable one, other variable ones are 1. `None`: they have none.
fn fit(described: &[i64], count: u64) -> Option<Vec<u64>> {
    let mut left = count;
    for dimension in described.iter().rev().filter(|dimension| **dimension >= 0) {
        let dimension = u64::try_from(*dimension).ok()?;
        if !left.is_multiple_of(dimension) {
            return None;
        }
        // Of a dimension 0 only nothing is a multiple.
        left = left.checked_div(dimension).unwrap_or(1);
    }
    let mut shape = Vec::with_capacity(described.len());
    for dimension in described.iter().rev() {
        shape.push(u64::try_from(*dimension).unwrap_or_else(|_| std::mem::replace(&mut left, 1)));
    }
    shape.reverse();
    (left == 1).then_some(shape)
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn what_fixed_dimensions_leave_over_goes_into_the_innermost_variable_one() {
        for (described, count, shape) in [
            (&[1][..], 1, Some(vec![1])),
            (&[-1], 5, Some(vec![5])),
            (&[-1], 0, Some(vec![0])),
            (&[-1, 4], 8, Some(vec![2, 4])),
            (&[-1, 4], 0, Some(vec![0, 4])),
            (&[4, -1], 8, Some(vec![4, 2])),
            (&[-1, -1], 6, Some(vec![1, 6])),
            (&[-1, 2, -1], 6, Some(vec![1, 2, 3])),
            (&[], 1, Some(vec![])),
            (&[0], 0, Some(vec![0])),
            (&[], 2, None),
            (&[1], 2, None),
            (&[1], 0, None),
            (&[-1, 4], 7, None),
            (&[0], 1, None),
            (&[2, 3], 6, Some(vec![2, 3])),
            (&[2, 3], 12, None),
        ] {
            assert_eq!(fit(described, count), shape, "{described:?} {count}");
        }
    }
}
