//! The admin plane over HTTP, for people, probes and scrapers on this machine.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use sluicegate_flow::control::{Gateway, ModelStatus, Status};
use tokio::net::TcpListener;

use crate::guard::only_local_names;

/// What the admin plane shows.
pub struct Admin {
    /// The running gateway.
    pub gateway: Arc<Gateway>,
    /// The gateway's version.
    pub version: &'static str,
    /// All metrics as text and that text's content type, or why there are none.
    pub metrics: Box<dyn Fn() -> Result<(String, &'static str), String> + Send + Sync>,
    /// The open listeners.
    pub listeners: Box<dyn Fn() -> Vec<Listening> + Send + Sync>,
    /// Why the last attempt to replace this process by a new one failed, if there was one.
    pub not_replaced: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

/// An open listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listening {
    /// Its name.
    pub name: String,
    /// Its address, with the real port.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// When the first of the certificates that it shows ends, in seconds since 1970.
    #[serde(default)]
    pub certificate_expires: Option<u64>,
}

/// The answer of `/status`.
#[derive(Clone, Debug, Serialize)]
pub struct StatusView {
    /// The gateway's version.
    pub version: &'static str,
    /// The open listeners.
    pub listeners: Vec<Listening>,
    /// Why the last attempt to replace this process by a new one failed, if there was one.
    pub not_replaced: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub status: Status,
}

/// Serves the admin plane on `listener` until `stop` resolves.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: TcpListener,
    admin: Arc<Admin>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(|| async { "live\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/models", get(models))
        .layer(middleware::from_fn(only_local_names))
        .with_state(admin);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    if admin.gateway.ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    match (admin.metrics)() {
        Ok((text, content_type)) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
        Err(cause) => (StatusCode::INTERNAL_SERVER_ERROR, cause).into_response(),
    }
}

async fn status(State(admin): State<Arc<Admin>>) -> Json<StatusView> {
    let (listeners, not_replaced) = ((admin.listeners)(), (admin.not_replaced)());
    Json(StatusView { version: admin.version, listeners, not_replaced, status: admin.gateway.status() })
}

async fn models(State(admin): State<Arc<Admin>>) -> Json<Vec<ModelStatus>> {
    Json(admin.gateway.status().models)
}
