//! Messages with tensors, written in pieces: the fields together, each large tensor as the bytes it already is.

use bytes::Bytes;
use sluicegate_core::{Parameters, RequestedOutput, Tensor};

use super::client::{EncodeError, Peer};
use super::parameters;
use crate::grpc::frame;
use crate::grpc::protobuf::{put_head, put_message, put_text, put_varint};

/// A tensor of so many bytes is copied between the fields: a piece of its own would cost more.
pub(super) const SMALL: usize = 4096;

/// A request or an answer: both have the same fields up to the tensors.
pub(super) struct Message<'a> {
    pub(super) model_name: &'a str,
    pub(super) model_version: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) parameters: &'a Parameters,
    pub(super) tensors: &'a [Tensor],
    /// Field 6 of a request.
    pub(super) outputs: &'a [RequestedOutput],
    /// The field of raw contents.
    pub(super) raw: u32,
}

/// A message in pieces.
pub(super) struct Pieces {
    pieces: Vec<Bytes>,
    length: u64,
}

impl Message<'_> {
    /// The message, by what the peer can read.
    pub(super) fn pieces(&self, peer: &Peer) -> Result<Pieces, EncodeError> {
        let mut head = Vec::with_capacity(256);
        put_text(1, self.model_name, &mut head);
        put_text(2, self.model_version.unwrap_or_default(), &mut head);
        put_text(3, self.id.unwrap_or_default(), &mut head);
        parameters::write(4, self.parameters, peer, &mut head)?;
        for tensor in self.tensors {
            put_message(5, &mut head, |out| describe(tensor, peer, out))?;
        }
        for output in self.outputs {
            put_message(6, &mut head, |out| {
                put_name(&output.name, out);
                parameters::write(2, &output.parameters, peer, out)
            })?;
        }
        let mut pieces = Pieces { pieces: Vec::with_capacity(self.tensors.len() * 2 + 2), length: 0 };
        for tensor in self.tensors {
            let data = tensor.data();
            put_head(self.raw, data.len(), &mut head);
            if data.len() <= SMALL {
                head.extend_from_slice(data);
            } else {
                pieces.push(std::mem::take(&mut head).into());
                pieces.push(data.clone());
            }
        }
        pieces.push(head.into());
        Ok(pieces)
    }
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        self.length = self.length.saturating_add(piece.len() as u64);
        if !piece.is_empty() {
            self.pieces.push(piece);
        }
    }

    /// The same as field `number` of another message.
    pub(super) fn inside(self, number: u32) -> Self {
        let mut head = Vec::new();
        put_varint(u64::from(number) << 3 | 2, &mut head);
        put_varint(self.length, &mut head);
        let mut outer = Self { pieces: Vec::with_capacity(self.pieces.len() + 1), length: 0 };
        outer.push(head.into());
        self.pieces.into_iter().for_each(|piece| outer.push(piece));
        outer
    }
}

/// Puts the frame's five bytes in front, in one piece with what follows: each piece is a frame of HTTP/2 of its own.
pub(super) fn framed(message: Pieces) -> Result<Vec<Bytes>, EncodeError> {
    let prefix = frame::prefix(message.length).map_err(|_| EncodeError::TooLarge)?;
    let mut pieces = message.pieces.into_iter();
    let first = pieces.next().unwrap_or_default();
    let mut head = Vec::with_capacity(prefix.len() + first.len());
    head.extend_from_slice(&prefix);
    head.extend_from_slice(&first);
    Ok(std::iter::once(head.into()).chain(pieces).collect())
}

/// A tensor's description: field 5 of a request or an answer.
fn describe(tensor: &Tensor, peer: &Peer, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    put_name(&tensor.name, out);
    put_text(2, tensor.datatype().as_str(), out);
    let mut shape = Vec::with_capacity(tensor.shape().len() * 2);
    for dimension in tensor.shape() {
        if i64::try_from(*dimension).is_err() {
            return Err(EncodeError::Dimension { tensor: tensor.name.clone() });
        }
        put_varint(*dimension, &mut shape);
    }
    if !shape.is_empty() {
        put_head(3, shape.len(), out);
        out.extend_from_slice(&shape);
    }
    parameters::write(4, &tensor.parameters, peer, out)
}

/// Unlike other text, an empty name is written: its reader knows it from none.
fn put_name(name: &str, out: &mut Vec<u8>) {
    put_head(1, name.len(), out);
    out.extend_from_slice(name.as_bytes());
}
