//! Clients, over REST and gRPC: they send requests, each with a number of its own, and note what they see of each. Some
//! give less time than the model has, some leave early, some change connections.

mod rest;
mod rpc;

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use turmoil::net::TcpStream;

use super::chance::Chance;
use super::journal::{Journal, Number, Outcome, What};
use super::plan::GATEWAY;
use super::weather::Weather;

/// Requests that each client sends when all is well again, each over a connection of its own.
const FRESH: u32 = 4;

/// Beyond its time and the time on the way a request may take so much longer.
const SLACK: Duration = Duration::from_millis(100);

pub(super) struct Client {
    pub(super) host: usize,
    pub(super) senders: u64,
    /// Until then it sends requests; from then on all is well.
    pub(super) trouble: Duration,
    pub(super) well: Duration,
    /// The model's time, and the longest that a message is on its way to the gateway.
    pub(super) timeout: Duration,
    pub(super) near: Duration,
    pub(super) numbers: Rc<Cell<Number>>,
    pub(super) weather: Weather,
    pub(super) journal: Journal,
    pub(super) seed: u64,
}

/// A connection, and what the network had been through when it was made.
struct Connection {
    speaks: Speaks,
    made: usize,
}

enum Speaks {
    Rest(rest::Connection),
    Rpc(rpc::Connection),
}

/// How a request is sent.
#[derive(Clone, Copy, Default)]
struct Manner {
    /// The time that the client gives, where that is not the model's.
    own: Option<Duration>,
    /// So long it waits in the middle of the body.
    pause: Duration,
    /// Then it leaves.
    leaves: Option<Duration>,
}

impl Client {
    /// Sends requests while there is trouble, waits until it is over, and sends some more.
    pub(super) async fn run(self: Rc<Self>) -> turmoil::Result {
        let senders: Vec<_> = (0..self.senders)
            .map(|sender| {
                let chance = Chance::of(self.seed, &format!("client {} sender {sender}", self.host));
                tokio::task::spawn_local(Rc::clone(&self).send_many(chance))
            })
            .collect();
        for sender in senders {
            sender.await?;
        }
        sleep(self.well.saturating_sub(turmoil::sim_elapsed().unwrap_or_default())).await;
        for fresh in 0..FRESH {
            let request = self.next();
            self.journal.note(What::Fresh { request });
            match self.connect(fresh % 2 == 0).await {
                Some(mut connection) => self.send(&mut connection, request, Manner::default()).await,
                None => self.journal.note(What::Saw { request, outcome: Outcome::Broken }),
            }
        }
        Ok(())
    }

    async fn send_many(self: Rc<Self>, chance: Chance) {
        let rest = chance.one_in(2);
        let mut kept = None;
        while turmoil::sim_elapsed().unwrap_or_default() < self.trouble {
            let connection = match kept.take().filter(|_| !chance.one_in(10)) {
                Some(connection) => Some(connection),
                None => self.connect(rest).await,
            };
            let Some(connection) = connection else {
                sleep(chance.millis(50, 500)).await;
                continue;
            };
            let mut connections = connection.for_requests(chance.between(1, 3));
            join_all(connections.iter_mut().map(|connection| {
                let manner = Manner::by(&chance);
                self.send(connection, self.next(), manner)
            }))
            .await;
            kept = connections.pop().filter(Connection::is_well);
            sleep(*chance.pick(&[Duration::ZERO, chance.millis(0, 20), chance.millis(0, 300)])).await;
        }
    }

    /// One request, with what comes of it.
    async fn send(&self, connection: &mut Connection, request: Number, manner: Manner) {
        let within = manner.own.unwrap_or(self.timeout).min(self.timeout) + manner.pause + 2 * self.near + SLACK;
        self.journal.note(What::Sent { request, within });
        let made = connection.made;
        let patience = manner.leaves.unwrap_or(within).min(within);
        let outcome = match timeout(patience, connection.exchange(request, manner)).await {
            Ok(Ok(answered)) => answered,
            Err(_) if patience < within => Outcome::Left,
            _ if self.weather.changed(self.host, made) => Outcome::Lost,
            Ok(Err(_)) => Outcome::Broken,
            Err(_) => Outcome::Nothing,
        };
        self.journal.note(What::Saw { request, outcome });
    }

    /// A connection; there is none only where the network is to blame.
    async fn connect(&self, rest: bool) -> Option<Connection> {
        let made = self.weather.now(self.host);
        let connecting = async {
            let stream = TcpStream::connect((GATEWAY, 80)).await?;
            Ok::<_, io::Error>(match rest {
                true => Speaks::Rest(rest::Connection::over(stream)),
                false => Speaks::Rpc(rpc::Connection::over(stream).await?),
            })
        };
        match timeout(Duration::from_secs(1), connecting).await {
            Ok(Ok(speaks)) => Some(Connection { speaks, made }),
            _ => {
                if !self.weather.changed(self.host, made) {
                    self.journal.note(What::NotTaken);
                }
                None
            }
        }
    }

    fn next(&self) -> Number {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }
}

impl Connection {
    /// The same for `count` requests at once, where it can carry more than one.
    fn for_requests(self, count: u64) -> Vec<Self> {
        let mut connections = Vec::new();
        if let Speaks::Rpc(rpc) = &self.speaks {
            let twin = || Self { speaks: Speaks::Rpc(rpc.clone()), made: self.made };
            connections.extend((1..count).map(|_| twin()));
        }
        connections.push(self);
        connections
    }

    async fn exchange(&mut self, request: Number, manner: Manner) -> io::Result<Outcome> {
        match &mut self.speaks {
            Speaks::Rest(rest) => rest.exchange(request, manner).await,
            Speaks::Rpc(rpc) => rpc.exchange(request, manner).await,
        }
    }

    /// Whether it can carry another request.
    fn is_well(&self) -> bool {
        match &self.speaks {
            Speaks::Rest(rest) => rest.is_free(),
            Speaks::Rpc(rpc) => rpc.is_well(),
        }
    }
}

impl Manner {
    fn by(chance: &Chance) -> Self {
        Self {
            own: chance.one_in(3).then(|| chance.millis(20, 1500)),
            pause: if chance.one_in(8) { chance.millis(1, 200) } else { Duration::ZERO },
            leaves: chance.one_in(8).then(|| chance.millis(0, 500)),
        }
    }
}
