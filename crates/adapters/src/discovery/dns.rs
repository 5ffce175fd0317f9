//! DNS servers: one question each over UDP, over TCP where the answer is too long, with the time that the answer is good. Must
//! not know what is asked for.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use domain::base::iana::Rcode;
use domain::base::message_builder::MessageBuilder;
use domain::base::{Message, Name, Rtype, Ttl};
use domain::net::client::protocol::{TcpConnect, UdpConnect};
use domain::net::client::request::{RequestMessage, SendRequest as _};
use domain::net::client::{dgram, dgram_stream, multi_stream};
use domain::rdata::{A, Aaaa};
use domain::resolv::stub::conf::ResolvConf;
use parking_lot::Mutex;

/// How long an answer is waited for, each time it is asked for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often one server is asked again.
const AGAIN: u8 = 1;

/// Where the system's servers and search domains are written.
const SYSTEM: &str = "/etc/resolv.conf";

/// A name in full.
pub(super) type FullName = Name<Vec<u8>>;

/// An answer that says yes or no.
pub(super) type Answer = Message<bytes::Bytes>;

/// The servers that were asked so far: `None` are those that the system asks.
#[derive(Debug, Default)]
pub(super) struct Servers(Mutex<HashMap<Option<SocketAddr>, Arc<Client>>>);

/// A client of servers that know the same.
#[derive(Debug)]
pub(super) struct Client {
    servers: Vec<dgram_stream::Connection<UdpConnect, RequestMessage<Vec<u8>>>>,
    /// The domains in which a name may be meant, and how many dots make it look complete.
    search: Vec<FullName>,
    dots: usize,
}

/// Addresses of a name.
pub(super) struct Addresses {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ttl: Option<Duration>,
}

/// `text` as a name.
pub(super) fn name(text: &str) -> Result<FullName, String> {
    FullName::from_str(text).map_err(|error| format!("this is no name in DNS: {error}"))
}

impl Servers {
    /// The client of `server`.
    pub(super) fn at(&self, server: Option<SocketAddr>) -> Result<Arc<Client>, String> {
        if let Some(client) = self.0.lock().get(&server) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(match server {
            Some(server) => Client::new([server], Vec::new(), 0),
            None => Client::of_system()?,
        });
        self.0.lock().insert(server, Arc::clone(&client));
        Ok(client)
    }

    /// Has the next question to `server` begin anew: the system may have been given other ones.
    pub(super) fn forget(&self, server: Option<SocketAddr>) {
        self.0.lock().remove(&server);
    }
}

impl Client {
    fn new(servers: impl IntoIterator<Item = SocketAddr>, search: Vec<FullName>, dots: usize) -> Self {
        let mut datagrams = dgram::Config::new();
        datagrams.set_read_timeout(PATIENCE);
        datagrams.set_max_retries(AGAIN);
        let mut streams = multi_stream::Config::default();
        streams.set_response_timeout(PATIENCE.saturating_mul(2));
        let mut config = dgram_stream::Config::new();
        config.set_dgram(datagrams);
        config.set_stream(streams);
        let connection = |server| {
            let (udp, tcp) = (UdpConnect::new(server), TcpConnect::new(server));
            let (connection, transport) = dgram_stream::Connection::with_config(udp, tcp, config.clone());
            // It ends with the last connection.
            tokio::spawn(transport.run());
            connection
        };
        Self { servers: servers.into_iter().map(connection).collect(), search, dots }
    }

    fn of_system() -> Result<Self, String> {
        let mut conf = ResolvConf::new();
        conf.parse_file(SYSTEM).map_err(|error| format!("{SYSTEM}: {error}"))?;
        conf.finalize();
        let search = conf.options.search.as_slice().iter().filter(|domain| !domain.is_root());
        let search = search.filter_map(|domain| name(&domain.to_string()).ok()).collect();
        Ok(Self::new(conf.servers.iter().map(|server| server.addr), search, conf.options.ndots))
    }

    /// The names that `text` may mean, the likeliest first.
    pub(super) fn meanings(&self, text: &str) -> Result<Vec<FullName>, String> {
        let full = name(text)?;
        if text.ends_with('.') {
            return Ok(vec![full]);
        }
        let mut names: Vec<FullName> =
            self.search.iter().filter_map(|domain| name(&format!("{text}.{domain}")).ok()).collect();
        let first = text.bytes().filter(|letter| *letter == b'.').count() >= self.dots;
        names.insert(if first { 0 } else { names.len() }, full);
        Ok(names)
    }

    /// The addresses of `name`; none where it has none, or is not there.
    pub(super) async fn addresses(&self, name: &FullName) -> Result<Addresses, String> {
        let (four, six) = tokio::join!(self.ask(name, Rtype::A), self.ask(name, Rtype::AAAA));
        let of_four = four.and_then(|answer| Addresses::of_four(&answer));
        let of_six = six.and_then(|answer| Addresses::of_six(&answer));
        match (of_four, of_six) {
            (Ok(four), Ok(six)) => Ok(four.and(six)),
            // Servers that know of one kind alone are common; that there are none is said by both.
            (Ok(some), Err(_)) | (Err(_), Ok(some)) if !some.addresses.is_empty() => Ok(some),
            (Err(why), _) | (_, Err(why)) => Err(why),
        }
    }

    /// What the first server that can says of `name`.
    pub(super) async fn ask(&self, name: &FullName, kind: Rtype) -> Result<Answer, String> {
        let mut trouble = "there is no DNS server".to_owned();
        for server in &self.servers {
            let mut asked = server.send_request(question(name, kind)?);
            match asked.get_response().await {
                Ok(answer) => match answer.header().rcode() {
                    Rcode::NOERROR | Rcode::NXDOMAIN => return Ok(answer),
                    code => trouble = format!("the DNS server answered {code}"),
                },
                Err(error) => trouble = format!("the DNS server cannot be asked: {error}"),
            }
        }
        Err(trouble)
    }
}

fn question(name: &FullName, kind: Rtype) -> Result<RequestMessage<Vec<u8>>, String> {
    let wrong = |error: String| format!("the question cannot be put: {error}");
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_rd(true);
    let mut message = message.question();
    message.push((name, kind)).map_err(|error| wrong(error.to_string()))?;
    RequestMessage::new(message.into_message()).map_err(|error| wrong(error.to_string()))
}

impl Addresses {
    fn of_four(answer: &Answer) -> Result<Self, String> {
        let owner = answer.canonical_name().ok_or(NONSENSE)?;
        let records = answer.answer().map_err(nonsense)?.limit_to_in::<A>().flatten();
        let own = records.filter(|record| *record.owner() == owner);
        Ok(Self { addresses: own.map(|record| record.data().addr().into()).collect(), ttl: ttl(answer)? })
    }

    fn of_six(answer: &Answer) -> Result<Self, String> {
        let owner = answer.canonical_name().ok_or(NONSENSE)?;
        let records = answer.answer().map_err(nonsense)?.limit_to_in::<Aaaa>().flatten();
        let own = records.filter(|record| *record.owner() == owner);
        Ok(Self { addresses: own.map(|record| record.data().addr().into()).collect(), ttl: ttl(answer)? })
    }

    fn and(mut self, other: Self) -> Self {
        self.addresses.extend(other.addresses);
        self.ttl = shorter(self.ttl, other.ttl);
        self
    }
}

const NONSENSE: &str = "the DNS server's answer makes no sense";

pub(super) fn nonsense(error: impl std::fmt::Display) -> String {
    format!("{NONSENSE}: {error}")
}

/// How long the whole answer is good; `None` where it holds nothing. One with a record that cannot be read is none: who knows
/// what it should have said.
pub(super) fn ttl(answer: &Answer) -> Result<Option<Duration>, String> {
    let mut least = None;
    for record in answer.answer().map_err(nonsense)? {
        let ttl: Ttl = record.map_err(nonsense)?.ttl();
        least = shorter(least, Some(ttl.into_duration()));
    }
    Ok(least)
}

pub(super) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}
