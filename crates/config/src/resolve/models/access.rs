//! A model's `access`: tenants and versions looked up, callers and groups checked, defaults filled in.

use std::collections::HashSet;
use std::sync::Arc;

use sluicegate_core::{Mistake, Node, Operation, OperationSet};

use super::super::did_you_mean;
use super::super::tenants::Known;
use super::versions::named;
use crate::mistakes::Mistakes;
use crate::reading::raw;
use crate::table::MAX_RULES;
use crate::{AccessRule, Effect, Model, Who, names, words};

/// What a rule is about that does not say it: everything that is asked of models, but `manage`.
const USUAL: [&str; 2] = ["run", "read"];

/// The most characters of a group's name.
const GROUP: usize = 256;

/// What stands in front of the name of a key in a principal's id.
const KEY: &str = "key:";

/// What ids of those begin with that bring tokens; the issuer's name and the subject follow.
const TOKEN: &str = "oidc:";

/// Characters of a subject (OpenID Connect Core, section 2).
const SUBJECT: usize = 255;

/// The one who is no one.
const ANONYMOUS: &str = "anonymous";

/// What is at hand where a rule is read.
struct Context<'a, 'm> {
    tenants: &'a Known<'a>,
    versions: Vec<&'a str>,
    known: HashSet<&'a str>,
    mistakes: &'m mut Mistakes,
}

/// The rules of the model `node`; `None` where it has no `access`.
pub(super) fn rules(node: &Node, tenants: &Known<'_>, mistakes: &mut Mistakes) -> Option<Vec<AccessRule>> {
    let rules = raw(node, "access")?.items();
    if let Some(rule) = rules.get(MAX_RULES) {
        mistakes.helped(&rule.span, format!("more than {MAX_RULES} rules of a model"), "use tenants and groups");
    }
    let versions = named(node);
    let known = versions.iter().copied().collect();
    let mut context = Context { tenants, versions, known, mistakes };
    Some(rules.iter().take(MAX_RULES).filter_map(|rule| context.rule(rule)).collect())
}

/// Says of a model without rules what follows, where some listener identifies callers.
pub(super) fn warn_without(model: &Model, warnings: &mut Mistakes) {
    if model.access.is_none() {
        let name = words::quoted(&model.name);
        let message = format!("model {name} has no `access`: callers that are identified cannot use it");
        warnings.helped(&model.span, message, "write `access: [{ allow: everyone }]`, or who may");
    }
}

/// The rules of the model `node` that deny less than they seem to: they do not say what they are about, which is not
/// `manage`, and another one allows that.
pub(super) fn lax(node: &Node, rules: &[AccessRule]) -> Vec<Mistake> {
    let manages = |rule: &AccessRule| rule.effect == Effect::Allow && rule.operations.contains(Operation::Manage);
    if !rules.iter().any(manages) {
        return Vec::new();
    }
    let written = raw(node, "access").map(Node::items).unwrap_or_default();
    let lax = written.iter().filter(|rule| rule.get("deny").is_some() && raw(rule, "operations").is_none());
    lax.map(|rule| {
        Mistake::at(&rule.span, "this does not deny `manage`, which another rule of the model allows")
            .help("write `operations: [run, read, manage]`, or `operations: [run, read]` if it is meant")
    })
    .collect()
}

fn usual() -> OperationSet {
    USUAL.into_iter().filter_map(OperationSet::named).fold(OperationSet::NONE, OperationSet::union)
}

impl Context<'_, '_> {
    fn rule(&mut self, rule: &Node) -> Option<AccessRule> {
        let (effect, who) = match (rule.get("allow"), rule.get("deny")) {
            (Some(who), _) => (Effect::Allow, who),
            (None, who) => (Effect::Deny, who?),
        };
        let who = self.who(who);
        let versions = raw(rule, "versions").map(|versions| self.versions(versions));
        let operations = match raw(rule, "operations") {
            // A word that is not known was reported: it gives nothing here.
            Some(list) => {
                let sets = list.items().iter().filter_map(|word| OperationSet::named(word.text()?));
                sets.fold(OperationSet::NONE, OperationSet::union)
            }
            None => usual(),
        };
        Some(AccessRule { effect, who: who?, versions, operations, span: rule.span.clone() })
    }

    fn who(&mut self, node: &Node) -> Option<Who> {
        if let Some(name) = node.text() {
            return self.named(name, node);
        }
        if let Some(group) = node.get("group") {
            let name = group.text()?;
            if let Some(problem) = wrong_group(name) {
                self.mistakes.at(&group.span, format!("`group` {problem}"));
            }
            return Some(Who::Group(name.into()));
        }
        let principal = node.get("principal")?;
        let id = principal.text()?;
        if id != ANONYMOUS && !id.strip_prefix(KEY).is_some_and(names::is_lower) && !is_of_token(id) {
            let help = "the holder of an API key is `key:NAME`, of a token `oidc:ISSUER:SUBJECT`, a caller that is not identified \
                        `anonymous`";
            self.mistakes.helped(&principal.span, "`principal` is not the id of a caller", help);
        }
        Some(Who::Principal(id.into()))
    }

    /// `everyone`, or a tenant.
    fn named(&mut self, name: &str, node: &Node) -> Option<Who> {
        if name == names::EVERYONE {
            return Some(Who::Everyone);
        }
        if self.tenants.has(name) {
            return Some(Who::Tenant(name.into()));
        }
        if name == ANONYMOUS || name.starts_with(KEY) || name.starts_with(TOKEN) {
            let help = format!("a caller is written `{{ principal: {ANONYMOUS} }}` or `{{ principal: {KEY}NAME }}`");
            self.mistakes.helped(&node.span, "a caller stands where a tenant or `everyone` is expected", help);
        } else if names::is_lower(name) {
            let instead = self.tenants.instead_of(name, self.mistakes);
            let end = if instead.ends_with('?') { "" } else { ";" };
            let help = format!("{instead}{end} a group is written `{{ group: NAME }}`");
            self.mistakes.helped(&node.span, format!("there is no tenant {}", words::quoted(name)), help);
        } else {
            // What cannot be a name is not repeated: it may be a secret in the wrong place.
            let help = "write `everyone`, a tenant, `{ group: NAME }` or `{ principal: key:NAME }`";
            self.mistakes.helped(&node.span, "this is not the name of a tenant", help);
        }
        None
    }

    /// Names of versions, each once.
    fn versions(&mut self, list: &Node) -> Vec<Arc<str>> {
        let mut versions: Vec<Arc<str>> = Vec::new();
        let mut taken = HashSet::new();
        for node in list.items() {
            let Some(name) = node.text() else { continue };
            if !self.known.contains(name) {
                let (mistakes, known) = (&mut *self.mistakes, &self.versions);
                let help = mistakes.suggestion(known.len(), || did_you_mean(name, known.iter().copied()));
                mistakes.helped(&node.span, format!("there is no version {}", words::quoted(name)), help);
            } else if taken.insert(name) {
                versions.push(name.into());
            }
        }
        versions
    }
}

/// Why `name` cannot be a group's. What a provider of identities calls its groups is its affair.
fn wrong_group(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("must not be empty".to_owned())
    } else if name.chars().nth(GROUP).is_some() {
        Some(format!("has at most {GROUP} characters"))
    } else if name.chars().any(char::is_control) || name.trim() != name {
        Some("must not contain control characters, nor begin or end with a space".to_owned())
    } else {
        None
    }
}

/// Whether `id` is that of one who brings tokens.
fn is_of_token(id: &str) -> bool {
    let parts = id.strip_prefix(TOKEN).and_then(|rest| rest.split_once(':'));
    let is_subject =
        |subject: &str| (1..=SUBJECT).contains(&subject.chars().count()) && !subject.contains(char::is_control);
    parts.is_some_and(|(issuer, subject)| names::is_plain(issuer) && is_subject(subject))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use sluicegate_core::{NonFinite, Operation, Span};

    use super::{usual, warn_without};
    use crate::mistakes::Mistakes;
    use crate::{Model, StreamTimes};

    /// What is asked of the gateway itself is no model's affair.
    const OF_THE_GATEWAY: [Operation; 4] =
        [Operation::ServerLive, Operation::ServerReady, Operation::ServerMetadata, Operation::Reflect];

    #[test]
    fn what_a_rule_is_about_that_does_not_say_it_is_everything_but_manage() {
        for operation in Operation::ALL {
            let expected = operation != Operation::Manage && !OF_THE_GATEWAY.contains(&operation);
            assert_eq!(usual().contains(operation), expected, "{operation:?}");
        }
    }

    #[test]
    fn a_model_without_rules_is_told_of_and_one_with_rules_is_not() {
        let times = StreamTimes { idle: Duration::ZERO, total: Duration::ZERO };
        let mut model = Model {
            name: Arc::from("m"),
            owner: None,
            versions: Vec::new(),
            stable: 0,
            timeout: Duration::ZERO,
            priority: crate::Priority::Normal,
            stream: times,
            non_finite: NonFinite::Token,
            access: None,
            policy: crate::PolicyMode::Enforce,
            span: Span { file: Arc::from("g.yaml"), line: 3, column: 5 },
        };
        let told = |model: &Model| {
            let mut warnings = Mistakes::default();
            warn_without(model, &mut warnings);
            warnings.sorted().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let expected = "g.yaml:3:5: model `m` has no `access`: callers that are identified cannot use it (write \
                        `access: [{ allow: everyone }]`, or who may)";
        assert_eq!(told(&model), [expected]);
        model.access = Some(Vec::new());
        assert_eq!(told(&model), [""; 0]);
    }
}
