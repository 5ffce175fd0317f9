//! What a token says, held against what is configured about its issuer; and the principal that it makes. It must not know
//! signatures, nor where keys come from.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};
use sluicegate_core::{ClaimPath, IssuerPlan, OperationSet, Principal, PrincipalKind, TenantClaim, TokenFault};

/// Characters of a subject (OpenID Connect Core, section 2), of a tenant's name, of a group's.
const SUBJECT: usize = 255;
const TENANT: usize = 128;
const GROUP: usize = 256;

/// The most groups of one principal.
const MOST_GROUPS: usize = 1_000;

/// What it may be used for where nothing is said about it: whatever runs a model, and whatever asks about one.
const USUAL: [&str; 2] = ["run", "read"];

/// Seconds of a time that is believed: some thousand years.
const LATEST: f64 = 1e11;

/// The claims of one token.
pub(super) struct Claims<'a> {
    claims: &'a Map<String, Value>,
    plan: &'a IssuerPlan,
}

/// When a token is good, clocks that are apart allowed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// From when on.
    pub(super) from: SystemTime,
    /// Until when; no more then.
    pub(super) until: SystemTime,
}

impl<'a> Claims<'a> {
    pub(super) const fn new(claims: &'a Map<String, Value>, plan: &'a IssuerPlan) -> Self {
        Self { claims, plan }
    }

    /// Whether the token is for this gateway and for this time, and of the kind that is presented to servers.
    pub(super) fn check(&self, now: SystemTime) -> Result<Times, TokenFault> {
        if !self.is_for_us() {
            return Err(self.unfit("it is for somebody else (`aud`)"));
        }
        self.check_kind()?;
        let until = self.time("exp")?.and_then(|end| end.checked_add(self.plan.leeway));
        let until = until.ok_or_else(|| self.unfit("it does not say when it ends (`exp`)"))?;
        let from = self.time("nbf")?.map(|begin| begin.checked_sub(self.plan.leeway).unwrap_or(begin));
        let times = Times { from: from.unwrap_or(SystemTime::UNIX_EPOCH), until };
        if until <= now {
            Err(TokenFault::Expired(Arc::clone(&self.plan.name)))
        } else if now < times.from {
            Err(TokenFault::Early(Arc::clone(&self.plan.name)))
        } else {
            Ok(times)
        }
    }

    /// Whom the token is of.
    pub(super) fn principal(&self) -> Result<Principal, TokenFault> {
        let subject = self.claims.get("sub").and_then(Value::as_str).filter(|subject| is_text(subject, SUBJECT));
        let subject = subject.ok_or_else(|| self.unfit("it does not say whom it is of (`sub`)"))?;
        let claims = &self.plan.claims;
        let tenant = match &claims.tenant {
            TenantClaim::Nobody => None,
            TenantClaim::Fixed(name) => Some(Arc::clone(name)),
            // What is no name gives none: never another tenant in its place.
            TenantClaim::Claim(path) => {
                self.at(path).and_then(Value::as_str).filter(|name| is_name(name)).map(Arc::from)
            }
        };
        let scopes = match &claims.scopes {
            None => usual(),
            // Words that mean nothing here are for others.
            Some(path) => {
                words(self.at(path)).filter_map(OperationSet::named).fold(OperationSet::NONE, OperationSet::union)
            }
        };
        Ok(Principal {
            id: format!("oidc:{}:{subject}", self.plan.name).into(),
            kind: PrincipalKind::Oidc,
            tenant,
            groups: self.groups(&claims.groups)?,
            scopes,
            models: None,
            purposes: Arc::default(),
        })
    }

    fn is_for_us(&self) -> bool {
        let ours = |name: &str| self.plan.audiences.iter().any(|ours| **ours == *name);
        match self.claims.get("aud") {
            Some(Value::String(name)) => ours(name),
            Some(Value::Array(names)) => {
                names.iter().all(Value::is_string) && names.iter().filter_map(Value::as_str).any(ours)
            }
            _ => false,
        }
    }

    /// That it is an access token, as far as issuers say, and good for whoever brings it.
    fn check_kind(&self) -> Result<(), TokenFault> {
        let says = |name: &str, wanted: &str| {
            let said = self.claims.get(name);
            said.is_none_or(|said| said.as_str().is_some_and(|said| said.eq_ignore_ascii_case(wanted)))
        };
        // Keycloak says it by `typ`, Cognito by `token_use`; `at_hash` is of tokens about a login alone.
        if !says("typ", "Bearer") || !says("token_use", "access") || self.claims.contains_key("at_hash") {
            return Err(self.unfit("it is no access token"));
        }
        if self.claims.contains_key("cnf") {
            return Err(self.unfit("it is good for the holder of a key alone (`cnf`), which is not checked here"));
        }
        Ok(())
    }

    fn time(&self, name: &str) -> Result<Option<SystemTime>, TokenFault> {
        let Some(said) = self.claims.get(name) else { return Ok(None) };
        let seconds = said.as_f64().filter(|seconds| (0.0..=LATEST).contains(seconds));
        let since = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let at = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
        at.map(Some).ok_or_else(|| self.unfit("a time in it is none (`exp`, `nbf`)"))
    }

    /// The groups, in order. What is not understood is not taken for none: a rule may deny a group.
    fn groups(&self, path: &ClaimPath) -> Result<Arc<[Arc<str>]>, TokenFault> {
        let (first, nested) = (path.names().first(), path.names().len() > 1);
        let elsewhere = self.claims.get("_claim_names").and_then(|names| names.get(first?)).is_some();
        let has = self.claims.get("hasgroups").is_some_and(|has| *has != Value::Bool(false));
        if elsewhere || (has && !nested) {
            return Err(self.unfit(
                "its subject is in more groups than the token has room for: have the issuer put only those into tokens that \
                 are assigned to the application (Entra ID: `groupMembershipClaims: ApplicationGroup`), or map `groups` to roles",
            ));
        }
        let listed = match self.at(path) {
            None | Some(Value::Null) => return Ok(Arc::default()),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect()
            }
            Some(_) => return Err(self.unfit("its groups are no list of names")),
        };
        if listed.len() > MOST_GROUPS || !listed.iter().all(|group| is_text(group, GROUP)) {
            return Err(self.unfit("its groups are too many, or one is no name"));
        }
        let mut groups: Vec<Arc<str>> = listed.into_iter().map(Arc::from).collect();
        groups.sort();
        groups.dedup();
        Ok(groups.into())
    }

    fn at(&self, path: &ClaimPath) -> Option<&'a Value> {
        let (first, rest) = path.names().split_first()?;
        rest.iter().try_fold(self.claims.get(first)?, |value, name| value.as_object()?.get(name))
    }

    fn unfit(&self, why: &'static str) -> TokenFault {
        TokenFault::Unfit(Arc::clone(&self.plan.name), why)
    }
}

fn usual() -> OperationSet {
    USUAL.into_iter().filter_map(OperationSet::named).fold(OperationSet::NONE, OperationSet::union)
}

/// The words of a list, or of a text with spaces between them.
fn words(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let text = value.and_then(Value::as_str).unwrap_or_default().split_ascii_whitespace();
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    text.chain(list.iter().filter_map(Value::as_str))
}

fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.contains(char::is_control)
}

/// A name of ours: letters of ASCII alone, so that no two look alike.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    begins && name.len() <= TENANT && name.bytes().all(fits)
}
