//! The table of backends that are reached over a network. A new kind is one more file and one more line here.

use sluicegate_core::UpstreamKind;

use super::{oip_grpc, oip_rest, openai};

/// Every kind of backend of this room, for the catalogue.
pub const KINDS: &[UpstreamKind] = &[oip_rest::KIND, oip_grpc::KIND, openai::KIND];
