//! Model servers behind the upstream port, one file a protocol. They must not know each other.

pub mod oip_rest;
pub mod table;
