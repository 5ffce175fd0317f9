//! What a person who started the gateway reads first: where it listens, and requests that work as they stand.

use std::net::SocketAddr;

use sluicegate_adapters::upstream::openai;
use sluicegate_control::Listening;
use sluicegate_flow::control::{Gateway, ModelStatus};

use crate::{hints, output};

/// Models for which a request is printed.
const MOST_HINTS: usize = 5;

pub(super) async fn print(gateway: &Gateway, open: &[Listening], admin: Option<SocketAddr>) {
    let status = gateway.status();
    let digest: String = status.digest.chars().take(12).collect();
    output::tell(&format!(
        "sluicegate {} serves {} model(s), generation {} ({digest})",
        env!("CARGO_PKG_VERSION"),
        status.models.len(),
        status.generation
    ));
    for listener in open {
        output::tell(&format!("  {:<12} {}", listener.name, base(listener)));
    }
    if let Some(admin) = admin {
        output::tell(&format!("  {:<12} http://{admin}  (/readyz /metrics /status)", "admin"));
    }
    let Some(first) = open.first() else {
        return;
    };
    let base = base(first);
    let mut lines = Vec::new();
    let chats = |model: &ModelStatus| {
        let stable = model.versions.iter().find(|version| version.name == model.stable);
        let backend = stable.and_then(|version| status.backends.iter().find(|it| it.name == version.backend));
        backend.is_some_and(|backend| backend.protocol == openai::KIND.kind)
    };
    for model in status.models.iter().take(MOST_HINTS) {
        if chats(model) {
            lines.push(hints::chat_curl(&base, &model.name));
            continue;
        }
        let metadata = gateway.describe(&model.name).await;
        lines.extend(metadata.and_then(|metadata| hints::curl(&base, &hints::as_json(&metadata))));
    }
    if !lines.is_empty() {
        output::tell("Try:");
        for line in lines {
            output::tell(&format!("  {line}"));
        }
    }
}

/// How a client begins its requests to a listener.
fn base(listener: &Listening) -> String {
    let scheme = if listener.tls { "https" } else { "http" };
    format!("{scheme}://{}", hints::reachable(&listener.address.to_string()))
}
