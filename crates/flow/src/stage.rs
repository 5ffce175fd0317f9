//! The stages of the request path, one file each, in the order of `serve.rs`.

pub(crate) mod admit;
pub(crate) mod call;
pub(crate) mod encode;
pub(crate) mod facts;
mod forward;
pub(crate) mod generate;
pub(crate) mod identity;
pub(crate) mod inquire;
pub(crate) mod manage;
pub(crate) mod name;
pub(crate) mod permit;
pub(crate) mod read;
pub(crate) mod reflect;
mod refused;
pub(crate) mod stream;
pub(crate) mod traffic;
mod tries;
pub(crate) mod values;

pub(crate) use refused::no_room;
