//! The gateway and its network: the rooms wired as the binary wires them, over pipes in memory.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sluicegate_adapters::http::{Connector, Io};
use sluicegate_adapters::meter::prometheus::Meter;
use sluicegate_adapters::sink::access_log::AccessLog;
use sluicegate_adapters::sink::tee::Tee;
use sluicegate_adapters::upstream::{oip_grpc, oip_rest, openai};
use sluicegate_config::Sources;
use sluicegate_core::{BoxFuture, Catalog, Clock, Inbound, Kind, Outbound, RecordSink, Source};
use sluicegate_flow::build::Builders;
use sluicegate_flow::control::Gateway;
use sluicegate_server::{CancellationToken, Handler, Limits, Listener, ListenerPlan, serve_listener};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::seams::{SystemClock, ThreadDice};
use crate::workloads::CONFIGURATION;

/// Bytes a pipe holds: more than any message here, so that none waits for room.
const PIPE: usize = 256 * 1024;

const CATALOG: Catalog = Catalog { upstreams: &[oip_rest::KIND, oip_grpc::KIND, openai::KIND] };

/// Makes pipes to whoever accepts them.
#[derive(Clone)]
pub(crate) struct Network(Sender<DuplexStream>);

/// The one to the gateway.
pub(crate) type Door = Network;

/// The handler, as the binary has it.
#[derive(Clone)]
struct Path(Arc<Gateway>);

impl Handler for Path {
    fn serve(&self, inbound: Inbound) -> impl Future<Output = Outbound> + Send {
        sluicegate_flow::serve(&self.0, inbound)
    }

    fn refused(&self, listener: &Arc<str>, kind: Kind) {
        self.0.turned_away(listener, kind);
    }
}

struct Accepting(Receiver<DuplexStream>);

impl Network {
    pub(crate) fn new() -> (Self, Receiver<DuplexStream>) {
        let (sender, receiver) = channel(8);
        (Self(sender), receiver)
    }

    pub(crate) fn connect(&self) -> io::Result<DuplexStream> {
        let (ours, theirs) = duplex(PIPE);
        self.0.try_send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(ours)
    }
}

impl Connector for Network {
    fn connect<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async { Ok(Box::new(Self::connect(self)?) as Box<dyn Io>) })
    }
}

impl Listener for Accepting {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        let io = self.0.recv().await.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((io, SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000))))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
    }
}

/// A gateway with metrics and access log, whose backends are all at the other end of `backends`.
pub(crate) fn gateway(backends: Network) -> Door {
    let root = Source { path: Arc::from("gateway.yaml"), text: Arc::from(CONFIGURATION) };
    let sources = Sources { root, includes: Vec::new() };
    let resolved = sluicegate_config::load(&sources, &CATALOG, &mut |_: &str| Ok(String::new())).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let backends: Arc<dyn Connector> = Arc::new(backends);
    let pair = || (Arc::clone(&backends), Arc::clone(&clock));
    let builders: Builders = vec![
        (oip_rest::KIND.kind, Arc::new(of(oip_rest::Factory::new, pair()))),
        (oip_grpc::KIND.kind, Arc::new(of(oip_grpc::Factory::new, pair()))),
        (openai::KIND.kind, Arc::new(of(openai::Factory::new, pair()))),
    ];
    let log = AccessLog::start(Box::new(io::sink())).unwrap();
    let sinks: [Arc<dyn RecordSink>; 2] = [Arc::new(Meter::new(clock.wall())), Arc::new(log)];
    let gateway = Arc::new(Gateway::new(clock, Arc::new(ThreadDice), Arc::new(Tee::new(sinks))));
    let built = gateway.build(&resolved, &builders).unwrap();
    gateway.install(built);
    let (door, accepted) = Network::new();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let plan =
        ListenerPlan { name: Arc::from("l"), address, proxies: Arc::default(), limits: Limits::default(), tls: None };
    tokio::spawn(serve_listener(Accepting(accepted), plan, Path(gateway), CancellationToken::new()));
    door
}

/// Calls a factory's constructor.
fn of<T>(
    make: fn(Arc<dyn Connector>, Arc<dyn Clock>) -> T,
    (connector, clock): (Arc<dyn Connector>, Arc<dyn Clock>),
) -> T {
    make(connector, clock)
}
