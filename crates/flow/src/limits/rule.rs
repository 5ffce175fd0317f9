//! One limit: whom it is for, whose counter a request is on, and how it is written in an answer's head.

use std::sync::Arc;

use sluicegate_config::{Limit, LimitMode, Per, Select};
use sluicegate_core::Identity;
use sluicegate_core::limits::{Claim, Part, Quota, Subject};
use smallvec::SmallVec;

use super::{Asker, What};

/// A limit.
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    pub(super) mode: LimitMode,
    /// Whether its counters belong to callers.
    pub(super) own: bool,
    pub(super) requests: Option<Quota>,
    /// Its line in `ratelimit-policy`.
    pub(super) policy: String,
    /// Whether it names models or counts by them.
    by_model: bool,
    select: Select,
    per: Vec<Per>,
}

/// What a counter is found by.
pub(super) type Parts<'a> = SmallVec<[Part<'a>; 3]>;

/// Whether it counts model by model, so that what is asked of none is not its matter.
pub(super) fn is_by_model(limit: &Limit) -> bool {
    limit.per.contains(&Per::Model)
}

impl Rule {
    pub(super) fn new(limit: &Limit) -> Self {
        let Select { tenant, group, principal, .. } = &limit.select;
        let of_callers = |per: &Per| matches!(per, Per::Tenant | Per::Principal | Per::Address);
        let own = tenant.is_some() || group.is_some() || principal.is_some() || limit.per.iter().any(of_callers);
        let (name, requests) = (Arc::clone(&limit.name), limit.requests);
        let policy = |quota: Quota| format!("\"{name}\";q={};w={}", quota.rate.quantity, quota.rate.window.seconds());
        Self {
            mode: limit.mode,
            own,
            policy: requests.map(policy).unwrap_or_default(),
            requests,
            by_model: limit.select.models.is_some() || is_by_model(limit),
            select: limit.select.clone(),
            per: limit.per.clone(),
            name,
        }
    }

    /// Whether it is for what this caller asks.
    pub(super) fn applies(&self, identity: &Identity) -> bool {
        let Select { tenant, group, principal, .. } = &self.select;
        let in_group = |group: &Arc<str>| match identity {
            Identity::Known(principal) => principal.groups.contains(group),
            Identity::Anonymous | Identity::Unsettled => false,
        };
        tenant.as_ref().is_none_or(|tenant| identity.tenant() == Some(tenant))
            && group.as_ref().is_none_or(in_group)
            && principal.as_ref().is_none_or(|id| **id == *identity.id())
    }

    /// What tells the request's counter from the limit's others, beside the tenant.
    pub(super) fn parts<'a>(&self, what: &What<'a>, asker: &Asker<'a>) -> Parts<'a> {
        let part = |per: &Per| match (per, what) {
            // The tenant stands in front of all of them.
            (Per::Tenant, _) => None,
            (Per::Principal, _) => Some(Part::Principal(asker.identity.id())),
            (Per::Address, _) => Some(Part::address(asker.address)),
            (Per::Listener, _) => Some(Part::Listener(asker.listener)),
            (Per::Model, What::Run(model) | What::Message(model)) => Some(Part::Model(model)),
            (Per::Model, What::Stream | What::Question) => None,
        };
        self.per.iter().filter_map(part).collect()
    }

    pub(super) fn claim<'a>(
        &self,
        limit: usize,
        parts: &'a [Part<'a>],
        what: &What<'_>,
        asker: &Asker<'a>,
    ) -> Claim<'a> {
        let tenant = asker.identity.tenant().filter(|_| self.own).map(|tenant| &**tenant);
        Claim {
            limit,
            subject: Subject { tenant, parts },
            cost: u64::from(!matches!(what, What::Stream)),
            place: !matches!(what, What::Message(_)) || self.by_model,
            tell: self.own && self.mode == LimitMode::Enforce,
        }
    }

    /// Its rate, for people.
    pub(super) fn rate(&self) -> String {
        self.requests.map(|quota| quota.rate.to_string()).unwrap_or_default()
    }
}
