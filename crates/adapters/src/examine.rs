//! Examines one endpoint from its name to its models, for people who look what is wrong. What each protocol's server says
//! of itself is its adapter's (`Upstream::introduce`); what all have in common is here. It must not know who asks, nor how
//! findings are shown.

mod models;
mod time;

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluicegate_core::{
    BackendPlan, CallClass, CallError, Clock, Deadline, Endpoint, Finding, Introduction, Level, Upstream,
};

pub use self::models::Examined as ExaminedModel;
use crate::certificates::{alarm, first_to_end, life};
use crate::http::Speaks;
use crate::http::reach::{self, Reached, Spoken};
use crate::upstream::{oip_grpc, table};

/// The time for each step of the way there: its name, its addresses, its handshake.
const STEP: Duration = Duration::from_secs(1);

/// The time for all questions.
const QUESTIONS: Duration = Duration::from_secs(2);

/// An endpoint, and who speaks to it.
#[derive(Clone)]
pub struct Patient {
    /// Its backend.
    pub plan: BackendPlan,
    /// The backend, built.
    pub upstream: Arc<dyn Upstream>,
    /// Which of its endpoints.
    pub endpoint: Endpoint,
}

/// What came of an examination.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// An address that took the connection.
    pub address: Option<SocketAddr>,
    /// How long that took.
    pub connect: Option<Duration>,
    /// How long the TLS handshake took.
    pub handshake: Option<Duration>,
    /// When the first of the certificates that it shows ends.
    pub certificate_ends: Option<SystemTime>,
    /// How long it took to say that it takes requests.
    pub health: Option<Duration>,
    /// What it says of itself.
    pub software: Option<String>,
    /// The extensions it says it has.
    pub extensions: Vec<String>,
    /// How far its clock is ahead of this machine's, in seconds; negative: behind. As far as both can be told apart.
    pub clock_ahead: Option<i64>,
    /// The backend's models, each once.
    pub models: Vec<ExaminedModel>,
    /// What is wrong, or good to know; worst first.
    pub findings: Vec<Finding>,
}

/// Examines an endpoint. Ends within some seconds, whatever is there.
pub async fn examine(patient: &Patient, clock: &Arc<dyn Clock>) -> Examination {
    let mut examination = Examination::default();
    examination.own_certificate(&patient.endpoint, clock.wall());
    let remote = table::KINDS.iter().any(|kind| kind.kind == patient.plan.kind);
    if remote {
        let speaks = speaks(patient.plan.kind);
        let reached = reach::reach(&patient.endpoint, speaks, STEP).await;
        let (address, open) = (reached.address, reached.open);
        examination.arrive(reached, clock.wall());
        let heard = open && examination.ask(patient, clock).await;
        if !heard {
            examination.hint(patient, address, speaks).await;
        }
    } else {
        examination.ask(patient, clock).await;
    }
    examination.findings.sort_by_key(|finding| Reverse(finding.level));
    examination
}

impl Examination {
    fn find(&mut self, level: Level, what: impl Into<String>, advice: impl Into<String>) {
        self.findings.push(Finding::new(level, what).advise(advice));
    }

    /// What the gateway shows of itself.
    fn own_certificate(&mut self, endpoint: &Endpoint, now: SystemTime) {
        let own = endpoint.tls.as_ref().and_then(|identity| identity.own.as_ref());
        let life = own.and_then(|own| first_to_end(&own.certificate));
        self.findings.extend(life.and_then(|life| alarm("the gateway's own certificate for it", &life, now)));
    }

    fn arrive(&mut self, reached: Reached, now: SystemTime) {
        (self.address, self.connect, self.handshake) = (reached.address, reached.connect, reached.handshake);
        self.findings.extend(reached.findings);
        let first = reached.chain.iter().filter_map(life).min_by_key(|life| life.ends);
        self.certificate_ends = first.as_ref().map(|life| life.ends);
        self.findings.extend(first.and_then(|life| alarm("its certificate, or one behind it,", &life, now)));
    }

    /// Puts all questions. Whether anybody answered in the protocol.
    async fn ask(&mut self, patient: &Patient, clock: &Arc<dyn Clock>) -> bool {
        let deadline = Deadline(clock.now() + QUESTIONS);
        let (begun, before) = (clock.now(), clock.wall());
        let probing = async {
            let probed = patient.upstream.probe(&patient.endpoint, deadline).await;
            (probed, clock.now().saturating_duration_since(begun))
        };
        let introducing = async {
            let introduced = patient.upstream.introduce(&patient.endpoint, deadline).await;
            (introduced, clock.wall())
        };
        // The deadline is the upstream's to keep; one that does not ends with its questions' patience all the same.
        let both = tokio::time::timeout(QUESTIONS * 2, async { tokio::join!(probing, introducing) }).await;
        let Ok(((probed, took), (introduced, after))) = both else {
            self.find(Level::Broken, format!("no answer within {:?}", QUESTIONS * 2), SLOW);
            return false;
        };
        let heard = probed.is_ok() || probed.as_ref().is_err_and(|error| error.status.is_some());
        match probed {
            Ok(()) => self.health = Some(took),
            Err(error) => self.unwell(&error),
        }
        let (listed, heard) = match introduced {
            Ok(Some(introduction)) => (self.meet(introduction, before, after), true),
            Ok(None) => (None, heard),
            Err(error) if heard => {
                self.find(Level::Note, format!("it does not say what it is: {}", error.cause), "");
                (None, true)
            }
            Err(_) => (None, false),
        };
        if heard {
            let (models, findings) = models::examine(patient, listed.as_deref(), deadline).await;
            self.models = models;
            self.findings.extend(findings);
        }
        heard
    }

    fn unwell(&mut self, error: &CallError) {
        match error.class {
            CallClass::NotReady => self.find(
                Level::Broken,
                "it answers, but says that it is not ready",
                "see in its own log what it waits for; the gateway sends it requests again once it is ready",
            ),
            CallClass::Timeout => {
                self.find(
                    Level::Broken,
                    format!("it takes connections, but no answer came within {QUESTIONS:?}"),
                    SLOW,
                );
            }
            _ => self.find(
                Level::Broken,
                format!("it does not answer as it should: {}", error.cause),
                "see its own log, and look at `protocol` and the endpoint's address",
            ),
        }
    }

    /// Takes in what it says of itself; gives back its list of models.
    fn meet(
        &mut self,
        introduction: Introduction,
        before: SystemTime,
        after: SystemTime,
    ) -> Option<Vec<sluicegate_core::Listed>> {
        let clean = |text: String| text.chars().flat_map(char::escape_debug).take(128).collect::<String>();
        self.software = introduction.software.map(clean);
        self.extensions = introduction.extensions.into_iter().map(clean).collect();
        self.findings.extend(introduction.findings);
        if let Some(date) = introduction.date {
            let ahead = time::ahead(date, before, after);
            self.clock_ahead = Some(ahead);
            self.findings.extend(time::judge(ahead));
        }
        introduction.models
    }

    /// Says where something else is spoken than what was expected.
    async fn hint(&mut self, patient: &Patient, address: Option<SocketAddr>, speaks: Speaks) {
        let Some(address) = address else { return };
        let secured = patient.endpoint.tls.is_some();
        let expected = match (secured, speaks) {
            (true, _) => Spoken::Tls,
            (false, Speaks::Http1) => Spoken::Http1,
            (false, Speaks::Http2) => Spoken::Http2,
        };
        let Some(found) = reach::spoken(address, STEP).await.filter(|found| *found != expected) else { return };
        let (plain, tls) = match speaks {
            Speaks::Http1 => ("http://", "https://"),
            Speaks::Http2 => ("grpc://", "grpcs://"),
        };
        let (what, advice) = match found {
            Spoken::Tls => ("it speaks TLS there", format!("write `{tls}` in place of `{plain}`")),
            Spoken::Http1 | Spoken::Http2 if secured => {
                ("it speaks there without TLS", format!("write `{plain}` in place of `{tls}`, and leave `tls` out"))
            }
            Spoken::Http1 => (
                "it speaks HTTP/1.1 there, not gRPC",
                "give the port on which it speaks gRPC, or `protocol: oip-rest`".to_owned(),
            ),
            Spoken::Http2 => (
                "it speaks HTTP/2 there, as gRPC does, not HTTP/1.1",
                "give the port on which it speaks HTTP/1.1, or `protocol: oip-grpc`".to_owned(),
            ),
        };
        // What else was found follows from this.
        for finding in self.findings.iter_mut().filter(|finding| finding.level == Level::Broken) {
            finding.advice.clear();
        }
        self.findings.insert(0, Finding::new(Level::Broken, what).advise(advice));
    }
}

/// What to do about one that is slow.
const SLOW: &str = "see what it is busy with, or whether it hangs";

/// What is spoken to backends of a kind.
fn speaks(kind: &str) -> Speaks {
    if kind == oip_grpc::KIND.kind { Speaks::Http2 } else { Speaks::Http1 }
}

impl std::fmt::Debug for Patient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Patient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
