//! Model servers behind the upstream port, one file a protocol. They must not know each other; what they share stands
//! beside them.

mod learned;
pub mod oip_grpc;
pub mod oip_rest;
mod scrub;
pub mod table;
mod transport;
