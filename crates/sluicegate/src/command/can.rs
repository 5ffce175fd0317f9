//! `sluicegate can`: who may do what with a model, by the configuration alone. Needs no running gateway.

mod report;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use sluicegate_config::{Listener, Method, Model, PolicyMode, Resolved};
use sluicegate_core::{Operation, OperationSet, Principal, PrincipalKind, suggest};
use sluicegate_flow::access::policies;
use sluicegate_rules::{Effect, Policies};

use self::report::{Report, Rule};
use crate::cli::Can;
use crate::output;
use crate::sources::{Loader, Origin};

/// A question, its names looked up.
struct Question<'a> {
    resolved: &'a Resolved,
    principal: Principal,
    operations: OperationSet,
    model: &'a Model,
    /// The place of the version that is asked about.
    version: Option<usize>,
}

/// What the rules come to, before it is put into words.
#[derive(Default)]
struct Found {
    /// The places of the versions with which all of it is permitted.
    versions: Vec<usize>,
    rules: Vec<Rule>,
}

/// Exit code 0: it may; 1: it may not; 2: the configuration cannot be read, or the question makes no sense.
pub(crate) fn run(options: &Can) -> anyhow::Result<ExitCode> {
    let resolved = match Loader::new(Origin::File(options.config.clone())).load() {
        Ok(resolved) => resolved,
        Err(mistakes) => {
            for mistake in &mistakes {
                output::tell(&mistake.to_string());
            }
            return Ok(ExitCode::from(2));
        }
    };
    let report = match Question::of(options, &resolved).and_then(|question| question.answer(&options.operation)) {
        Ok(report) => report,
        Err(unclear) => {
            output::complain(&unclear);
            return Ok(ExitCode::from(2));
        }
    };
    output::print(options.output.output, &report, Report::draw)?;
    Ok(if report.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl<'a> Question<'a> {
    fn of(options: &Can, resolved: &'a Resolved) -> anyhow::Result<Self> {
        let (model, version) = model(&options.model, &resolved.models)?;
        let operations = operations(&options.operation)?;
        Ok(Self { resolved, principal: principal(options, resolved)?, operations, model, version })
    }

    fn answer(&self, operation: &str) -> anyhow::Result<Report> {
        let policies = policies(self.model).map_err(|error| anyhow!("the rules cannot be used: {error}"))?;
        let found = match &policies {
            Some(policies) => self.decide(policies),
            // Callers that nobody identifies have all of it.
            None if self.is_anonymous() => self.all(),
            None => Found::default(),
        };
        let by_rules = self.version.map_or(!found.versions.is_empty(), |place| found.versions.contains(&place));
        let (allowed, why, advice) = match self.beside_the_rules() {
            Some((why, advice)) => (false, why, Some(advice)),
            None if by_rules => (true, self.why_allowed(policies.is_some()), None),
            None => {
                let (why, advice) = self.why_not(&found, policies.is_some());
                (false, why, Some(advice))
            }
        };
        let observed = !allowed && self.beside_the_rules().is_none() && self.is_observed();
        let name = |place: &usize| self.model.versions.get(*place).map(|version| version.name.to_string());
        let shown = found.versions.iter().filter(|place| allowed && self.version.is_none_or(|one| one == **place));
        Ok(Report {
            allowed,
            observed,
            principal: self.principal.id.to_string(),
            operation: operation.to_owned(),
            model: self.model.name.to_string(),
            version: self.version.as_ref().and_then(name),
            versions: shown.filter_map(name).collect(),
            rules: found.rules,
            why,
            advice,
        })
    }

    fn is_anonymous(&self) -> bool {
        self.principal.kind == PrincipalKind::Anonymous
    }

    /// Whether what the rules refuse is served all the same.
    fn is_observed(&self) -> bool {
        self.model.policy == PolicyMode::Observe && !self.operations.contains(Operation::Manage)
    }

    fn all(&self) -> Found {
        Found { versions: (0..self.model.versions.len()).collect(), rules: Vec::new() }
    }

    /// The versions with which every one of the operations is permitted, and the rules that say so or deny it.
    fn decide(&self, policies: &Policies) -> Found {
        let decisions: Vec<_> =
            self.operations.iter().map(|operation| policies.decide(&self.principal, operation)).collect();
        let Found { mut versions, .. } = self.all();
        versions.retain(|place| decisions.iter().all(|decision| decision.versions.contains(*place)));
        let mut places: Vec<usize> = decisions.iter().flat_map(|decision| decision.rules.iter().copied()).collect();
        places.sort_unstable();
        places.dedup();
        let asked = self.version.and_then(|place| self.model.versions.get(place)).map(|version| &version.name);
        let rules = places.into_iter().filter_map(|place| policies.rules().get(place));
        let about = rules.filter(|rule| match (&rule.versions, asked) {
            (Some(versions), Some(asked)) => versions.contains(asked),
            _ => true,
        });
        Found { versions, rules: about.map(Rule::of).collect() }
    }

    /// What refuses the caller whatever the rules say, and what to do.
    fn beside_the_rules(&self) -> Option<(String, String)> {
        let manages = self.operations.contains(Operation::Manage);
        if manages && !self.resolved.listeners.iter().any(|listener| listener.management) {
            let advice = "give the listener for operators `management: allow`";
            return Some(("no listener takes orders".to_owned(), advice.to_owned()));
        }
        if self.is_anonymous() && self.doors().is_empty() {
            let why = "no listener takes callers that are not identified".to_owned();
            return Some((why, "call with a key, or add `anonymous` to a listener's `authenticate`".to_owned()));
        }
        if !self.is_anonymous() && self.principal.tenant.is_none() && !self.resolved.tenants.is_empty() {
            let why = "there are tenants, and the caller is said to belong to none".to_owned();
            return Some((why, "say to which with --tenant".to_owned()));
        }
        None
    }

    /// The listeners at which an anonymous caller may ask this.
    fn doors(&self) -> Vec<&'a str> {
        let manages = self.operations.contains(Operation::Manage);
        let open = |listener: &&Listener| {
            listener.authenticate.contains(&Method::Anonymous) && (listener.management || !manages)
        };
        self.resolved.listeners.iter().filter(open).map(|listener| &*listener.name).collect()
    }

    fn why_allowed(&self, has_rules: bool) -> String {
        let doors = || format!("where nobody is identified: listener {}", self.doors().join(", "));
        match (self.is_anonymous(), has_rules) {
            (true, true) => format!("by its rules, {}", doors()),
            (true, false) => format!("the model has no `access`, so that it is for anonymous callers, {}", doors()),
            (false, _) => "by its rules".to_owned(),
        }
    }

    /// Why the rules do not let it, and what to add.
    fn why_not(&self, found: &Found, has_rules: bool) -> (String, String) {
        let (file, line) = (&self.model.span.file, self.model.span.line);
        let denies = |rule: &&Rule| rule.effect == Effect::Forbid;
        if let Some(rule) = found.rules.iter().find(denies) {
            let advice = format!("take the rule at {} out, or bound it by `versions` or `operations`", rule.place());
            return ("a rule denies it, whatever others allow".to_owned(), advice);
        }
        let mut who = match &self.principal.tenant {
            _ if self.is_anonymous() => "allow: { principal: anonymous }".to_owned(),
            Some(tenant) => format!("allow: {tenant}"),
            None => format!("allow: {{ principal: {} }}", self.principal.id),
        };
        if let Some(version) = self.version.and_then(|place| self.model.versions.get(place)) {
            who.push_str(&format!(", versions: [\"{}\"]", version.name));
        }
        if self.operations.contains(Operation::Manage) {
            who.push_str(", operations: [manage]");
        }
        if !has_rules {
            let why = "the model has no `access`: it is for anonymous callers only".to_owned();
            return (why, format!("write `access: [{{ {who} }}]` at the model ({file}:{line})"));
        }
        let why = if found.rules.is_empty() {
            "no rule allows it".to_owned()
        } else {
            "no version is allowed for all of it".to_owned()
        };
        (why, format!("add `{{ {who} }}` to the model's `access` ({file}:{line})"))
    }
}

/// The model, and the place of its version where one is named. A name may have an `@` of its own.
fn model<'a>(asked: &str, models: &'a [Model]) -> anyhow::Result<(&'a Model, Option<usize>)> {
    let find = |name: &str| models.iter().find(|model| *model.name == *name);
    if let Some(model) = find(asked) {
        return Ok((model, None));
    }
    let (name, version) = asked.rsplit_once('@').unwrap_or((asked, ""));
    let Some(model) = find(name) else {
        let near = suggest(name, models.iter().map(|model| &*model.name));
        bail!(
            "there is no model `{name}`{}",
            near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
        );
    };
    let place = model.versions.iter().position(|known| *known.name == *version).with_context(|| {
        let known: Vec<_> = model.versions.iter().map(|version| format!("`{}`", version.name)).collect();
        format!("model `{name}` has no version `{version}`; it has {}", known.join(", "))
    })?;
    Ok((model, Some(place)))
}

fn operations(name: &str) -> anyhow::Result<OperationSet> {
    use Operation::{Reflect, ServerLive, ServerMetadata, ServerReady};
    let set = OperationSet::named(name);
    let Some(set) =
        set.filter(|set| ![ServerLive, ServerReady, ServerMetadata, Reflect].iter().any(|of| set.contains(*of)))
    else {
        let words = ["run", "read"].into_iter().chain(Operation::ALL.iter().map(|operation| operation.as_str()));
        let near = suggest(name, words).filter(|near| *near != name);
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        bail!("nothing that is asked of models is called `{name}`: try `run`, `read`, `manage` or `infer`{near}");
    };
    Ok(set)
}

fn principal(options: &Can, resolved: &Resolved) -> anyhow::Result<Principal> {
    if options.principal == "anonymous" {
        if options.tenant.is_some() || !options.groups.is_empty() {
            bail!("an anonymous caller has no tenant and no groups: leave --tenant and --group out");
        }
        return Ok(Principal::anonymous());
    }
    let names = |begin: &str| options.principal.strip_prefix(begin).is_some_and(|rest| !rest.is_empty());
    let kind = if names("key:") {
        PrincipalKind::Key
    } else if names("oidc:") {
        PrincipalKind::Oidc
    } else {
        bail!("a caller is `key:NAME`, the holder of an API key, `oidc:ISSUER:SUBJECT`, of a token, or `anonymous`");
    };
    if let Some(tenant) = options.tenant.as_deref().filter(|_| !resolved.tenants.is_empty())
        && !resolved.tenants.iter().any(|known| *known.name == *tenant)
    {
        let near = suggest(tenant, resolved.tenants.iter().map(|tenant| &*tenant.name));
        bail!(
            "there is no tenant `{tenant}`{}",
            near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
        );
    }
    let mut groups: Vec<Arc<str>> = options.groups.iter().map(|group| Arc::from(group.as_str())).collect();
    groups.sort();
    groups.dedup();
    Ok(Principal {
        id: Arc::from(options.principal.as_str()),
        kind,
        tenant: options.tenant.as_deref().map(Arc::from),
        groups: groups.into(),
        ..Principal::anonymous()
    })
}
