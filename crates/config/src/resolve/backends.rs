//! Backends: their kind's own settings decoded, their endpoints read, and which models point to them.

mod resilience;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sluicegate_core::{
    BackendModel, BackendPlan, Catalog, Endpoint, LoadedModel, Mistake, ModelSource, Node, Shape, Span, UpstreamKind,
};

use super::files::Files;
use super::{Checked, did_you_mean, near, tls};
use crate::mistakes::Mistakes;
use crate::reading::{Reading, key_span};
use crate::table::{BACKEND, ENDPOINT, MAX_BACKENDS, TIMEOUTS};
use crate::{check, url, words};

/// How the names of protocols over gRPC end.
const OVER_GRPC: &str = "-grpc";

/// The backends of the root file.
pub(super) struct Backends<'a> {
    list: Vec<Backend<'a>>,
    by_name: HashMap<&'a str, usize>,
    /// Where `backends` stands, once there are so many that a warning is due.
    crowded: Option<Mistake>,
}

struct Backend<'a> {
    name: &'a str,
    span: &'a Span,
    kind: Option<&'static UpstreamKind>,
    /// Absent where the backend has mistakes of its own.
    entry: Option<crate::Backend>,
    used: bool,
    models: HashSet<(BackendModel, Option<Arc<str>>)>,
}

/// What a model needs to know of a backend it names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    index: usize,
    /// `None` where the backend's own entry has a mistake.
    pub(super) kind: Option<&'static UpstreamKind>,
}

impl<'a> Backends<'a> {
    pub(super) fn read(file: &'a Checked, catalog: &Catalog, files: &mut Files<'_>, mistakes: &mut Mistakes) -> Self {
        let root = &file.node;
        let entries = root.get("backends").map(Node::entries).unwrap_or_default();
        if let Some((_, span, _)) = entries.get(MAX_BACKENDS) {
            mistakes.at(span, format!("more than {MAX_BACKENDS} backends"));
        }
        let crowded = key_span(root, "backends").and_then(|at| near(entries.len(), MAX_BACKENDS, "backends", at));
        let mut all = Self { list: Vec::new(), by_name: HashMap::new(), crowded };
        // Backends beyond the limit are known by name, so that models do not seem to point nowhere.
        for (index, (name, span, node)) in entries.iter().enumerate() {
            let kind = node.get("protocol").and_then(Node::text).and_then(|kind| catalog.upstream(kind));
            let entry = match kind {
                Some(kind) if index < MAX_BACKENDS && check::fits(node, &Shape::Kind(BACKEND), catalog) => {
                    Entry { file: &file.path, name, span, node, kind }.resolve(files, mistakes)
                }
                Some(_) | None => None,
            };
            all.by_name.insert(name, all.list.len());
            all.list.push(Backend { name, span, kind, entry, used: false, models: HashSet::new() });
        }
        all
    }

    /// Looks up the backend that `node` names.
    pub(super) fn find(&mut self, node: &Node, mistakes: &mut Mistakes) -> Option<Found> {
        let name = node.text()?;
        match self.by_name.get(name) {
            Some(index) => {
                let backend = self.list.get_mut(*index)?;
                backend.used = true;
                Some(Found { index: *index, kind: backend.kind })
            }
            // A text that is no name was reported as such.
            None if !crate::names::is_plain(name) => None,
            None => {
                let known = self.list.iter().map(|backend| backend.name);
                let message = format!("there is no backend {}", words::quoted(name));
                let help = mistakes.suggestion(self.list.len(), || did_you_mean(name, known));
                mistakes.helped(&node.span, message, help);
                None
            }
        }
    }

    /// Says that a model's version is on the backend `found`.
    pub(super) fn add(&mut self, found: Found, model: &BackendModel, source: Option<&ModelSource>) {
        let Some(backend) = self.list.get_mut(found.index) else { return };
        let Some(crate::Backend { plan, .. }) = &mut backend.entry else { return };
        if backend.models.insert((model.clone(), source.map(|source| source.path.clone()))) {
            plan.models.push(LoadedModel { model: model.clone(), source: source.cloned() });
        }
    }

    /// The plans; a backend that no model names is worth a warning.
    pub(super) fn finish(self, warnings: &mut Mistakes) -> Vec<crate::Backend> {
        warnings.extend(self.crowded);
        for backend in self.list.iter().filter(|backend| !backend.used) {
            let message = format!("no model uses the backend {}", words::quoted(backend.name));
            warnings.helped(backend.span, message, "remove it, or name it in a model's `backend`");
        }
        self.list.into_iter().filter_map(|backend| backend.entry).collect()
    }
}

/// A backend as it is written.
struct Entry<'a> {
    /// The path of the file it stands in.
    file: &'a str,
    name: &'a str,
    span: &'a Span,
    node: &'a Node,
    kind: &'static UpstreamKind,
}

/// Where an endpoint's address stands, written in short or in full.
fn url_of(item: &Node) -> Option<&Node> {
    if item.entries().is_empty() { Some(item) } else { item.get("url") }
}

impl Entry<'_> {
    fn resolve(&self, files: &mut Files<'_>, mistakes: &mut Mistakes) -> Option<crate::Backend> {
        let settings = match (self.kind.decode)(self.node) {
            Ok(settings) => settings,
            Err(found) => {
                mistakes.extend(found);
                return None;
            }
        };
        let name: Arc<str> = self.name.into();
        let (endpoints, weights): (Vec<Endpoint>, Vec<u32>) = if self.kind.remote {
            self.endpoints(files, mistakes).into_iter().unzip()
        } else {
            (vec![Endpoint { authority: name.clone(), prefix: "".into(), tls: None }], vec![1])
        };
        let plan = BackendPlan {
            name,
            kind: self.kind.kind,
            settings,
            fingerprint: self.node.canonical(),
            span: self.span.clone(),
            endpoints,
            connect_timeout: Reading::of(self.node, "timeouts", TIMEOUTS).duration("connect"),
            models: Vec::new(),
        };
        Some(crate::Backend { plan, weights, resilience: resilience::resilience(self.node) })
    }

    /// Its endpoints and their weights.
    fn endpoints(&self, files: &mut Files<'_>, mistakes: &mut Mistakes) -> Vec<(Endpoint, u32)> {
        let items = self.node.get("endpoints").map(Node::items).unwrap_or_default();
        let secure = self.secure(items, mistakes);
        let at = key_span(self.node, "tls").unwrap_or(self.span);
        let identity = if secure { tls::identity(self.file, self.node.get("tls"), at, files, mistakes) } else { None };
        let mut seen = HashMap::new();
        let mut endpoints = Vec::new();
        for item in items {
            let Some(Ok(address)) = url_of(item).and_then(Node::text).map(url::address) else { continue };
            if address.grpc && !self.kind.kind.ends_with(OVER_GRPC) {
                let message =
                    format!("`endpoints` has the scheme of gRPC, over which `{}` does not run", self.kind.kind);
                let plain = if address.secure { "https" } else { "http" };
                mistakes.helped(&item.span, message, format!("write `{plain}://`, or another `protocol`"));
            }
            let endpoint = Endpoint { authority: address.authority, prefix: address.prefix, tls: identity.clone() };
            if let Some(first) = seen.insert(endpoint.clone(), &item.span) {
                mistakes.helped(&item.span, "an endpoint is given twice", format!("it is also given at {first}"));
            } else {
                endpoints.push((endpoint, Reading::on(item, ENDPOINT).count("weight")));
            }
        }
        endpoints
    }

    /// Whether the endpoints are reached over TLS: all of them, or none. Where some are, a request must not go plain only
    /// because it was the other's turn.
    fn secure(&self, items: &[Node], mistakes: &mut Mistakes) -> bool {
        let addresses = || items.iter().filter_map(|item| Some((item, url::address(url_of(item)?.text()?).ok()?)));
        let asked = key_span(self.node, "tls").is_some();
        let secure = asked || addresses().any(|(_, address)| address.secure);
        if secure {
            for (item, address) in addresses().filter(|(_, address)| !address.secure) {
                let why = if asked { "the backend has `tls`" } else { "others of the backend are over TLS" };
                let scheme = if address.grpc { "grpcs" } else { "https" };
                let message = format!("an endpoint is not over TLS, though {why}");
                mistakes.helped(&item.span, message, format!("write `{scheme}://`"));
            }
        }
        secure
    }
}
