//! What `sluicegate can` answers, for people and for programs.

use serde::Serialize;
use sluicegate_core::Operation;
use sluicegate_rules::{Access, Effect};

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) allowed: bool,
    /// Whether it is served though it is not allowed: the model's rules are merely observed.
    pub(super) observed: bool,
    pub(super) principal: String,
    pub(super) operation: String,
    pub(super) model: String,
    /// The version that was asked about.
    pub(super) version: Option<String>,
    /// The versions that the caller may use.
    pub(super) versions: Vec<String>,
    /// The rules that decided.
    pub(super) rules: Vec<Rule>,
    pub(super) why: String,
    /// What to write where it is not allowed.
    pub(super) advice: Option<String>,
}

/// A rule that decided, and where it stands.
#[derive(Debug, Serialize)]
pub(super) struct Rule {
    file: String,
    line: u32,
    column: u32,
    #[serde(serialize_with = "word")]
    pub(super) effect: Effect,
    who: String,
    /// `None`: all.
    versions: Option<Vec<String>>,
    operations: Vec<&'static str>,
}

impl Report {
    pub(super) fn draw(&self) -> String {
        let Self { principal, operation, model, .. } = self;
        let with = match &self.version {
            Some(version) => format!("`{operation}` {model}@{version}"),
            None => format!("`{operation}` {model}"),
        };
        let mut text = if self.allowed {
            format!("yes: {principal} may {with} (version {})\n  {}\n", self.versions.join(", "), self.why)
        } else {
            format!("no: {principal} may not {with}\n  {}\n", self.why)
        };
        for rule in &self.rules {
            text.push_str(&format!("  {}: {}\n", rule.place(), rule.told()));
        }
        if self.observed {
            text.push_str(
                "  it is served all the same, and told as `would_refuse`: the model's `policy` is `observe`\n",
            );
        }
        if let Some(advice) = &self.advice {
            text.push_str(&format!("  {advice}\n"));
        }
        text
    }
}

impl Rule {
    pub(super) fn of(rule: &Access) -> Self {
        Self {
            file: rule.span.file.to_string(),
            line: rule.span.line,
            column: rule.span.column,
            effect: rule.effect,
            who: rule.who.to_string(),
            versions: rule.versions.as_ref().map(|names| names.iter().map(ToString::to_string).collect()),
            operations: rule.operations.iter().map(Operation::as_str).collect(),
        }
    }

    /// Where it stands.
    pub(super) fn place(&self) -> String {
        format!("{}:{}:{}", self.file, self.line, self.column)
    }

    fn told(&self) -> String {
        let versions =
            self.versions.as_ref().map_or_else(String::new, |names| format!(", version {}", names.join(", ")));
        format!("{} {}{versions}: {}", effect(self.effect), self.who, self.operations.join(", "))
    }
}

const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "allow",
        Effect::Forbid => "deny",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn word<S: serde::Serializer>(what: &Effect, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(effect(*what))
}
