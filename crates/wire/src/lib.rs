//! Wire protocols: sync functions between bytes and the canonical words of `core`, in both directions.
//!
//! One file (with its folder) a protocol, listed in `table.rs`. This room must not know a socket, a runtime, the
//! configuration or the request path: it gets a head and whole bytes, and gives bytes back.

mod document;
mod extensions;
mod fault;
pub mod generated;
pub mod grpc;
mod grpc_health;
mod grpc_reflection;
mod json;
mod limits;
pub mod oip_grpc;
pub mod oip_rest;
pub mod openai;
mod reply_form;
pub mod request_timeout;
pub mod sse;
mod table;

pub use document::document;
pub use limits::Limits;
pub use reply_form::ReplyForm;
pub use table::{
    Codec, DecodeInfer, EncodeFact, GenerateCodec, IndexEntry, ManageCodec, NameInBody, Open, PROTOCOLS, PassCodec,
    ReadHead, Reflect, StreamCodec, codec, codec_of_head,
};
