//! Limits: those of the list and those that listeners have in short. Names looked up, contradictions refused.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use sluicegate_core::limits::{MAX_BURST, Quota, Rate};
use sluicegate_core::{Node, Span};

use super::did_you_mean;
use crate::mistakes::Mistakes;
use crate::reading::key_span;
use crate::table::{MAX_LIMITS, SELECT};
use crate::{Limit, LimitMode, Per, Select, words};

/// The names that limits can be for.
pub(super) struct Known<'a> {
    /// `None`: they are not looked up.
    pub(super) tenants: Option<&'a [Arc<str>]>,
    pub(super) models: &'a [Arc<str>],
    pub(super) listeners: &'a [Arc<str>],
}

/// Limits so far.
struct Limits<'a> {
    known: &'a Known<'a>,
    list: Vec<Limit>,
    names: HashMap<Arc<str>, Span>,
    /// How many count the same.
    alike: HashMap<String, usize>,
    mistakes: &'a mut Mistakes,
}

/// All limits of the root file.
pub(super) fn limits(root: &Node, known: &Known<'_>, mistakes: &mut Mistakes) -> Vec<Limit> {
    let (names, alike) = (HashMap::new(), HashMap::new());
    let mut limits = Limits { known, list: Vec::new(), names, alike, mistakes };
    let listed = root.get("limits").map(Node::items).unwrap_or_default();
    let listeners = root.get("listeners").map(Node::entries).unwrap_or_default();
    let short = listeners.iter().filter_map(|(name, _, node)| Some((name, node.get("limit_per_ip")?)));
    if let Some(first) =
        listed.iter().map(|node| &node.span).chain(short.clone().map(|(_, node)| &node.span)).nth(MAX_LIMITS)
    {
        limits.mistakes.at(first, format!("more than {MAX_LIMITS} limits"));
        return Vec::new();
    }
    for (place, node) in listed.iter().enumerate() {
        limits.listed(place, node);
    }
    for (listener, node) in short {
        limits.of_listener(listener, node);
    }
    limits.list
}

impl Limits<'_> {
    fn listed(&mut self, place: usize, node: &Node) {
        let given = node.get("name").and_then(Node::text);
        let name: Arc<str> = given.map_or_else(|| format!("limit-{}", place + 1).into(), Arc::from);
        let requests = self.quota(node);
        let concurrency = node.get("concurrency").and_then(Node::integer).and_then(NonZeroU64::new);
        // What is written and does not fit was reported as such.
        let written = |key: &str| key_span(node, key).is_some();
        if !written("requests") && !written("concurrency") {
            let help = "give it `requests`, `concurrency` or both";
            self.mistakes.helped(&node.span, format!("the limit {} limits nothing", words::quoted(&name)), help);
        }
        let mode = match node.get("mode").and_then(Node::text) {
            Some("observe") => LimitMode::Observe,
            Some(_) | None => LimitMode::Enforce,
        };
        let (select, per) = (self.select(node), self.per(node));
        let named = given.map(|name| format!(" named {name:?}")).unwrap_or_default();
        let fingerprint = self.fingerprint(&select, &per, &named);
        let span = node.get("name").map_or(&node.span, |name| &name.span).clone();
        self.add(Limit { name, fingerprint, select, per, requests, concurrency, mode, span });
    }

    fn of_listener(&mut self, listener: &str, node: &Node) {
        let Some(rate) = node.rate() else { return };
        let select = Select { listener: Some(listener.into()), ..Select::default() };
        let per = vec![Per::Address];
        let fingerprint = self.fingerprint(&select, &per, " in short");
        self.add(Limit {
            name: format!("{listener}-per-ip").into(),
            fingerprint,
            select,
            per,
            requests: Some(quota(rate, None)),
            concurrency: None,
            mode: LimitMode::Enforce,
            span: node.span.clone(),
        });
    }

    fn add(&mut self, limit: Limit) {
        if let Some(other) = self.names.insert(Arc::clone(&limit.name), limit.span.clone()) {
            let message = format!("two limits are called {}", words::quoted(&limit.name));
            self.mistakes.helped(&limit.span, message, format!("the other one is at {other}: give one another `name`"));
        }
        self.list.push(limit);
    }

    fn quota(&mut self, node: &Node) -> Option<Quota> {
        let burst = node.get("burst");
        if let Some(burst) = burst
            && key_span(node, "requests").is_none()
        {
            self.mistakes.helped(
                &burst.span,
                "`burst` says how many `requests` may come at once",
                "give `requests`, too",
            );
        }
        let burst = burst.and_then(Node::integer).and_then(NonZeroU64::new);
        Some(quota(node.get("requests")?.rate()?, burst))
    }

    /// What tells it from limits that count something else, also from those before it that count the same.
    fn fingerprint(&mut self, select: &Select, per: &[Per], named: &str) -> Arc<str> {
        let counted = format!("{select:?} per {per:?}{named}");
        let before = self.alike.entry(counted.clone()).or_default();
        *before += 1;
        format!("{counted} {before}").into()
    }

    fn select(&mut self, node: &Node) -> Select {
        let select = node.get("for");
        let text = |key: &str| Some(select?.get(key)?).filter(|node| node.text().is_some());
        if let Some(at) = key_span(node, "for")
            && SELECT.iter().all(|field| select.is_none_or(|select| key_span(select, field.name).is_none()))
        {
            self.mistakes.helped(at, "`for` does not say whose requests", "leave it out where all are meant");
        }
        for key in ["group", "principal"] {
            if let Some(empty) = text(key).filter(|node| node.text() == Some("")) {
                self.mistakes.at(&empty.span, format!("`{key}` is empty"));
            }
        }
        let arc = |node: Option<&Node>| node.and_then(Node::text).map(Arc::from);
        let (tenant, listener) = (text("tenant"), text("listener"));
        if let (Some(tenant), Some(known)) = (tenant, self.known.tenants) {
            self.look_up(tenant, "tenant", known);
        }
        if let Some(listener) = listener {
            self.look_up(listener, "listener", self.known.listeners);
        }
        Select {
            tenant: arc(tenant),
            group: arc(text("group")),
            principal: arc(text("principal")),
            listener: arc(listener),
            models: self.models(node, text("model")),
        }
    }

    fn models(&mut self, node: &Node, one: Option<&Node>) -> Option<Vec<Arc<str>>> {
        let several = node.get("models");
        if let (Some(one), Some(_)) = (one, several) {
            let help = "leave `model` out of `for`, and write it into `models`";
            self.mistakes.helped(&one.span, "the models are said twice", help);
        }
        let named: Vec<&Node> = match several {
            Some(several) => several.items().iter().collect(),
            None => vec![one?],
        };
        for node in &named {
            self.look_up(node, "model", self.known.models);
        }
        let mut models: Vec<Arc<str>> = named.into_iter().filter_map(Node::text).map(Arc::from).collect();
        models.sort_unstable();
        models.dedup();
        Some(models)
    }

    fn per(&mut self, node: &Node) -> Vec<Per> {
        let Some(node) = node.get("per") else { return Vec::new() };
        let written: Vec<&Node> = if node.text().is_some() { vec![node] } else { node.items().iter().collect() };
        let mut per = Vec::new();
        for node in written {
            let Some(word) = node.text().and_then(word) else { continue };
            if per.contains(&word) {
                self.mistakes.at(&node.span, "`per` says the same twice");
            } else {
                per.push(word);
            }
        }
        per.sort_unstable();
        per
    }

    fn look_up(&mut self, node: &Node, what: &str, known: &[Arc<str>]) {
        let Some(name) = node.text() else { return };
        if known.iter().any(|known| **known == *name) {
            return;
        }
        let known = || known.iter().map(|name| &**name);
        let help = self.mistakes.suggestion(known().count(), || did_you_mean(name, known()));
        self.mistakes.helped(&node.span, format!("there is no {what} {}", words::quoted(name)), help);
    }
}

fn quota(rate: Rate, burst: Option<NonZeroU64>) -> Quota {
    let most = NonZeroU64::new(MAX_BURST).unwrap_or(rate.quantity);
    Quota { rate, burst: burst.unwrap_or(rate.quantity.min(most)) }
}

fn word(word: &str) -> Option<Per> {
    match word {
        "tenant" => Some(Per::Tenant),
        "principal" => Some(Per::Principal),
        "address" => Some(Per::Address),
        "model" => Some(Per::Model),
        "listener" => Some(Per::Listener),
        _ => None,
    }
}
