//! Callers known by tokens that OpenID Connect issuers sign (JWT, RFC 7519 and 9068):
//!
//! ```yaml
//! identity:
//!   oidc:
//!     - { issuer: "https://login.example.com/realms/ml", audience: sluicegate, claims: { tenant: org, groups: groups } }
//! ```
//!
//! Which issuer a token is of it says itself, and is believed only as a choice among those that are configured; by which key and
//! in which way it may be signed is said by the configuration and by the issuer's keys, never by the token. Requests are answered
//! from memory: keys are fetched beside them. It must not know which header a token came in, nor what its principal may do.

mod claims;
mod fetch;
mod keyset;
mod remembered;
mod ring;
mod strict;
mod text;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use futures_util::future::join_all;
use sluicegate_core::{Clock, IssuerPlan, KeySource, Mistake, Principal, TokenFault, Tokens};
use tokio::sync::Notify;
use tokio::time::timeout;

pub use text::{LONGEST, Text};

use self::claims::Claims;
use self::fetch::Fetcher;
use self::remembered::{Known, Mark, Remembered};
use self::ring::Ring;
use crate::http::{Client, Connector};

/// How long the first keys are waited for before a configuration serves without them.
const FIRST: Duration = Duration::from_secs(5);

/// The issuers whose tokens requests are let in by. Knows none until it serves some.
pub struct Oidc {
    served: ArcSwapOption<Served>,
    fetcher: Fetcher,
    changed: Notify,
}

/// The issuers of one configuration, and the tokens that were found good since it serves.
#[derive(Default)]
pub struct Served {
    issuers: Vec<Issuer>,
    remembered: Remembered,
}

struct Issuer {
    plan: IssuerPlan,
    ring: Arc<Ring>,
}

/// How it stands with the keys of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerStanding {
    /// The issuer's name.
    pub name: Arc<str>,
    /// The keys that are known.
    pub keys: usize,
    /// Whether they could not be read the last time.
    pub failing: bool,
}

impl Oidc {
    /// Asks issuers over the connections that `connector` makes.
    pub fn new(connector: Arc<dyn Connector>, clock: Arc<dyn Clock>) -> Self {
        let fetcher = Fetcher { client: Client::new(connector, Arc::clone(&clock)), clock };
        Self { served: ArcSwapOption::empty(), fetcher, changed: Notify::new() }
    }

    /// The issuers of a configuration, not yet served: with the keys that are known of them already, and else asked for theirs,
    /// for a short time. One that does not answer keeps no configuration from serving; it is asked again, and meanwhile its
    /// tokens are told that it is the gateway's fault.
    ///
    /// # Errors
    /// A file of keys has none, or what TLS needs cannot be used.
    pub async fn prepare(&self, plans: &[IssuerPlan]) -> Result<Served, Vec<Mistake>> {
        let before = self.served.load_full();
        let known = before.iter().flat_map(|served| &served.issuers);
        let issuers: Vec<Issuer> = plans
            .iter()
            .map(|plan| {
                let same = known.clone().find(|issuer| issuer.ring.fits(plan)).map(|issuer| Arc::clone(&issuer.ring));
                Issuer { plan: plan.clone(), ring: same.unwrap_or_else(|| Arc::new(Ring::of(plan))) }
            })
            .collect();
        let mistakes: Vec<Mistake> = plans.iter().filter_map(|plan| self.wrong(plan)).collect();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let new = issuers.iter().filter(|issuer| issuer.ring.is_untried());
        let first = join_all(new.map(|issuer| issuer.ring.fetch(&self.fetcher)));
        // What takes longer is gone on with when the configuration serves.
        let _ = timeout(FIRST, first).await;
        let faults = issuers.iter().filter(|issuer| matches!(issuer.plan.keys, KeySource::File(_)));
        let faults = faults.filter_map(|issuer| Some(Mistake::at(&issuer.plan.span, issuer.ring.fault()?)));
        let faults: Vec<Mistake> = faults.collect();
        if faults.is_empty() { Ok(Served { issuers, remembered: Remembered::default() }) } else { Err(faults) }
    }

    /// From now on tokens of these issuers are known. None that was found good before is taken for good any longer.
    pub fn serve(&self, issuers: Served) {
        self.served.store((!issuers.issuers.is_empty()).then(|| Arc::new(issuers)));
        self.changed.notify_one();
    }

    /// Keeps the keys of the issuers fresh, as long as it is polled. Not for a thread that serves requests.
    pub async fn follow(self: Arc<Self>) {
        loop {
            let served = self.served.load_full();
            let issuers = served.iter().flat_map(|served| &served.issuers);
            let following = join_all(issuers.map(|issuer| issuer.ring.follow(&self.fetcher)));
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                // None of them ends; with no issuer there is nothing to wait for but another configuration.
                _ = following => self.changed.notified().await,
            }
        }
    }

    /// How it stands with each issuer.
    #[must_use]
    pub fn standing(&self) -> Vec<IssuerStanding> {
        let served = self.served.load();
        let issuers = served.iter().flat_map(|served| &served.issuers);
        issuers
            .map(|issuer| IssuerStanding {
                name: Arc::clone(&issuer.plan.name),
                keys: issuer.ring.len(),
                failing: issuer.ring.is_failing(),
            })
            .collect()
    }

    /// What is wrong with how an issuer is reached.
    fn wrong(&self, plan: &IssuerPlan) -> Option<Mistake> {
        let endpoint = match &plan.keys {
            KeySource::Discovery(endpoint) | KeySource::Url(endpoint, _) => endpoint,
            KeySource::File(_) => return None,
        };
        self.fetcher.client.origin(endpoint).err().map(|error| Mistake::at(&plan.span, error.cause))
    }
}

impl Tokens for Oidc {
    fn find(&self, presented: &str, now: SystemTime) -> Result<Arc<Principal>, TokenFault> {
        // Before it is digested: what is too long costs nothing.
        if presented.len() > LONGEST {
            return Err(TokenFault::Malformed("it is too long"));
        }
        let served = self.served.load();
        let served = served.as_ref().ok_or(TokenFault::Nobody)?;
        let mark = Mark::of(presented);
        match served.remembered.find(mark, |known| served.holds(known, now)) {
            Some(principal) => Ok(principal),
            None => served.verify(presented, mark, now),
        }
    }
}

impl Served {
    /// Whether what is known of a token is so at `now`: within its time, by keys that are its issuer's still.
    fn holds(&self, known: &Known, now: SystemTime) -> bool {
        let same = |issuer: &Issuer| {
            let kept = issuer.ring.keys(now, issuer.plan.stale);
            kept.is_ok_and(|kept| kept.as_ref().is_some_and(|kept| kept.keys.number == known.keys))
        };
        (known.times.from..known.times.until).contains(&now) && self.issuers.get(known.issuer).is_some_and(same)
    }

    fn verify(&self, presented: &str, mark: Mark, now: SystemTime) -> Result<Arc<Principal>, TokenFault> {
        let text = Text::parse(presented).map_err(TokenFault::Malformed)?;
        let named = text.issuer().ok_or(TokenFault::Malformed("it does not say who issued it (`iss`)"))?;
        let found = self.issuers.iter().enumerate().find(|(_, issuer)| *issuer.plan.issuer == *named);
        let (place, Issuer { plan, ring }) = found.ok_or(TokenFault::Stranger)?;
        let claims = Claims::new(&text.claims, plan);
        // What is for nobody here has no key fetched for it.
        let times = claims.check(now)?;
        if !plan.algorithms.contains(&text.algorithm) {
            return Err(TokenFault::Unfit(
                Arc::clone(&plan.name),
                "it is signed in a way that is not accepted (`alg`)",
            ));
        }
        let kept = ring.keys(now, plan.stale)?;
        let unavailable = || TokenFault::Unavailable(Arc::clone(&plan.name));
        let kept = kept.as_deref().ok_or_else(unavailable)?;
        if !kept.keys.knows(&text.key) {
            return Err(ring.missing(kept, now));
        }
        if !kept.keys.verify(&text.key, text.algorithm, text.signed, &text.signature) {
            return Err(TokenFault::Forged(Arc::clone(&plan.name)));
        }
        let principal = Arc::new(claims.principal()?);
        let known = Known { principal: Arc::clone(&principal), times, issuer: place, keys: kept.keys.number };
        self.remembered.keep(mark, known, now);
        Ok(principal)
    }
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let issuers = self.standing();
        formatter.debug_struct("Oidc").field("issuers", &issuers).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Served {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Served").field("issuers", &self.issuers.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
