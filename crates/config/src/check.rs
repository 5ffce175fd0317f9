//! Walks a tree along the table of keys and reports all that does not fit. It knows shapes, not meanings: what one key
//! says about another is for `resolve`.

use sluicegate_core::{Catalog, Field, Node, Shape, Span, UpstreamKind, Value, suggest};

use crate::mistakes::Mistakes;
use crate::table::{INCLUDE, LATER_PROTOCOLS, MODEL_KEY, REMOTE, ROOT, TENANT_KEY, VERSION_KEY, WHEN_MISSING};
use crate::{names, scalar, words};

/// Checks a root file.
pub(crate) fn root(node: &Node, catalog: &Catalog, mistakes: &mut Mistakes) {
    Checker { catalog, mistakes }.file(node, ROOT, Elsewhere::Nothing);
}

/// Checks an include file.
pub(crate) fn include(node: &Node, catalog: &Catalog, mistakes: &mut Mistakes) {
    Checker { catalog, mistakes }.file(node, INCLUDE, Elsewhere::Root);
}

/// Checks `node`, which stands by itself, against `shape`.
pub(crate) fn alone(name: &str, node: &Node, shape: &Shape, catalog: &Catalog, mistakes: &mut Mistakes) {
    Checker { catalog, mistakes }.value(name, &node.span, node, shape);
}

/// Whether `node` fits `shape`.
pub(crate) fn fits(node: &Node, shape: &Shape, catalog: &Catalog) -> bool {
    let mut mistakes = Mistakes::default();
    Checker { catalog, mistakes: &mut mistakes }.value("", &node.span, node, shape);
    mistakes.is_empty()
}

struct Checker<'a> {
    catalog: &'a Catalog,
    mistakes: &'a mut Mistakes,
}

/// Keys that are unknown at a place, but known at another.
#[derive(Clone, Copy)]
enum Elsewhere {
    Nothing,
    /// Those of the root file.
    Root,
    /// Those of backends that are reached over a network, seen from a kind that is not.
    Remote(&'static UpstreamKind),
    /// Which keys there are cannot be said.
    Anything,
}

impl Checker<'_> {
    fn file(&mut self, node: &Node, fields: &'static [Field], elsewhere: Elsewhere) {
        match &node.value {
            Value::Null => {
                let first = fields.first().map_or("version", |field| field.name);
                self.mistakes.helped(&node.span, "the file is empty", format!("it begins with `{first}`"));
            }
            Value::Scalar(_) | Value::List(_) => {
                self.mistakes.helped(&node.span, "a file is a mapping", "write `key: value`");
            }
            Value::Map(_) => self.object(&node.span, node, &[fields], elsewhere),
        }
    }

    /// Checks the value of the key `name` that stands at `at`.
    fn value(&mut self, name: &str, at: &Span, node: &Node, shape: &Shape) {
        match (&node.value, shape) {
            (Value::Null | Value::Map(_), Shape::Object(fields)) => {
                self.object(at, node, &[fields], Elsewhere::Nothing);
            }
            (Value::Null | Value::Map(_), Shape::OneOf(groups)) => self.one_of(at, node, groups),
            (Value::Map(_), Shape::Either(_, full)) | (Value::List(_), Shape::Either(_, full @ Shape::List(_))) => {
                self.value(name, at, node, full);
            }
            (Value::Null | Value::Map(_), Shape::Kind(common)) => self.kind(at, node, common),
            (Value::Null | Value::Map(_), Shape::Map { key, value }) => {
                for (name, span, node) in node.entries() {
                    self.key(name, span, key);
                    self.value(name, span, node, value);
                }
            }
            (Value::List(items), Shape::List(item)) => {
                if items.is_empty() {
                    let help = when_missing(name).map_or("leave it out, or give it an item", |(_, help)| help);
                    self.mistakes.helped(at, format!("{} is empty", words::quoted(name)), help);
                }
                for node in items {
                    self.value(name, &node.span, node, item);
                }
            }
            (Value::Null, Shape::Choice(choices)) if choices.iter().any(|(word, _)| *word == "null") => {}
            (Value::Null, _) => self.null(name, at, shape),
            (Value::Scalar(text), _) => {
                if let Some(scalar::Wrong { problem, help }) = scalar::wrong(node, text, shape) {
                    let message = format!("{} {problem}", words::quoted(name));
                    match help {
                        Some(help) => self.mistakes.helped(&node.span, message, help),
                        None => self.mistakes.at(&node.span, message),
                    }
                }
            }
            (Value::List(_), _) => self.other(name, node, shape, "a list"),
            (Value::Map(_), _) => self.other(name, node, shape, "a mapping"),
        }
    }

    fn null(&mut self, name: &str, at: &Span, shape: &Shape) {
        let help = when_missing(name).map_or_else(|| format!("it takes {}", words::expected(shape)), |it| it.1.into());
        self.mistakes.helped(at, format!("{} has no value", words::quoted(name)), help);
    }

    fn other(&mut self, name: &str, node: &Node, shape: &Shape, found: &str) {
        let (name, expected) = (words::quoted(name), words::expected(shape));
        self.mistakes.at(&node.span, format!("{name} takes {expected}, not {found}"));
    }

    /// Checks a key of the user's choice.
    fn key(&mut self, name: &str, span: &Span, rule: &str) {
        let (what, problem) = match rule {
            MODEL_KEY => ("model", names::wrong(name, names::MODEL)),
            VERSION_KEY => ("version", names::wrong(name, names::VERSION)),
            TENANT_KEY if names::is_lower(name) => return,
            TENANT_KEY => {
                let message = format!("{} is not the name of a tenant", words::quoted(name));
                let help = "`a` to `z`, `0` to `9`, `.`, `_` and `-`, at most 64";
                return self.mistakes.helped(span, message, help);
            }
            _ if names::is_plain(name) => return,
            _ => {
                let message = format!("{} is not a name", words::quoted(name));
                let help = "letters, digits, `.`, `_` and `-`, at most 128, and a letter or digit first";
                return self.mistakes.helped(span, message, help);
            }
        };
        if let Some(problem) = problem {
            self.mistakes.at(span, format!("the name of a {what} {problem}"));
        }
    }

    /// Checks the keys of a mapping that stands at `at` against `groups` of fields.
    fn object(&mut self, at: &Span, node: &Node, groups: &[&'static [Field]], elsewhere: Elsewhere) {
        let fields = || groups.iter().copied().flatten();
        for (name, span, node) in node.entries() {
            match fields().find(|field| field.name == name) {
                Some(field) if field.built => self.value(name, span, node, &field.shape),
                Some(_) => self.mistakes.at(span, format!("{} is not in this build", words::quoted(name))),
                None => self.unknown(name, span, groups, elsewhere),
            }
        }
        for field in fields().filter(|field| field.required && field.built) {
            if node.entries().iter().all(|(name, ..)| name != field.name) {
                let name = words::quoted(field.name);
                match when_missing(field.name) {
                    Some((why, help)) => self.mistakes.helped(at, format!("{name} is missing: {why}"), help),
                    None => {
                        let help = format!("it takes {}", words::expected(&field.shape));
                        self.mistakes.helped(at, format!("{name} is missing"), help);
                    }
                }
            }
        }
    }

    fn unknown(&mut self, name: &str, span: &Span, groups: &[&'static [Field]], elsewhere: Elsewhere) {
        let known = || groups.iter().copied().flatten().filter(|field| field.built).map(|field| field.name);
        let is_among = |fields: &[Field]| fields.iter().any(|field| field.name == name);
        let key = words::quoted(name);
        match elsewhere {
            Elsewhere::Anything => {}
            Elsewhere::Root if is_among(ROOT) => {
                self.mistakes.helped(span, format!("only the root file may set {key}"), "an include sets `models`");
            }
            Elsewhere::Remote(kind) if is_among(REMOTE) => {
                let message = format!("a backend of protocol `{}` has no {key}", kind.kind);
                self.mistakes.helped(span, message, "leave it out: nothing is reached over a network");
            }
            Elsewhere::Nothing | Elsewhere::Root | Elsewhere::Remote(_) => {
                let help = self.mistakes.suggestion(known().count(), || match suggest(name, known()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", words::listed(known())),
                });
                self.mistakes.helped(span, format!("unknown key {key}"), help);
            }
        }
    }

    /// Checks a mapping whose keys are those of the group whose first key it has.
    fn one_of(&mut self, at: &Span, node: &Node, groups: &'static [&'static [Field]]) {
        let first = |group: &&'static [Field]| group.first().map(|field| field.name);
        let has = |name: &str| node.entries().iter().any(|(key, ..)| key == name);
        match groups.iter().find(|group| first(group).is_some_and(has)) {
            Some(group) => self.object(at, node, &[group], Elsewhere::Nothing),
            None => {
                let names = || groups.iter().filter_map(first);
                let near = node.entries().iter().find_map(|(key, ..)| suggest(key, names()));
                let help = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write one of {}", words::listed(names())),
                };
                self.mistakes.helped(at, "none of its keys says what it is", help);
            }
        }
    }

    /// Checks a mapping whose `protocol` decides which keys it has.
    fn kind(&mut self, at: &Span, node: &Node, common: &'static [Field]) {
        let protocol = node.get("protocol").and_then(|protocol| Some((protocol, protocol.text()?)));
        let found = protocol.and_then(|(_, text)| self.catalog.upstream(text));
        if let Some((node, text)) = protocol
            && found.is_none()
        {
            self.unknown_kind(node, text);
        }
        match found {
            Some(kind) if kind.remote => {
                self.object(at, node, &[common, REMOTE, kind.fields], Elsewhere::Nothing);
            }
            Some(kind) => self.object(at, node, &[common, kind.fields], Elsewhere::Remote(kind)),
            None => {
                // Without a protocol what is missing cannot be said either, except the protocol itself.
                self.object(at, node, &[common], Elsewhere::Anything);
                for (name, span, node) in node.entries() {
                    if let Some(field) = REMOTE.iter().find(|field| field.name == name) {
                        self.value(name, span, node, &field.shape);
                    }
                }
            }
        }
    }

    fn unknown_kind(&mut self, node: &Node, text: &str) {
        let kinds = || self.catalog.upstreams.iter().map(|kind| kind.kind);
        let help = match suggest(text, kinds()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", words::listed(kinds())),
        };
        match LATER_PROTOCOLS.iter().find(|later| **later == text) {
            Some(later) => {
                let help = format!("one of {}", words::listed(kinds()));
                self.mistakes.helped(&node.span, format!("protocol `{later}` is not in this build"), help);
            }
            // What is no name at all is reported as such, by its shape.
            None if names::is_plain(text) => self.mistakes.helped(&node.span, "`protocol` is not known", help),
            None => {}
        }
    }
}

/// Why a key must be given, and what to write.
fn when_missing(name: &str) -> Option<(&'static str, &'static str)> {
    WHEN_MISSING.iter().find(|(key, ..)| *key == name).map(|(_, why, help)| (*why, *help))
}
