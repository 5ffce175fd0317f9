//! Model servers behind the upstream port, one file a protocol. They must not know each other; what they share is in
//! `remote`.

pub mod oip_grpc;
pub mod oip_rest;
pub mod openai;
pub mod table;
