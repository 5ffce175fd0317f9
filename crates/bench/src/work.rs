//! The workloads: what clients send, and what they must get. Both ends take it from here.

mod answers;
mod numbered;
mod requests;

use std::sync::LazyLock;

use bytes::Bytes;
use clap::ValueEnum;

pub(crate) use self::answers::{
    CHAT, CHUNKS, GRPC, JSON, PACED_EVERY, SMALL, STEADY_EVERY, TENSOR, answer, events, paced_chunk, usage_chunk,
};
pub(crate) use self::numbered::Numbered;
pub(crate) use self::requests::{chunks, numbered_chat, steady};

/// What stands before a paced chunk's time of sending.
pub(crate) const STAMP: &[u8] = br#""content":"@"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// A small OIP request in JSON
    Json,
    /// 600 KB of binary tensor in, 4 KB out
    Binary,
    /// A small OIP request over gRPC
    Grpc,
    /// The request of `json` to a model whose server speaks gRPC
    RestGrpc,
    /// A chat that is answered whole
    Chat,
    /// A chat that is answered in 200 chunks, as fast as they can be written
    Sse,
    /// The same with a chunk every 5 ms
    Paced,
}

/// What an answer must hold.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// These bytes and no others.
    Exactly(Bytes),
    /// Among others these.
    Among(Bytes),
    /// So many chunks, each with the time it was sent.
    Stamped(u64),
    /// Whatever it is, so long as it is no refusal.
    Anything,
}

impl Workload {
    /// Connections, where nothing else is asked for.
    pub(crate) const fn connections(self) -> usize {
        match self {
            Self::Json | Self::RestGrpc | Self::Chat | Self::Sse => 16,
            Self::Binary => 8,
            Self::Grpc => 4,
            Self::Paced => 150,
        }
    }

    /// The whole request; of gRPC the message alone.
    pub(crate) fn request(self) -> Bytes {
        match self {
            Self::Json => requests::small("small"),
            Self::RestGrpc => requests::small("translated"),
            Self::Binary => requests::tensor(),
            Self::Grpc => requests::grpc(),
            Self::Chat => requests::chat("chat", false),
            Self::Sse => requests::chat("chat", true),
            Self::Paced => requests::chat("paced", true),
        }
    }

    /// What its answer must be.
    pub(crate) fn expected(self) -> Expected {
        match self {
            Self::Json => Expected::Exactly(body(&SMALL)),
            // The gateway writes it: the numbers count, not the order of the members.
            Self::RestGrpc => Expected::Among(Bytes::from_static(br#""data":[0.125,0.25,0.625]"#)),
            Self::Binary => Expected::Exactly(body(&TENSOR)),
            // Proxies may write the message again.
            Self::Grpc => Expected::Among(answers::raw_small()),
            Self::Chat => Expected::Exactly(body(&CHAT)),
            Self::Sse => {
                let all: Vec<u8> = events().iter().flat_map(|event| event.data.iter().copied()).collect();
                Expected::Exactly(all.into())
            }
            Self::Paced => Expected::Stamped(CHUNKS),
        }
    }
}

/// The body of a whole answer.
fn body(answer: &LazyLock<Bytes>) -> Bytes {
    let start = memchr::memmem::find(answer, b"\r\n\r\n").map_or(0, |end| end + 4);
    answer.slice(start..)
}

#[cfg(test)]
mod tests;
