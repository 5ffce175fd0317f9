//! What the documentation of access says comes of a request, written from docs/access.md and nothing else: it knows no type
//! and no function of the rooms that decide. Names stand for themselves.

/// Whom a rule is about.
#[derive(Clone, Debug)]
pub(super) enum Who {
    Everyone,
    Tenant(&'static str),
    Group(&'static str),
    Principal(&'static str),
}

/// A line of `access`.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) allows: bool,
    pub(super) who: Who,
    pub(super) versions: Option<Vec<&'static str>>,
    pub(super) operations: Option<Vec<&'static str>>,
}

/// A model, and whether the listener exposes it.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: &'static str,
    pub(super) versions: Vec<&'static str>,
    pub(super) stable: &'static str,
    pub(super) access: Option<Vec<Rule>>,
    /// Whether its rules are merely observed.
    pub(super) observed: bool,
    pub(super) exposed: bool,
}

/// What a listener says, and what is behind it.
#[derive(Debug)]
pub(super) struct House {
    pub(super) takes_anonymous: bool,
    pub(super) management: bool,
    pub(super) exposes_all: bool,
    pub(super) tenants: Vec<&'static str>,
    pub(super) models: Vec<Model>,
}

/// Somebody, and what the credential shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller {
    /// What is presented; empty for nothing.
    pub(super) key: &'static str,
    /// Whether it is good; then the rest is what it stands for.
    pub(super) good: bool,
    pub(super) tenant: Option<&'static str>,
    pub(super) groups: &'static [&'static str],
    /// The words of its scopes; `None`: no bounds.
    pub(super) scopes: Option<&'static [&'static str]>,
    pub(super) models: Option<&'static [&'static str]>,
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// This version is asked.
    Version(String),
    /// These are shown: a model and its version, or the model alone.
    Shown(Vec<String>),
    /// All servers that are meant are told.
    Told,
    /// 401, 403 or 404.
    Refused(u16),
}

/// The operations that are about models.
pub(super) const RUN: [&str; 8] =
    ["infer", "stream_infer", "generate", "generate_stream", "chat", "complete", "respond", "embed"];
pub(super) const READ: [&str; 6] = ["metadata", "ready", "config", "statistics", "index", "names"];

fn means(word: &str, operation: &str) -> bool {
    match word {
        "run" => RUN.contains(&operation),
        "read" => READ.contains(&operation),
        single => single == operation,
    }
}

impl Rule {
    fn is_about(&self, caller: &Caller, version: &str, operation: &str) -> bool {
        let who = match &self.who {
            Who::Everyone => caller.good,
            Who::Tenant(name) => caller.good && caller.tenant == Some(name),
            Who::Group(name) => caller.good && caller.groups.contains(name),
            Who::Principal("anonymous") => !caller.good,
            Who::Principal(id) => caller.good && *id == format!("key:{}", caller.key),
        };
        let what = match &self.operations {
            // Both, and `manage` in neither.
            None => operation != "manage",
            Some(words) => words.iter().any(|word| means(word, operation)),
        };
        who && what && self.versions.as_ref().is_none_or(|versions| versions.contains(&version))
    }
}

impl Model {
    /// Whether it is served: permitted, or refused by rules alone that are merely observed. Orders never are.
    fn serves(&self, caller: &Caller, version: &str, operation: &str) -> bool {
        let waived = self.observed && operation != "manage" && self.reaches(caller, operation);
        waived || self.permits(caller, version, operation)
    }

    /// How far the credential goes.
    fn reaches(&self, caller: &Caller, operation: &str) -> bool {
        caller.scopes.is_none_or(|words| words.iter().any(|word| means(word, operation)))
            && caller.models.is_none_or(|models| models.contains(&self.name))
    }

    /// Whether `caller` may do it with a version.
    fn permits(&self, caller: &Caller, version: &str, operation: &str) -> bool {
        let Some(rules) = &self.access else { return !caller.good };
        let about =
            |allows: bool| rules.iter().any(|rule| rule.allows == allows && rule.is_about(caller, version, operation));
        about(true) && !about(false) && self.reaches(caller, operation)
    }

    /// Whether anything is allowed with a version, or served.
    fn is_there(&self, caller: &Caller, version: &str) -> bool {
        RUN.iter().chain(&READ).chain(&["manage"]).any(|operation| self.serves(caller, version, operation))
    }

    /// What is told of a request that is served: how it would have been refused.
    fn would_refuse(&self, caller: &Caller, operation: &str, versions: &[&str]) -> Option<u16> {
        let any = |operation: &str| versions.iter().any(|version| self.permits(caller, version, operation));
        let all = || RUN.iter().chain(&READ).chain(&["manage"]);
        (!any(operation)).then(|| if all().any(|operation| any(operation)) { 403 } else { 404 })
    }

    fn denied(&self, caller: &Caller, versions: &[&str]) -> Outcome {
        Outcome::Refused(if versions.iter().any(|version| self.is_there(caller, version)) { 403 } else { 404 })
    }
}

impl House {
    /// 401 and 403, where nothing that is asked matters.
    pub(super) fn at_the_door(&self, caller: &Caller) -> Option<Outcome> {
        let homeless = !self.tenants.is_empty() && caller.tenant.is_none_or(|tenant| !self.tenants.contains(&tenant));
        match (caller.key, caller.good) {
            ("", _) if self.takes_anonymous => None,
            (_, false) => Some(Outcome::Refused(401)),
            (_, true) if homeless => Some(Outcome::Refused(403)),
            (_, true) => None,
        }
    }

    fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name && model.exposed)
    }

    /// A request for a model, and a version where the client names one.
    pub(super) fn about(&self, caller: &Caller, operation: &str, name: &str, version: Option<&str>) -> Outcome {
        let Some(model) = self.model(name) else { return Outcome::Refused(404) };
        if let Some(version) = version {
            return match model.versions.contains(&version) {
                false => Outcome::Refused(404),
                true if model.serves(caller, version, operation) => Outcome::Version(version.to_owned()),
                true => model.denied(caller, &[version]),
            };
        }
        let permitted = |version: &&&str| model.permits(caller, version, operation);
        // The stable one comes first, then the configuration's order.
        let answers = Some(&model.stable).filter(permitted).or_else(|| model.versions.iter().find(permitted));
        // Only where that would be refused, all are open.
        let answers = answers.or_else(|| Some(&model.stable).filter(|one| model.serves(caller, one, operation)));
        answers.map_or_else(|| model.denied(caller, &model.versions), |version| Outcome::Version((*version).to_owned()))
    }

    /// What is told of a request for a model that is served: how it would have been refused.
    pub(super) fn told(&self, caller: &Caller, operation: &str, name: &str, version: Option<&str>) -> Option<u16> {
        let model = self.model(name)?;
        let versions = version.map_or_else(|| model.versions.clone(), |version| vec![version]);
        model.would_refuse(caller, operation, &versions)
    }

    /// An order for a model goes to all its versions.
    pub(super) fn order(&self, caller: &Caller, name: &str) -> Outcome {
        if !self.management {
            return Outcome::Refused(403);
        }
        let Some(model) = self.model(name) else { return Outcome::Refused(404) };
        match model.versions.iter().all(|version| model.permits(caller, version, "manage")) {
            true => Outcome::Told,
            false => model.denied(caller, &model.versions),
        }
    }

    /// One for every server is for those that may manage every model.
    pub(super) fn order_to_all(&self, caller: &Caller) -> Outcome {
        let all = |model: &Model| model.versions.iter().all(|version| model.permits(caller, version, "manage"));
        match self.management && self.exposes_all && self.models.iter().all(all) {
            true => Outcome::Told,
            false => Outcome::Refused(403),
        }
    }

    /// A list of what may be called, or counters where those may be told. `talks`: of models that speak OpenAI's API alone.
    pub(super) fn shown(&self, caller: &Caller, operation: &str, talks: bool) -> Outcome {
        let exposed = self.models.iter().filter(|model| model.exposed && (!talks || model.name == "t"));
        let mut shown: Vec<String> = exposed
            .flat_map(|model| model.versions.iter().map(move |version| (model, *version)))
            .filter(|(model, version)| match operation {
                "statistics" => model.serves(caller, version, operation),
                _ => model.is_there(caller, version),
            })
            .map(|(model, version)| match operation {
                "names" => model.name.to_owned(),
                _ => format!("{}@{version}", model.name),
            })
            .collect();
        shown.sort_unstable();
        shown.dedup();
        Outcome::Shown(shown)
    }
}
