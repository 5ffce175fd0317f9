//! The kinds this build has: one visible list for configuration, documentation and wiring.

use std::sync::Arc;

use sluicegate_adapters::http::TcpConnector;
use sluicegate_adapters::upstream::{oip_grpc, oip_rest, openai};
use sluicegate_core::{Catalog, Clock, Memory};
use sluicegate_flow::build::Builders;

/// What configuration may name.
pub(crate) const CATALOG: Catalog =
    Catalog { upstreams: &[sluicegate_runtime::KIND, oip_rest::KIND, oip_grpc::KIND, openai::KIND] };

/// What builds it. Answers that have to be read take their room from `memory`.
pub(crate) fn builders(clock: &Arc<dyn Clock>, memory: &Arc<Memory>) -> Builders {
    let rest = oip_rest::Factory::new(Arc::new(TcpConnector), Arc::clone(clock)).holding(memory);
    let grpc = oip_grpc::Factory::new(Arc::new(TcpConnector), Arc::clone(clock)).holding(memory);
    vec![
        (sluicegate_runtime::KIND.kind, Arc::new(sluicegate_runtime::Factory::new(Arc::clone(clock)))),
        (oip_rest::KIND.kind, Arc::new(rest)),
        (oip_grpc::KIND.kind, Arc::new(grpc)),
        (openai::KIND.kind, Arc::new(openai::Factory::new(Arc::new(TcpConnector), Arc::clone(clock)))),
    ]
}
