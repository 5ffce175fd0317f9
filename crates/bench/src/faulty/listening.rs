//! How a server is reached, or not: its port is its own all the time, whether anybody listens on it or not.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::behaviour::Behaviour;
use super::connection;
use super::server::Server;

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;
/// Before the next attempt to take a connection, where there are no descriptors left.
const BREATH: Duration = Duration::from_millis(10);
/// How long a listener may take to be full.
const FILLING: Duration = Duration::from_millis(100);

/// A listener whose queue is full: Linux drops the SYN of whoever comes then.
pub(crate) struct Full {
    address: SocketAddr,
    _listener: TcpListener,
    _first: Option<TcpStream>,
}

/// A server on a port of its own.
pub(super) fn start(slots: usize, service: Duration) -> io::Result<Arc<Server>> {
    // Bound and never listening: while nobody listens, the port is refused and yet nobody else's, not even as the own
    // port of a client.
    let anchor = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let server = Arc::new(Server::new(anchor.local_addr()?, slots, service));
    let listener = bound(server.address())?.listen(BACKLOG)?;
    drop(tokio::spawn(listen(Arc::clone(&server), listener, anchor)));
    Ok(server)
}

/// Listens as the behaviour allows it.
async fn listen(server: Arc<Server>, mut listener: TcpListener, _anchor: TcpSocket) {
    loop {
        tokio::select! {
            () = accept(&listener, &server) => {}
            () = server.until(is_unreachable) => {}
        }
        // Who waited in its queue is reset.
        drop(listener);
        while is_unreachable(server.behaviour()) {
            if server.behaviour() == Behaviour::Blackhole {
                let _full = Full::at(server.address()).await;
                server.until(|behaviour| behaviour != Behaviour::Blackhole).await;
            } else {
                server.until(|behaviour| behaviour != Behaviour::Refuse).await;
            }
        }
        listener = listening(server.address(), BACKLOG).await;
    }
}

/// A listener, however often it takes: for a moment the sockets of before may be in the way.
async fn listening(address: SocketAddr, backlog: u32) -> TcpListener {
    loop {
        match bound(address).and_then(|socket| socket.listen(backlog)) {
            Ok(listener) => return listener,
            Err(_) => sleep(BREATH).await,
        }
    }
}

async fn accept(listener: &TcpListener, server: &Arc<Server>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(BREATH).await;
            continue;
        };
        let server = Arc::clone(server);
        drop(tokio::spawn(async move {
            server.connected();
            // A client that leaves in the middle is counted, and no news beside that.
            let _ = connection::serve(stream, &server).await;
        }));
    }
}

fn is_unreachable(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::Refuse | Behaviour::Blackhole)
}

/// A socket at this address, beside others of ours.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Full {
    /// At an address of its own.
    pub(crate) async fn somewhere() -> io::Result<Self> {
        let anchor = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self::at(anchor.local_addr()?).await)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    async fn at(address: SocketAddr) -> Self {
        // A queue of none still holds one.
        let listener = listening(address, 0).await;
        // Somebody else may have been faster, and fills it as well.
        let first = timeout(FILLING, TcpStream::connect(address)).await.ok().and_then(Result::ok);
        Self { address, _listener: listener, _first: first }
    }
}
