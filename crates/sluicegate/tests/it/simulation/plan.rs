//! What a seed stands for: how the gateway is configured, what the servers do, what happens to the network and when.

use std::fmt::Write as _;
use std::time::Duration;

use super::chance::Chance;
use super::sabotage::Sabotage;

/// For so long clients send requests and things go wrong; then all is repaired.
const TROUBLE: Duration = Duration::from_secs(12);

/// After the repair it takes so long until what was lost in the trouble has been given up by everybody.
const QUIET: Duration = Duration::from_secs(10);

pub(super) const SERVERS: [&str; 3] = ["server-0", "server-1", "server-2"];
pub(super) const CLIENTS: [&str; 2] = ["client-0", "client-1"];
pub(super) const GATEWAY: &str = "gateway";

/// Where servers listen.
pub(super) const PORT: u16 = 8000;

pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) trouble: Duration,
    pub(super) quiet: Duration,
    pub(super) settings: Settings,
    /// How long a message may take between client and gateway, and between gateway and server.
    pub(super) near: Duration,
    pub(super) far: Duration,
    /// Tasks of each client's host that send requests one after the other.
    pub(super) senders: u64,
    /// What is wrong with the gateway, where a check is to find it.
    pub(super) sabotage: Option<Sabotage>,
    /// In the order in which they happen.
    pub(super) turns: Vec<(Duration, Turn)>,
}

/// The gateway's configuration.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Whether the servers speak gRPC.
    pub(super) grpc: bool,
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
    /// In per cent.
    pub(super) budget: u32,
    pub(super) reset: bool,
    /// In per cent.
    pub(super) hedges: Option<u32>,
    pub(super) limit: Option<u64>,
    /// Over REST.
    binary: &'static str,
    others: String,
}

/// Something that happens to the network or to a server.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// All between the two is lost.
    Cut(&'static str, &'static str),
    /// All from the one to the other is lost.
    CutOneWay(&'static str, &'static str),
    Mend(&'static str, &'static str),
    /// All between the two waits.
    Hold(&'static str, &'static str),
    Release(&'static str, &'static str),
    Crash(&'static str),
    Start(&'static str),
    /// A server behaves so from now on.
    Mood(usize, Mood),
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub(super) struct Mood {
    /// How long it takes for an answer.
    pub(super) pace: (u64, u64),
    /// Of a hundred requests so many do not get a good answer.
    pub(super) trouble: u64,
    /// ... but one of these.
    pub(super) deeds: Vec<Deed>,
}

/// What a server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    Answer,
    /// 500, or INTERNAL.
    Fail,
    /// 503, or UNAVAILABLE.
    Unavailable,
    /// 503 or 429 with a time, or RESOURCE_EXHAUSTED.
    Busy,
    /// The connection is closed in place of an answer.
    Close,
    /// ... with bytes of the request unread, which resets it.
    Reset,
    /// The head of the answer and half its body, then the end.
    BreakOff,
    /// The head of the answer and half its body, and no more.
    FallSilent,
    /// Nothing.
    Hang,
}

const DEEDS: [Deed; 8] =
    [Deed::Fail, Deed::Unavailable, Deed::Busy, Deed::Close, Deed::Reset, Deed::BreakOff, Deed::FallSilent, Deed::Hang];

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let chance = Chance::of(seed, "plan");
        let settings = Settings::by(&chance);
        let mut plan = Self {
            seed,
            trouble: TROUBLE,
            quiet: QUIET,
            settings,
            near: chance.millis(1, 20),
            far: chance.millis(1, 30),
            senders: chance.between(2, 12),
            sabotage: None,
            turns: Vec::new(),
        };
        plan.moods(&chance);
        for server in SERVERS {
            plan.troubles(server, &chance, 3);
        }
        for client in CLIENTS {
            plan.troubles(client, &chance, 6);
        }
        plan.turns.sort_by_key(|(at, _)| *at);
        plan
    }

    /// A shorter one, in which the network is well, and all servers behave like this.
    pub(super) fn still(seed: u64, mood: &Mood) -> Self {
        let turns = (0..SERVERS.len()).map(|server| (Duration::ZERO, Turn::Mood(server, mood.clone())));
        let (trouble, quiet) = (Duration::from_secs(2), Duration::from_secs(3));
        Self { trouble, quiet, turns: turns.collect(), ..Self::of(seed) }
    }

    /// How the servers behave, one phase after the other.
    fn moods(&mut self, chance: &Chance) {
        // In some runs nothing succeeds for a while.
        let storm = chance.one_in(3).then(|| Mood::bad(chance, 100));
        for server in 0..SERVERS.len() {
            let mut at = Duration::ZERO;
            while at < TROUBLE {
                let mood =
                    if chance.one_in(2) { Mood::good(chance) } else { Mood::bad(chance, chance.between(5, 100)) };
                self.turns.push((at, Turn::Mood(server, mood)));
                at += chance.millis(1000, 5000);
            }
            if let Some(storm) = &storm {
                self.turns.push((TROUBLE / 3, Turn::Mood(server, storm.clone())));
            }
        }
    }

    /// What happens to `host` and to the way between it and the gateway, in about one of `rarity` seconds.
    fn troubles(&mut self, host: &'static str, chance: &Chance, rarity: u64) {
        let mut at = chance.millis(0, 1000 * rarity);
        while at < TROUBLE {
            let end = at + *chance.pick(&[chance.millis(20, 300), chance.millis(300, 3000)]);
            let (begin, stop) = match chance.between(0, if host.starts_with("server") { 5 } else { 3 }) {
                0 => (Turn::Cut(host, GATEWAY), Turn::Mend(host, GATEWAY)),
                1 => (Turn::CutOneWay(host, GATEWAY), Turn::Mend(host, GATEWAY)),
                2 => (Turn::CutOneWay(GATEWAY, host), Turn::Mend(host, GATEWAY)),
                3 => (Turn::Hold(host, GATEWAY), Turn::Release(host, GATEWAY)),
                4 => (Turn::Crash(host), Turn::Start(host)),
                // Without a word: what is sent to it goes nowhere, and what it had open it knows nothing of.
                _ => {
                    self.turns.push((at, Turn::Cut(host, GATEWAY)));
                    self.turns.push((end, Turn::Mend(host, GATEWAY)));
                    (Turn::Crash(host), Turn::Start(host))
                }
            };
            self.turns.push((at, begin));
            self.turns.push((end, stop));
            at = end + chance.millis(100, 2000 * rarity);
        }
    }
}

impl Mood {
    pub(super) fn good(chance: &Chance) -> Self {
        let least = chance.between(0, 30);
        Self { pace: (least, least + chance.between(0, 40)), trouble: 0, deeds: Vec::new() }
    }

    fn bad(chance: &Chance, trouble: u64) -> Self {
        let count = chance.between(1, 3);
        let deeds = (0..count).map(|_| *chance.pick(&DEEDS)).collect();
        let slow = if chance.one_in(4) { 800 } else { 0 };
        Self { pace: (slow, slow + 50), trouble, deeds }
    }
}

impl Settings {
    fn by(chance: &Chance) -> Self {
        let mut others = String::new();
        let grpc = chance.one_in(2);
        let balance = chance.pick(&["two_choices", "two_choices", "least_request", "round_robin"]);
        let binary = *chance.pick(&["always", "never", "auto"]);
        let _ = writeln!(others, "    balance: {balance}");
        if chance.one_in(2) {
            let _ = writeln!(others, "    health: {{ interval: 500ms, timeout: {}ms }}", chance.between(100, 400));
        }
        let first_byte =
            if chance.one_in(3) { format!(", first_byte: {}ms", chance.between(200, 900)) } else { String::new() };
        let _ = writeln!(others, "    timeouts: {{ connect: {}ms{first_byte} }}", chance.between(100, 500));
        let _ = writeln!(
            others,
            "    eject: {{ failures: {}, time: {}ms }}",
            chance.between(2, 6),
            chance.between(200, 2000)
        );
        Self {
            grpc,
            binary,
            timeout: chance.millis(500, 2000),
            attempts: u32::try_from(chance.between(1, 4)).unwrap(),
            budget: *chance.pick(&[5, 10, 20]),
            reset: chance.one_in(2),
            hedges: chance.one_in(4).then_some(5),
            limit: chance.one_in(2).then(|| chance.between(1, 8)),
            others,
        }
    }

    /// As the gateway reads it.
    pub(super) fn yaml(&self) -> String {
        let binary = if self.grpc { String::new() } else { format!("    binary: {}\n", self.binary) };
        let (protocol, scheme) = if self.grpc { ("oip-grpc", "grpc") } else { ("oip-rest", "http") };
        let endpoints: Vec<String> = SERVERS.iter().map(|server| format!("\"{scheme}://{server}:{PORT}\"")).collect();
        let reset = if self.reset { ", reset" } else { "" };
        let hedge = self.hedges.map(|share| format!("    hedge: {{ percentile: 90%, budget: {share}% }}\n"));
        let limit = self.limit.map(|limit| format!("    concurrency: {{ limit: {limit}, queue: 20 }}\n"));
        format!(
            "version: 1
listeners: {{ l: {{ address: 127.0.0.1:1, authenticate: [anonymous] }} }}
backends:
  b:
    protocol: {protocol}
    endpoints: [{}]
    retry: {{ attempts: {}, budget: {}%, when: [connect, unavailable{reset}] }}
{binary}{}{}{}models: {{ m: {{ backend: b, timeout: {}ms }} }}
",
            endpoints.join(", "),
            self.attempts,
            self.budget,
            hedge.unwrap_or_default(),
            limit.unwrap_or_default(),
            self.others,
            self.timeout.as_millis()
        )
    }
}
