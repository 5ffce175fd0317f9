//! The front door: sockets, TLS, HTTP/1.1 and HTTP/2 on one port, limits on head, body and time, draining.
//!
//! Bytes in, [`Inbound`](sluicegate_core::Inbound) out to a [`Handler`]; its [`Outbound`](sluicegate_core::Outbound) in,
//! bytes out. It must not know protocols above HTTP, model servers, configuration or the admin plane. How a client's
//! leaving reaches the work done for it: the handler's future and the answer's body are dropped, nothing else.

mod accept;
mod alarm;
mod bind;
mod connection;
mod date;
mod descriptors;
mod handler;
mod handover;
mod head;
mod http1;
mod http2;
mod in_flight;
mod joined;
mod leave;
mod limits;
mod listener;
mod opened;
mod path;
mod patience;
mod plan;
mod proxied;
mod proxies;
mod received;
mod seats;
mod server;
mod spawn;
mod tls;

pub use accept::serve_listener;
pub use bind::BindError;
pub use descriptors::raise_limit;
pub use handler::Handler;
pub use handover::{Handed, Predecessor, Successor};
pub use limits::{Exposure, Limits};
pub use listener::Listener;
pub use plan::ListenerPlan;
pub use proxied::{Announced, Malformed, announced};
pub use proxies::Proxies;
pub use server::{Drained, Prepared, Server};
pub use spawn::Workers;
pub use tls::{Tls, TlsError, Validity};
/// Cancelled to stop a listener gracefully; see [`serve_listener`].
pub use tokio_util::sync::CancellationToken;
