//! Models: their names unique and unlike each other across files, their versions, and which of those answers.

mod access;
mod versions;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::{Mistake, Node, NonFinite, Span};

use self::versions::Context;
use super::backends::Backends;
use super::files::Files;
use super::tenants::Known;
use super::{Checked, near};
use crate::mistakes::Mistakes;
use crate::reading::{self, Reading, priority, raw};
use crate::table::{DEFAULTS, MAX_MODELS, STREAM};
use crate::{Model, PolicyMode, StreamTimes, names, words};

/// The models of all files.
pub(super) struct Models {
    list: Vec<Model>,
    stream: StreamTimes,
    /// What was found on the way.
    warnings: Vec<Mistake>,
    /// How many were named, with mistakes or without.
    named: usize,
    at: Span,
}

/// What models inherit.
struct Defaults {
    timeout: Duration,
    stream: StreamTimes,
    non_finite: NonFinite,
    policy: PolicyMode,
}

/// A model's name that was met before.
struct Taken<'a> {
    name: &'a str,
    span: &'a Span,
    owner: Option<&'a str>,
}

impl Models {
    pub(super) fn read(
        root: &Checked,
        includes: &[Checked],
        tenants: &Known<'_>,
        backends: &mut Backends<'_>,
        files: &mut Files<'_>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let defaults = Defaults::read(root);
        let stream = defaults.stream;
        let mut all = Self { list: Vec::new(), stream, warnings: Vec::new(), named: 0, at: root.node.span.clone() };
        let mut taken: HashMap<String, Taken<'_>> = HashMap::new();
        for (file, whose) in std::iter::once((root, None)).chain(includes.iter().map(|file| (file, owner(&file.node))))
        {
            for (name, span, node) in file.node.get("models").map(Node::entries).unwrap_or_default() {
                all.named += 1;
                if all.named > MAX_MODELS {
                    mistakes.helped(span, format!("more than {MAX_MODELS} models"), "use several gateways");
                    return all;
                }
                let owner = owner_of(node, whose, mistakes);
                if let Some(before) = taken.get(&names::folded(name)) {
                    refuse_twin(name, span, owner, before, mistakes);
                } else if names::wrong(name, names::MODEL).is_none() {
                    taken.insert(names::folded(name), Taken { name, span, owner });
                }
                let mut context = Context { backends, files, mistakes, file: &file.path, model: name };
                let versions = context.versions(node, span).unwrap_or_default();
                let stable = context.stable(node, span, &versions);
                let access = access::rules(node, tenants, mistakes);
                all.warnings.extend(access::lax(node, access.as_deref().unwrap_or_default()));
                all.list.push(Model {
                    name: name.as_str().into(),
                    owner: owner.map(Arc::from),
                    versions,
                    stable,
                    timeout: node.get("timeout").and_then(Node::duration).unwrap_or(defaults.timeout),
                    priority: node.get("priority").and_then(Node::text).and_then(priority).unwrap_or_default(),
                    stream: stream_of(node, defaults.stream),
                    non_finite: raw(node, "non_finite").and_then(reading::non_finite).unwrap_or(defaults.non_finite),
                    access,
                    policy: policy_of(node).unwrap_or(defaults.policy),
                    span: span.clone(),
                });
            }
        }
        all
    }

    /// Says what is probably not meant; `identifies`: whether some listener identifies callers.
    pub(super) fn warn(&mut self, identifies: bool, warnings: &mut Mistakes) {
        warnings.extend(std::mem::take(&mut self.warnings));
        if identifies {
            self.list.iter().for_each(|model| access::warn_without(model, warnings));
        }
        warnings.extend(near(self.named, MAX_MODELS, "models", &self.at));
    }

    pub(super) fn done(self) -> (Vec<Model>, StreamTimes) {
        (self.list, self.stream)
    }
}

impl Defaults {
    fn read(root: &Checked) -> Self {
        let defaults = Reading::of(&root.node, "defaults", DEFAULTS);
        let stream = defaults.mapping("stream", STREAM);
        Self {
            timeout: defaults.duration("timeout"),
            stream: StreamTimes { idle: stream.duration("idle"), total: stream.duration("total") },
            non_finite: defaults.non_finite("non_finite"),
            policy: root.node.get("defaults").and_then(policy_of).unwrap_or_default(),
        }
    }
}

/// A model's own times, each where it is written.
fn stream_of(model: &Node, defaults: StreamTimes) -> StreamTimes {
    let own = |key: &str| model.get("stream").and_then(|stream| stream.get(key)).and_then(Node::duration);
    StreamTimes { idle: own("idle").unwrap_or(defaults.idle), total: own("total").unwrap_or(defaults.total) }
}

/// What `policy` says of a model, or of all of them.
fn policy_of(node: &Node) -> Option<PolicyMode> {
    match node.get("policy").and_then(Node::text)? {
        "enforce" => Some(PolicyMode::Enforce),
        "observe" => Some(PolicyMode::Observe),
        _ => None,
    }
}

fn owner(node: &Node) -> Option<&str> {
    node.get("owner").and_then(Node::text)
}

/// Whose a model is: the file's owner holds for all its models.
fn owner_of<'a>(model: &'a Node, file: Option<&'a str>, mistakes: &mut Mistakes) -> Option<&'a str> {
    let own = model.get("owner");
    if let (Some(own), Some(file)) = (own, file)
        && own.text().is_some_and(|own| own != file)
    {
        let message = format!("the whole file belongs to {}", words::quoted(file));
        mistakes.helped(&own.span, message, "leave `owner` out here");
    }
    file.or_else(|| own.and_then(Node::text))
}

/// Reports a model whose name is taken, or looks as if it were.
fn refuse_twin(name: &str, span: &Span, owner: Option<&str>, before: &Taken<'_>, mistakes: &mut Mistakes) {
    let whose =
        |owner: Option<&str>| owner.map_or_else(|| "no owner".to_owned(), |it| format!("owner {}", words::quoted(it)));
    let (this, other) = (words::quoted(name), words::quoted(before.name));
    let place = format!("{} ({})", before.span, whose(before.owner));
    let own = whose(owner);
    if name == before.name {
        let message = format!("model {this} ({own}) is also defined at {place}");
        mistakes.helped(span, message, "a model stands in one file: remove one of them");
    } else {
        let message = format!("model {this} ({own}) can be mistaken for {other}, defined at {place}");
        mistakes.helped(span, message, "names must differ by more than case or what stands at their end");
    }
}
