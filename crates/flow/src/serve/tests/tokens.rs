//! Which credential is looked up as what, where a listener takes tokens of other issuers.

use sluicegate_core::{Identity, KEY_MARK, KeyFault, Keys, Principal, PrincipalKind, TokenFault, Tokens};

use super::*;

/// Knows keys that begin as ours do, and tokens that are `good`; says what it was asked.
#[derive(Default)]
struct Both(Mutex<Vec<String>>);

fn principal(id: &str, kind: PrincipalKind) -> Arc<Principal> {
    Arc::new(Principal { id: Arc::from(id), kind, ..Principal::anonymous() })
}

impl Keys for Both {
    fn find(&self, presented: &str, _: SystemTime) -> Result<Arc<Principal>, KeyFault> {
        self.0.lock().push(format!("key {presented}"));
        let good = presented.starts_with(KEY_MARK) && !presented.ends_with("bad");
        good.then(|| principal("key:a", PrincipalKind::Key)).ok_or(KeyFault::Unknown)
    }
}

impl Tokens for Both {
    fn find(&self, presented: &str, _: SystemTime) -> Result<Arc<Principal>, TokenFault> {
        self.0.lock().push(format!("token {presented}"));
        match presented {
            "good" => Ok(principal("oidc:idp:alice", PrincipalKind::Oidc)),
            "fetching" => Err(TokenFault::Fetching("idp".into())),
            "unavailable" => Err(TokenFault::Unavailable("idp".into())),
            "stranger" => Err(TokenFault::Stranger),
            "expired" => Err(TokenFault::Expired("idp".into())),
            "early" => Err(TokenFault::Early("idp".into())),
            "unknown" => Err(TokenFault::UnknownKey("idp".into())),
            "unfit" => Err(TokenFault::Unfit("idp".into(), "it is for somebody else (`aud`)")),
            "forged" => Err(TokenFault::Forged("idp".into())),
            _ => Err(TokenFault::Malformed("it has no three parts")),
        }
    }
}

fn world(methods: &[Method]) -> (World, Arc<Both>) {
    let both = Arc::new(Both::default());
    let mut resolved = resolved();
    resolved.listeners[0].authenticate = methods.to_vec();
    let (keys, tokens) = (Arc::clone(&both) as Arc<dyn Keys>, Arc::clone(&both) as Arc<dyn Tokens>);
    (World::of(Behaviour::Echo, &resolved, |gateway| gateway.with_keys(keys).with_tokens(tokens)), both)
}

const READY: &str = "/v2/health/ready";

#[tokio::test]
async fn how_a_credential_begins_says_what_it_is_looked_up_as() {
    use Method::{Anonymous, ApiKey, Oidc};
    for (methods, field, value, expected, asked) in [
        (&[Oidc][..], "authorization", "Bearer good", 200, "token good"),
        (&[Oidc], "authorization", "bearer  good", 200, "token good"),
        (&[Oidc], "authorization", "Basic good", 401, ""),
        (&[Oidc], "authorization", "good", 401, ""),
        (&[Oidc], "authorization", "Bearer sgk_a", 401, "token sgk_a"),
        (&[Oidc], "x-api-key", "good", 401, ""),
        (&[Oidc], "x-api-key", "sgk_a", 401, ""),
        (&[Oidc, ApiKey], "authorization", "Bearer good", 200, "token good"),
        (&[ApiKey, Oidc], "authorization", "Bearer sgk_a", 200, "key sgk_a"),
        (&[Oidc, ApiKey], "x-api-key", "sgk_a", 200, "key sgk_a"),
        // Neither is tried in place of the other, nor is nobody.
        (&[Oidc, ApiKey], "x-api-key", "good", 401, "key good"),
        (&[Oidc, ApiKey, Anonymous], "authorization", "Bearer sgk_bad", 401, "key sgk_bad"),
        (&[Anonymous, Oidc, ApiKey], "authorization", "Bearer bad", 401, "token bad"),
        (&[Anonymous, ApiKey], "authorization", "Bearer good", 401, "key good"),
        (&[Anonymous], "authorization", "Bearer bad", 200, ""),
    ] {
        let (world, both) = world(methods);
        let (status, ..) = world.ask("GET", READY, &[(field, value)], "").await;
        assert_eq!((status, both.0.lock().concat().as_str()), (expected, asked), "{methods:?} {field}: {value}");
    }
    assert_eq!(world(&[Oidc]).0.ask("GET", READY, &[], "").await.0, 401);
    assert_eq!(world(&[Oidc, Anonymous]).0.ask("GET", READY, &[], "").await.0, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told_to_operators_alone() {
    let (world, _) = world(&[Method::Oidc]);
    let mut answers = Vec::new();
    for bad in ["malformed", "stranger", "expired", "early", "unknown", "unfit", "forged"] {
        let (status, headers, body) = world.ask("GET", READY, &[("authorization", &format!("Bearer {bad}"))], "").await;
        assert_eq!((status, named(&headers, "www-authenticate")), (401, "Bearer"), "{bad}");
        answers.push(body);
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]));
    let records = std::mem::take(&mut *world.records.0.lock());
    assert!(records.iter().all(|record| record.identity == Identity::Unsettled));
    assert_eq!(records[6].cause.as_deref(), Some("the signature of a token of `idp` is wrong"));
    // That nothing can be told of it now is nobody's fault but the gateway's, and the caller is to come again.
    for early in ["fetching", "unavailable"] {
        let (status, headers, _) = world.ask("GET", READY, &[("authorization", &format!("Bearer {early}"))], "").await;
        assert_eq!(status, 503, "{early}");
        assert!(headers.get("retry-after").is_some(), "{early}");
    }
    // A gateway that was given no issuers knows nobody's tokens.
    let none = World::with(Behaviour::Echo, Arc::new(Both::default()), |resolved| {
        resolved.listeners[0].authenticate = vec![Method::Oidc];
    });
    assert_eq!(none.ask("GET", READY, &[("authorization", "Bearer good")], "").await.0, 503);
}
