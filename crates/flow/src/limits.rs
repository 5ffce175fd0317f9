//! Which limits a request falls under, what it takes from them, and what its caller is told of it. What may apply is worked out
//! when a generation is built: where no limit is for a listener, a request there pays for none. It must not know how use is
//! counted.
//!
//! A limit is the *caller's own* where its counter belongs to callers: it is for a tenant, a group or a principal, or each
//! tenant, principal or address has a counter. Only of those is a caller told where it stands, and only those refuse with 429;
//! one that all callers share has no room (503), and nobody learns from it what others do.

mod rule;
mod taken;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluicegate_config::{Limit, LimitMode, Listener};
use sluicegate_core::limits::{self, Claim, Counters, Limiter, Passed, Refused, Verdict};
use sluicegate_core::{Identity, Kind, Mixing, RecordSink, Refusal};
use smallvec::SmallVec;

use self::rule::{Parts, Rule};
pub(crate) use self::taken::Taken;

/// How long to wait where nobody knows when there is room again.
const SOON: Duration = Duration::from_secs(1);

/// The limits of a generation.
pub(crate) struct Limits {
    rules: Vec<Rule>,
    counters: Arc<dyn Counters>,
}

/// The limits that requests by one listener may fall under, by their places.
pub(crate) struct AtDoor {
    limits: Arc<Limits>,
    /// What is asked of no model, or about one.
    asking: Vec<usize>,
    /// What runs a model that no limit names.
    running: Vec<usize>,
    /// What runs one that some limit names.
    named: HashMap<Arc<str>, Vec<usize>, Mixing>,
}

/// Whose request it is, and where it goes.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) address: IpAddr,
    pub(crate) listener: &'a str,
    pub(crate) now: Instant,
}

/// What is to be admitted.
#[derive(Clone, Copy)]
pub(crate) enum What<'a> {
    /// A request that runs this model.
    Run(&'a str),
    /// A stream of such requests. Takes places as long as it is open; each of its messages counts by itself.
    Stream,
    /// One request of a stream. It has the stream's places, and takes those that are a model's.
    Message(&'a str),
    /// A question or an order: of it only limits are asked that name no model.
    Question,
}

/// What was taken, where something is to be held or told of it.
pub(crate) type MayTell = Option<Box<Taken>>;

/// A limit that applies, and whose counter of it.
type Wanted<'a> = (usize, &'a Rule, Parts<'a>);

impl Limits {
    /// Those of a configuration; `None` where it has none.
    pub(crate) fn build(specs: &[Limit], limiter: &dyn Limiter) -> Option<Arc<Self>> {
        if specs.is_empty() {
            return None;
        }
        let plan = |limit: &Limit| limits::Limit {
            name: Arc::clone(&limit.name),
            fingerprint: Arc::clone(&limit.fingerprint),
            requests: limit.requests,
            concurrency: limit.concurrency,
        };
        let plans: Vec<limits::Limit> = specs.iter().map(plan).collect();
        let rules = specs.iter().map(Rule::new).collect();
        Some(Arc::new(Self { rules, counters: limiter.counters(&plans) }))
    }

    /// What of them is for requests by `listener`; `None` where nothing is.
    pub(crate) fn at(self: &Arc<Self>, specs: &[Limit], listener: &Listener) -> Option<Box<AtDoor>> {
        let here = |limit: &Limit| limit.select.listener.as_ref().is_none_or(|name| *name == listener.name);
        let here: Vec<(usize, &Limit)> = specs.iter().enumerate().filter(|(_, limit)| here(limit)).collect();
        if here.is_empty() {
            return None;
        }
        let places = |fits: &dyn Fn(&Limit) -> bool| -> Vec<usize> {
            here.iter().filter(|(_, limit)| fits(limit)).map(|(place, _)| *place).collect()
        };
        let any = |limit: &Limit| limit.select.models.is_none();
        let names = here.iter().filter_map(|(_, limit)| limit.select.models.as_ref()).flatten();
        let of =
            |name: &Arc<str>| places(&|limit| limit.select.models.as_ref().is_none_or(|models| models.contains(name)));
        Some(Box::new(AtDoor {
            asking: places(&|limit| any(limit) && !rule::is_by_model(limit)),
            running: places(&any),
            named: names.map(|name| (Arc::clone(name), of(name))).collect(),
            limits: Arc::clone(self),
        }))
    }
}

impl AtDoor {
    /// Takes what the request needs of all limits that it falls under.
    ///
    /// # Errors
    /// One has not enough left: then nothing was taken, and what the caller may know of it is to be told with the refusal.
    pub(crate) fn take(
        &self,
        what: What<'_>,
        asker: Asker<'_>,
        sink: &dyn RecordSink,
    ) -> Result<MayTell, (Refusal, MayTell)> {
        let Limits { rules, counters } = &*self.limits;
        let wanted = |place: &usize| {
            let rule = rules.get(*place).filter(|rule| rule.applies(asker.identity))?;
            Some((*place, rule, rule.parts(&what, &asker)))
        };
        let all: SmallVec<[Wanted<'_>; 4]> = self.applying(&what).iter().filter_map(wanted).collect();
        if all.is_empty() {
            return Ok(None);
        }
        let claims = |mode| -> SmallVec<[Claim<'_>; 4]> {
            let of_mode = all.iter().filter(|(_, rule, _)| rule.mode == mode);
            of_mode.map(|(place, rule, parts)| rule.claim(*place, parts, &what, &asker)).collect()
        };
        let enforced = claims(LimitMode::Enforce);
        let mut passed = Passed::default();
        if !enforced.is_empty() {
            match counters.take(&enforced, asker.now) {
                Verdict::Passed(taken) => passed = taken,
                Verdict::Refused(refused) => return Err(self.refuse(&refused, sink)),
            }
        }
        for claim in claims(LimitMode::Observe) {
            match counters.take(&[claim], asker.now) {
                Verdict::Passed(taken) => passed.places.join(taken.places),
                Verdict::Refused(refused) => self.count(refused.limit, sink),
            }
        }
        Ok(Taken::of(passed, &self.limits))
    }

    fn applying(&self, what: &What<'_>) -> &[usize] {
        match what {
            What::Run(model) | What::Message(model) => self.named.get(*model).unwrap_or(&self.running),
            What::Stream | What::Question => &self.asking,
        }
    }

    fn count(&self, limit: usize, sink: &dyn RecordSink) {
        if let Some(rule) = self.limits.rules.get(limit) {
            sink.limited(&rule.name, rule.mode.as_str());
        }
    }

    fn refuse(&self, refused: &Refused, sink: &dyn RecordSink) -> (Refusal, MayTell) {
        self.count(refused.limit, sink);
        let Some(rule) = self.limits.rules.get(refused.limit) else {
            return (Refusal::new(Kind::Internal, "the gateway failed").because("an unknown limit refuses"), None);
        };
        let cause = match refused.wait {
            Some(_) => format!("the limit `{}` has no request left", rule.name),
            None => format!("the limit `{}` has no place left", rule.name),
        };
        // No earlier than the wait is over: whoever comes back in the same second would be refused again.
        let wait = refused.wait.map_or(SOON, |wait| Duration::from_secs(taken::seconds(wait)));
        if !rule.own {
            let refusal = Refusal::new(Kind::Overloaded, "there is no room for this request now");
            return (refusal.because(cause).after(Some(wait)), None);
        }
        let public = match refused.wait {
            Some(_) => format!("too many requests: the limit is {}", rule.rate()),
            None => "too many requests at once".to_owned(),
        };
        let told = refused.standing.and_then(|standing| Taken::told(standing, &self.limits));
        (Refusal::new(Kind::RateLimited, public).because(cause).after(Some(wait)), told)
    }
}
