//! A model server that computes nothing: the answer is there before the question. It speaks the protocols for real, for
//! the gateway asks a server what it can do.

mod grpc;
mod http;
mod route;

use anyhow::Result;
use tokio::net::TcpListener;

use crate::say;

/// Serves until it is ended.
pub(crate) async fn run() -> Result<()> {
    let http = TcpListener::bind("127.0.0.1:0").await?;
    let grpc = TcpListener::bind("127.0.0.1:0").await?;
    say(format_args!("http {}", http.local_addr()?))?;
    say(format_args!("grpc {}", grpc.local_addr()?))?;
    loop {
        let (accepted, is_http) = tokio::select! {
            accepted = http.accept() => (accepted, true),
            accepted = grpc.accept() => (accepted, false),
        };
        let (stream, _) = accepted?;
        stream.set_nodelay(true)?;
        // A client that leaves in the middle is no news: those that stay count what they get.
        if is_http {
            drop(tokio::spawn(async { http::serve(stream).await.unwrap_or_default() }));
        } else {
            drop(tokio::spawn(async { grpc::serve(stream).await.unwrap_or_default() }));
        }
    }
}
