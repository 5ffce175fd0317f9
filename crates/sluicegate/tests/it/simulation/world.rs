//! One run: the hosts, the network between them, and what the plan does to both.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sluicegate_adapters::http::Connector;
use sluicegate_adapters::meter::prometheus::Meter;
use sluicegate_adapters::sink::tee::Tee;
use sluicegate_adapters::upstream::{oip_grpc, oip_rest};
use sluicegate_config::Sources;
use sluicegate_core::{Catalog, Clock, Inbound, Kind, Record, RecordSink, Source};
use sluicegate_flow::build::Builders;
use sluicegate_flow::control::{Gateway, Status};
use sluicegate_server::{CancellationToken, Limits, ListenerPlan, serve_listener};
use sluicegate_testkit::{FakeClock, SeededDice};
use tokio::time::{sleep, timeout};
use turmoil::net::TcpListener;
use turmoil::{Builder, Sim};

use super::chance::Chance;
use super::client::Client;
use super::journal::{Event, Journal, What};
use super::network::{Dialing, Listening};
use super::panics;
use super::plan::{CLIENTS, GATEWAY, Mood, Plan, SERVERS, Turn};
use super::sabotage::{Handling, Sabotage};
use super::server::{Moods, Server};
use super::weather::Weather;

const CATALOG: Catalog = Catalog { upstreams: &[oip_rest::KIND, oip_grpc::KIND] };

/// Once the clients are done, what is still under way has so long to end.
const END: Duration = Duration::from_secs(3);

/// No run takes longer, in simulated time.
const LONGEST: Duration = Duration::from_secs(120);

/// What is left when a run is over.
pub(super) struct Run {
    pub(super) events: Vec<Event>,
    pub(super) told: Told,
    /// What panicked, also where it was caught.
    pub(super) panics: Vec<String>,
}

/// The gateway as an operator sees it, when all is done.
pub(super) struct Told {
    pub(super) status: Status,
    /// The gauge of requests in flight.
    pub(super) in_flight: Option<u64>,
    /// Whether its listener ended by itself when it was told to: nothing was under way any more.
    pub(super) ended: bool,
    /// What it holds must not be let go of before all has been looked at.
    _handling: Arc<Handling>,
}

struct Sink(Journal);

impl RecordSink for Sink {
    fn begun(&self, _: &Arc<str>) {
        self.0.note(What::Begun);
    }

    fn ended(&self, record: &Record) {
        let (id, status, outcome) = (record.request_id.to_string(), record.status, record.outcome.label());
        self.0.note(What::Recorded { id, status, outcome });
    }

    fn turned_away(&self, _: &Arc<str>, _: Kind) {}
}

/// The gateway's host: what it is told, and what it tells in the end.
#[derive(Clone, Default)]
struct Front {
    stop: CancellationToken,
    told: Arc<Mutex<Option<Told>>>,
}

/// Runs `plan` to its end.
pub(super) fn run(plan: &Plan) -> Run {
    panics::listen();
    let journal = Journal::default();
    let mut sim = Builder::new()
        .rng_seed(plan.seed)
        .simulation_duration(LONGEST)
        .tcp_capacity(4096)
        .min_message_latency(Duration::ZERO)
        .max_message_latency(plan.far)
        .build();
    let front = Front::default();
    open_gateway(&mut sim, plan, &journal, &front);
    let moods: Moods = Arc::new(Mutex::new(vec![Mood::good(&Chance::of(plan.seed, "moods")); SERVERS.len()]));
    for (index, name) in SERVERS.into_iter().enumerate() {
        let server = Rc::new(Server {
            name,
            index,
            grpc: plan.settings.grpc,
            moods: Arc::clone(&moods),
            chance: Chance::of(plan.seed, name),
            journal: journal.clone(),
        });
        sim.host(name, move || Rc::clone(&server).serve());
    }
    let weather = Weather::default();
    let numbers = Rc::new(Cell::new(0));
    for (host, name) in CLIENTS.into_iter().enumerate() {
        let client = Rc::new(Client {
            host,
            senders: plan.senders,
            trouble: plan.trouble,
            well: plan.trouble + plan.quiet,
            timeout: plan.settings.timeout,
            near: plan.near,
            numbers: Rc::clone(&numbers),
            weather: weather.clone(),
            journal: journal.clone(),
            seed: plan.seed,
        });
        sim.client(name, client.run());
        sim.set_link_max_message_latency(name, GATEWAY, plan.near);
    }
    let mut turns = plan.turns.iter().peekable();
    let mut healed = false;
    loop {
        while let Some((_, turn)) = turns.next_if(|(at, _)| *at <= sim.elapsed() && *at < plan.trouble) {
            journal.note_at(sim.elapsed(), What::Turned(format!("{turn:?}")));
            take(&mut sim, turn, &moods, &weather);
        }
        if !healed && sim.elapsed() >= plan.trouble {
            healed = true;
            heal(&mut sim, &moods, &weather, plan);
        }
        if sim.step().unwrap() {
            break;
        }
    }
    end(&mut sim, &front);
    let told = front.told.lock().take().unwrap();
    // What is written down only because all is dropped does not count.
    let events = journal.take();
    drop(sim);
    Run { events, told, panics: panics::heard() }
}

fn open_gateway(sim: &mut Sim<'_>, plan: &Plan, journal: &Journal, front: &Front) {
    let settings = plan.sabotage.map_or_else(|| plan.settings.clone(), |sabotage| sabotage.settings(&plan.settings));
    let (yaml, seed, sabotage) = (settings.yaml(), plan.seed, (plan.sabotage, plan.trouble));
    let (journal, front) = (journal.clone(), front.clone());
    sim.host(GATEWAY, move || {
        let (yaml, journal, front) = (yaml.clone(), journal.clone(), front.clone());
        async move { Ok(be_gateway(&yaml, seed, sabotage, journal, front).await?) }
    });
}

async fn be_gateway(
    yaml: &str,
    seed: u64,
    (sabotage, trouble): (Option<Sabotage>, Duration),
    journal: Journal,
    front: Front,
) -> io::Result<()> {
    let root = Source { path: Arc::from("gateway.yaml"), text: Arc::from(yaml) };
    let sources = Sources { root, includes: Vec::new() };
    let resolved = sluicegate_config::load(&sources, &CATALOG, &mut |_: &str| Ok(String::new())).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::following_tokio());
    let connector = Arc::new(Dialing(journal.clone()));
    let rest = oip_rest::Factory::new(Arc::clone(&connector) as Arc<dyn Connector>, Arc::clone(&clock));
    let rpc = oip_grpc::Factory::new(connector, Arc::clone(&clock));
    let builders: Builders = vec![(oip_rest::KIND.kind, Arc::new(rest)), (oip_grpc::KIND.kind, Arc::new(rpc))];
    let meter = Arc::new(Meter::new(clock.wall()));
    let sink = Tee::new([Arc::new(Sink(journal.clone())) as Arc<dyn RecordSink>, Arc::clone(&meter) as _]);
    let gateway = Arc::new(Gateway::new(clock, Arc::new(SeededDice::new(seed)), Arc::new(sink)));
    gateway.install(gateway.build(&resolved, &builders).unwrap());
    tokio::spawn(Arc::clone(&gateway).probe());
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    let plan = ListenerPlan {
        name: Arc::from("l"),
        address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80)),
        proxies: Arc::default(),
        limits: Limits {
            head_timeout: Duration::from_secs(2),
            body_timeout: Duration::from_secs(3),
            idle_timeout: Duration::from_secs(5),
            ..Limits::default()
        },
        tls: None,
    };
    let handling = Arc::new(Handling::new(Arc::clone(&gateway), sabotage, trouble));
    let serving = Arc::clone(&handling);
    let handler = move |inbound: Inbound| {
        let handling = Arc::clone(&serving);
        async move { handling.serve(inbound).await }
    };
    let listening = Listening { listener, journal };
    let stop = CancellationToken::new();
    let mut serving = tokio::spawn(serve_listener(listening, plan, handler, stop.clone()));
    front.stop.cancelled().await;
    sleep(END).await;
    let (status, in_flight) = (gateway.status(), in_flight(&meter.encode().unwrap()));
    stop.cancel();
    let ended = timeout(END, &mut serving).await.is_ok();
    *front.told.lock() = Some(Told { status, in_flight, ended, _handling: handling });
    Ok(())
}

/// What the gauge of requests in flight shows.
fn in_flight(metrics: &str) -> Option<u64> {
    let line = metrics.lines().find(|line| line.starts_with("sluicegate_requests_in_flight{"))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn take(sim: &mut Sim<'_>, turn: &Turn, moods: &Moods, weather: &Weather) {
    let touched = |host: &str| {
        if let Some(client) = CLIENTS.iter().position(|client| *client == host) {
            weather.change(client);
        }
    };
    match turn {
        Turn::Cut(host, other) => sim.partition(*host, *other),
        Turn::CutOneWay(from, to) => sim.partition_oneway(*from, *to),
        Turn::Mend(host, other) => sim.repair(*host, *other),
        Turn::Hold(host, other) => sim.hold(*host, *other),
        Turn::Release(host, other) => sim.release(*host, *other),
        Turn::Crash(server) => sim.crash(*server),
        Turn::Start(server) => sim.bounce(*server),
        Turn::Mood(server, mood) => moods.lock()[*server] = mood.clone(),
    }
    match turn {
        Turn::Cut(host, other)
        | Turn::CutOneWay(host, other)
        | Turn::Mend(host, other)
        | Turn::Hold(host, other)
        | Turn::Release(host, other) => {
            touched(host);
            touched(other);
        }
        Turn::Crash(_) | Turn::Start(_) | Turn::Mood(..) => {}
    }
}

/// Everything works again.
fn heal(sim: &mut Sim<'_>, moods: &Moods, weather: &Weather, plan: &Plan) {
    let chance = Chance::of(plan.seed, "healed");
    for (index, server) in SERVERS.into_iter().enumerate() {
        sim.release(server, GATEWAY);
        moods.lock()[index] = Mood::good(&chance);
        if !sim.is_host_running(server) {
            sim.bounce(server);
        }
    }
    for (index, client) in CLIENTS.into_iter().enumerate() {
        sim.release(client, GATEWAY);
        if weather.now(index) % 2 == 1 {
            weather.change(index);
        }
    }
}

/// Lets the gateway end.
fn end(sim: &mut Sim<'_>, front: &Front) {
    front.stop.cancel();
    while front.told.lock().is_none() {
        sim.step().unwrap();
    }
}
