//! Counts what a model file holds before it is decoded. Decoding makes some hundred bytes of memory of two bytes of
//! file, and recurses; so numbers and depth are bounded first, by a walk that does neither.

/// Nodes of all graphs together. tract's analysis recurses along the graph, on a stack made for this many.
pub(crate) const MAX_NODES: u64 = 20_000;
/// Graphs inside one another (`If`, `Scan`).
pub(crate) const MAX_NESTING: u32 = 8;
/// Messages of any kind.
const MAX_MESSAGES: u64 = 500_000;
/// Strings in lists: a forest has one for each of its nodes.
const MAX_STRINGS: u64 = 16_000_000;
/// Bytes of packed integers, which decode to eight times as many.
const MAX_INTEGERS: u64 = 512 << 20;

/// The messages that are looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Sparse,
    /// Counted, and not looked into.
    Small,
}

/// What a field holds.
enum Content {
    Message(Kind),
    String,
    Integers,
    Other,
}

#[derive(Default)]
struct Counts {
    messages: u64,
    nodes: u64,
    strings: u64,
    integers: u64,
}

/// Walks a model file.
///
/// # Errors
/// It is not a protocol buffer, or holds more than the bounds.
pub(crate) fn survey(bytes: &[u8]) -> Result<(), String> {
    let mut counts = Counts::default();
    let mut open: Vec<(&[u8], Kind, u32)> = vec![(bytes, Kind::Model, 0)];
    while let Some((mut rest, kind, depth)) = open.pop() {
        while !rest.is_empty() {
            let (number, payload) =
                field(&mut rest).ok_or("the file is not an ONNX model: it is cut off or damaged")?;
            let Some(payload) = payload else { continue };
            match kind.content(number) {
                Content::Message(inner) => {
                    let depth = depth + u32::from(inner == Kind::Graph);
                    if depth > MAX_NESTING {
                        return Err(format!("graphs stand inside one another more than {MAX_NESTING} deep"));
                    }
                    counts.messages += 1;
                    counts.nodes += u64::from(inner == Kind::Node);
                    if inner != Kind::Small {
                        open.push((payload, inner, depth));
                    }
                }
                Content::String => counts.strings += 1,
                Content::Integers => counts.integers += payload.len() as u64,
                Content::Other => (),
            }
            counts.check()?;
        }
    }
    Ok(())
}

impl Counts {
    fn check(&self) -> Result<(), String> {
        let over = [
            (self.nodes, MAX_NODES, "nodes"),
            (self.messages, MAX_MESSAGES, "parts"),
            (self.strings, MAX_STRINGS, "strings"),
            (self.integers, MAX_INTEGERS, "bytes of integers"),
        ];
        match over.into_iter().find(|(count, limit, _)| count > limit) {
            Some((_, limit, what)) => Err(format!("the file holds more than {limit} {what}")),
            None => Ok(()),
        }
    }
}

impl Kind {
    // Field numbers of onnx.proto3.
    fn content(self, field: u64) -> Content {
        use Content::{Integers, Message, String};
        match (self, field) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Message(Self::Graph),
            (Self::Model, 8 | 14 | 20 | 25) | (Self::Graph, 14) | (Self::Tensor, 3 | 13) => Message(Self::Small),
            (Self::Graph, 1) => Message(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::Sparse, 1 | 2) => Message(Self::Tensor),
            (Self::Graph, 11..=13) => Message(Self::ValueInfo),
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Message(Self::Sparse),
            (Self::Node, 5) => Message(Self::Attribute),
            (Self::Attribute, 15) | (Self::ValueInfo, 2) => Message(Self::Type),
            (Self::Type, 1) => Message(Self::TensorType),
            (Self::TensorType, 2) => Message(Self::Shape),
            (Self::Shape, 1) => Message(Self::Small),
            (Self::Node, 1 | 2) | (Self::Attribute, 9) | (Self::Tensor, 6) => String,
            (Self::Attribute, 8) | (Self::Tensor, 1 | 5 | 7 | 11) | (Self::Sparse, 3) => Integers,
            _ => Content::Other,
        }
    }
}

/// Takes one field off: its number, and its bytes where it has any. `None`: what is there is no field.
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let tag = varint(rest)?;
    let (number, wire) = (tag >> 3, tag & 7);
    let payload = match wire {
        0 => {
            varint(rest)?;
            None
        }
        1 => {
            take(rest, 8)?;
            None
        }
        2 => {
            let length = varint(rest)?;
            Some(take(rest, usize::try_from(length).ok()?)?)
        }
        5 => {
            take(rest, 4)?;
            None
        }
        // Groups have not been written for twenty years.
        _ => return None,
    };
    (number > 0).then_some((number, payload))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..10 {
        let (byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7f).checked_shl(7 * place)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
