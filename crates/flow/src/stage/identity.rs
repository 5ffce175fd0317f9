//! Who calls. Needs the listener and the head only: until it has answered no body byte is read, and no answer depends on
//! a model.
//!
//! The credential that is present selects the method: one that is not good is refused, and nothing else is tried in its
//! place. Where a listener takes no credentials at all, one that comes along is not looked at: many clients always send one.

use std::sync::Arc;

use sluicegate_core::{Body, Identity, KEY_MARK, KeyFault, Kind, Principal, Refusal, RequestHead, TokenFault};

use crate::control::Gateway;
use crate::door::Door;
use crate::snapshot::Snapshot;
use crate::trail::Trail;

/// A request whose caller is known.
pub(crate) struct Identified<'a> {
    head: Box<RequestHead>,
    body: Body,
    door: &'a Arc<Door>,
}

/// What a credential is looked up as.
enum Way {
    Key,
    Token,
}

/// Fields that carry a credential. That there is one at most was seen to at the door.
const CREDENTIALS: [&str; 3] = [AUTHORIZATION, "x-api-key", "api-key"];

/// The one of them that says by a scheme what it carries.
const AUTHORIZATION: &str = "authorization";

/// What callers are told whose credential is not good, whatever is wrong with it.
const NOT_GOOD: &str = "this listener does not accept the credential";

pub(crate) fn identify<'a>(
    (head, body): (Box<RequestHead>, Body),
    gateway: &Gateway,
    snapshot: &'a Snapshot,
    trail: &mut Trail,
) -> Result<Identified<'a>, Refusal> {
    // A listener that this generation does not know lets nobody in.
    let known = snapshot.listeners.get(trail.listener()).ok_or_else(unaccepted);
    let settled = known.and_then(|door| {
        addressed(&head, door)?;
        Ok((door, settle(&head, door, gateway, snapshot, trail)?))
    });
    let (door, identity) = settled.inspect_err(|_| trail.speaks(&head))?;
    trail.identified(identity);
    Ok(Identified { head, body, door })
}

/// Lets by what is for a host that is served here. Whoever meant another one must not show its credential to be told so.
fn addressed(head: &RequestHead, door: &Door) -> Result<(), Refusal> {
    if door.serves(head) {
        return Ok(());
    }
    Err(Refusal::new(Kind::Misdirected, "this listener does not serve the host that the request names"))
}

fn settle(
    head: &RequestHead,
    door: &Door,
    gateway: &Gateway,
    snapshot: &Snapshot,
    trail: &mut Trail,
) -> Result<Identity, Refusal> {
    let looks = door.keys.is_some() || door.tokens;
    let presented = || CREDENTIALS.iter().find_map(|name| Some((*name, head.headers.get(name)?)));
    let Some((field, value)) = looks.then(presented).flatten() else {
        return if door.anonymous { Ok(Identity::Anonymous) } else { Err(unaccepted()) };
    };
    let text = value.as_str().and_then(|text| credential(field, text));
    let found = match text.and_then(|text| Some((text, way(door, field, text)?))) {
        Some((text, Way::Key)) => gateway.keys.find(text, trail.arrived()).map_err(|fault| refused(&fault)),
        Some((text, Way::Token)) => gateway.tokens.find(text, trail.arrived()).map_err(|fault| token_refused(&fault)),
        None => {
            let cause = format!("field `{field}` carries nothing that this listener takes");
            Err(Refusal::new(Kind::Unauthenticated, NOT_GOOD).because(cause))
        }
    };
    let principal = found?;
    let identity = Identity::Known(Arc::clone(&principal));
    if let Some(cause) = homeless(&principal, snapshot) {
        // Who it was is known, and is for the record.
        trail.identified(identity);
        return Err(Refusal::new(Kind::Forbidden, "the caller belongs to no tenant here").because(cause));
    }
    Ok(identity)
}

/// What a credential is looked up as, if the listener takes it. By how it begins, a key is told from a token; neither is tried as
/// the other.
fn way(door: &Door, field: &'static str, text: &str) -> Option<Way> {
    let keys = door.keys.as_ref().is_some_and(|taken| taken.contains(&field));
    let tokens = door.tokens && field == AUTHORIZATION;
    match (keys, tokens) {
        (true, true) => Some(if text.starts_with(KEY_MARK) { Way::Key } else { Way::Token }),
        (true, false) => Some(Way::Key),
        (false, true) => Some(Way::Token),
        (false, false) => None,
    }
}

/// The credential in a field's value.
fn credential<'a>(field: &str, value: &'a str) -> Option<&'a str> {
    if field != AUTHORIZATION {
        return Some(value.trim());
    }
    let (scheme, rest) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim_start())
}

/// Why a caller has no place here, if it has none: where tenants are configured everybody belongs to one.
fn homeless(principal: &Principal, snapshot: &Snapshot) -> Option<String> {
    if snapshot.tenants.is_empty() {
        return None;
    }
    match &principal.tenant {
        None => Some("the principal has no tenant".to_owned()),
        Some(tenant) if snapshot.tenants.contains(tenant) => None,
        Some(tenant) => Some(format!("the principal's tenant `{tenant}` is not configured")),
    }
}

fn unaccepted() -> Refusal {
    Refusal::new(Kind::Unauthenticated, "this listener does not accept you without a credential")
}

/// The same words for all that may be wrong with a key: only operators read which it was.
fn refused(fault: &KeyFault) -> Refusal {
    let refusal = match fault {
        KeyFault::Unavailable => Refusal::new(Kind::IdentityUnavailable, "credentials cannot be checked now"),
        KeyFault::Malformed | KeyFault::Unknown | KeyFault::Revoked(_) | KeyFault::Expired(_) => {
            Refusal::new(Kind::Unauthenticated, NOT_GOOD)
        }
    };
    refusal.because(fault.to_string())
}

/// The same of tokens. One whose key is being fetched is as good as any, and is to come again.
fn token_refused(fault: &TokenFault) -> Refusal {
    let refusal = match fault {
        TokenFault::Fetching(_) | TokenFault::Unavailable(_) | TokenFault::Nobody => {
            Refusal::new(Kind::IdentityUnavailable, "credentials cannot be checked now")
        }
        TokenFault::Malformed(_)
        | TokenFault::Stranger
        | TokenFault::Unfit(..)
        | TokenFault::Expired(_)
        | TokenFault::Early(_)
        | TokenFault::UnknownKey(_)
        | TokenFault::Forged(_) => Refusal::new(Kind::Unauthenticated, NOT_GOOD),
    };
    refusal.because(fault.to_string())
}

impl<'a> Identified<'a> {
    pub(super) fn head(&self) -> &RequestHead {
        &self.head
    }

    /// The listener it came by.
    pub(super) fn door(&self) -> &'a Arc<Door> {
        self.door
    }

    /// Head and body, and the door they came by.
    pub(super) fn into_parts(self) -> (Box<RequestHead>, Body, &'a Arc<Door>) {
        (self.head, self.body, self.door)
    }
}
