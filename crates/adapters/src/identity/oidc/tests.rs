use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sluicegate_core::{
    ClaimNames, ClaimPath, Clock as _, Endpoint, IssuerPlan, KeySource, OperationSet, Pem, Principal, Span,
    TenantClaim, TokenAlgorithm, TokenFault, Tokens as _,
};
use sluicegate_testkit::FakeClock;

use super::{LONGEST, Oidc};

mod fetching;
mod forgeries;
mod provider;
mod signer;

use provider::Provider;
use signer::{Signer, token};

/// How an issuer is called in these tests, and whom tokens are for.
const ISSUER: &str = "http://idp.test/realm";
const AUDIENCE: &str = "gateway";

/// An issuer, and a gateway's tokens that follow it.
struct World {
    provider: Arc<Provider>,
    clock: Arc<FakeClock>,
    oidc: Arc<Oidc>,
}

impl World {
    /// With this key at the issuer.
    async fn new(key: &Signer) -> Self {
        Self::of(plan(), [key.jwk("one")]).await
    }

    async fn of(plan: IssuerPlan, keys: impl IntoIterator<Item = Value>) -> Self {
        let world = Self::unserved(keys);
        world.serve(&[plan]).await;
        world
    }

    fn unserved(keys: impl IntoIterator<Item = Value>) -> Self {
        let provider = Arc::new(Provider::default());
        provider.has(keys);
        let clock = Arc::new(FakeClock::following_tokio());
        let oidc = Arc::new(Oidc::new(Arc::clone(&provider) as _, Arc::clone(&clock) as _));
        Self { provider, clock, oidc }
    }

    async fn serve(&self, plans: &[IssuerPlan]) {
        let served = self.oidc.prepare(plans).await.unwrap();
        self.oidc.serve(served);
    }

    fn find(&self, token: &str) -> Result<Arc<Principal>, TokenFault> {
        self.oidc.find(token, self.clock.wall())
    }

    /// Seconds of the day that this world has, as tokens write it.
    fn now(&self) -> u64 {
        self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
    }

    /// What a good token says.
    fn claims(&self) -> Value {
        json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": self.now() + 300 })
    }

    /// The same, of which these are otherwise; what is null is left out.
    fn with(&self, other: &Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in other.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }
}

fn plan() -> IssuerPlan {
    let endpoint = Endpoint { authority: "idp.test:80".into(), host: None, prefix: "/realm".into(), tls: None };
    plan_of(KeySource::Discovery(endpoint))
}

fn plan_of(keys: KeySource) -> IssuerPlan {
    IssuerPlan {
        name: "idp".into(),
        issuer: ISSUER.into(),
        keys,
        audiences: vec!["other".into(), AUDIENCE.into()],
        algorithms: TokenAlgorithm::USUAL.to_vec(),
        claims: ClaimNames { tenant: TenantClaim::Nobody, groups: path("groups"), scopes: None },
        leeway: Duration::from_secs(60),
        stale: Duration::from_secs(3_600),
        span: span(),
    }
}

fn path(text: &str) -> ClaimPath {
    ClaimPath::parse(text).unwrap()
}

fn span() -> Span {
    Span { file: "gateway.yaml".into(), line: 1, column: 1 }
}

fn refused(why: &'static str) -> TokenFault {
    TokenFault::Unfit("idp".into(), why)
}

const NOT_OURS: &str = "it is for somebody else (`aud`)";
const NO_TIME: &str = "a time in it is none (`exp`, `nbf`)";
const NO_SUBJECT: &str = "it does not say whom it is of (`sub`)";
const NO_ACCESS: &str = "it is no access token";

#[tokio::test]
async fn a_token_makes_a_principal() {
    let key = Signer::rsa();
    let world = World::new(&key).await;
    let principal = world.find(&key.sign("one", &world.with(&json!({ "groups": ["b", "a", "b"] })))).unwrap();
    assert_eq!((&*principal.id, principal.kind.as_str()), ("oidc:idp:alice", "oidc"));
    let groups: Vec<_> = principal.groups.iter().map(|group| &**group).collect();
    assert_eq!((groups, principal.tenant.as_deref()), (vec!["a", "b"], None));
    let usual = OperationSet::named("run").unwrap().union(OperationSet::named("read").unwrap());
    assert_eq!((principal.scopes, &principal.models), (usual, &None));
    assert!(format!("{:?}", world.oidc).contains("idp"));
}

#[tokio::test]
async fn each_algorithm_that_is_configured_works_with_its_own_sort_of_key() {
    let signers = [Signer::rsa(), Signer::p256()];
    let names = ["RS256", "ES256"];
    let keys = signers.iter().zip(names).map(|(signer, name)| signer.jwk(name));
    let world = World::of(plan(), keys).await;
    for (signer, name) in signers.iter().zip(names) {
        let good = signer.sign(name, &world.claims());
        assert_eq!(world.find(&good).map(|found| found.id.to_string()), Ok("oidc:idp:alice".to_owned()), "{name}");
        let other = if name == "RS256" { "ES256" } else { "RS256" };
        let crossed = signer.sign(other, &world.claims());
        assert_eq!(world.find(&crossed), Err(TokenFault::Forged("idp".into())), "{name} by the key of {other}");
    }
    let only = IssuerPlan { algorithms: vec![TokenAlgorithm::Es256], ..plan() };
    world.serve(&[only]).await;
    let fault = refused("it is signed in a way that is not accepted (`alg`)");
    assert_eq!(world.find(&signers[0].sign("RS256", &world.claims())), Err(fault));
}

#[tokio::test]
async fn j_05_what_a_token_says_is_held_to_the_letter() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let now = world.now();
    let ends = "it does not say when it ends (`exp`)";
    let issuer = TokenFault::Malformed("it does not say who issued it (`iss`)");
    for (other, expected) in [
        (json!({ "aud": null }), Some(refused(NOT_OURS))),
        (json!({ "aud": "" }), Some(refused(NOT_OURS))),
        (json!({ "aud": 7 }), Some(refused(NOT_OURS))),
        (json!({ "aud": [] }), Some(refused(NOT_OURS))),
        (json!({ "aud": ["gateways", "Gateway"] }), Some(refused(NOT_OURS))),
        (json!({ "aud": ["gateway", 7] }), Some(refused(NOT_OURS))),
        (json!({ "aud": { "gateway": true } }), Some(refused(NOT_OURS))),
        (json!({ "aud": ["x", "gateway"] }), None),
        (json!({ "aud": "other" }), None),
        (json!({ "iss": null }), Some(issuer.clone())),
        (json!({ "iss": [ISSUER] }), Some(issuer)),
        (json!({ "iss": format!("{ISSUER}/") }), Some(TokenFault::Stranger)),
        (json!({ "iss": "http://idp.test/REALM" }), Some(TokenFault::Stranger)),
        (json!({ "sub": null }), Some(refused(NO_SUBJECT))),
        (json!({ "sub": "" }), Some(refused(NO_SUBJECT))),
        (json!({ "sub": 7 }), Some(refused(NO_SUBJECT))),
        (json!({ "sub": "a\nb" }), Some(refused(NO_SUBJECT))),
        (json!({ "sub": "x".repeat(256) }), Some(refused(NO_SUBJECT))),
        (json!({ "exp": null }), Some(refused(ends))),
        (json!({ "exp": "9999999999" }), Some(refused(NO_TIME))),
        (json!({ "exp": -1 }), Some(refused(NO_TIME))),
        (json!({ "exp": 1e300 }), Some(refused(NO_TIME))),
        (json!({ "exp": now - 60 }), Some(TokenFault::Expired("idp".into()))),
        (json!({ "exp": now - 59 }), None),
        (json!({ "exp": now as f64 + 10.5 }), None),
        (json!({ "nbf": now + 62 }), Some(TokenFault::Early("idp".into()))),
        (json!({ "nbf": now + 60 }), None),
        (json!({ "nbf": "soon" }), Some(refused(NO_TIME))),
        (json!({ "typ": "Bearer" }), None),
        (json!({ "typ": "Refresh" }), Some(refused(NO_ACCESS))),
        (json!({ "typ": "ID" }), Some(refused(NO_ACCESS))),
        (json!({ "token_use": "id" }), Some(refused(NO_ACCESS))),
        (json!({ "token_use": "access" }), None),
        (json!({ "at_hash": "x" }), Some(refused(NO_ACCESS))),
        (
            json!({ "cnf": { "jkt": "x" } }),
            Some(refused("it is good for the holder of a key alone (`cnf`), which is not checked here")),
        ),
    ] {
        let found = world.find(&key.sign("one", &world.with(&other)));
        assert_eq!(found.err(), expected, "{other}");
    }
}

#[tokio::test]
async fn j_07_the_tenant_is_the_one_that_is_named_or_none() {
    let key = Signer::p256();
    let by = |tenant| IssuerPlan { claims: ClaimNames { tenant, ..plan().claims }, ..plan() };
    let world = World::of(by(TenantClaim::Claim(path("realm.org"))), [key.jwk("one")]).await;
    for (realm, expected) in [
        (json!({ "org": "risk" }), Some("risk")),
        (json!({ "org": ["risk"] }), None),
        (json!({ "org": "r\u{456}sk" }), None),
        (json!({ "org": "" }), None),
        (json!({ "org": " risk" }), None),
        (json!({ "org": "x".repeat(129) }), None),
        (json!("org"), None),
        (json!({}), None),
    ] {
        let found =
            world.find(&key.sign("one", &world.with(&json!({ "realm": realm, "realm.org": "other" })))).unwrap();
        assert_eq!(found.tenant.as_deref(), expected, "{realm}");
    }
    world.serve(&[by(TenantClaim::Fixed("team-b".into()))]).await;
    let found = world.find(&key.sign("one", &world.with(&json!({ "realm": { "org": "risk" } })))).unwrap();
    assert_eq!(found.tenant.as_deref(), Some("team-b"), "whatever it says");
}

#[tokio::test]
async fn groups_are_understood_or_the_token_is_refused() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let many: Vec<String> = (0..1_001).map(|number| format!("{number}")).collect();
    let (none, list) = ("its groups are too many, or one is no name", "its groups are no list of names");
    let overage = "more groups than the token has room for";
    for (claims, expected) in [
        (json!({ "groups": "ml" }), Ok(1)),
        (json!({ "groups": ["/a/b", "/a"] }), Ok(2)),
        (json!({ "groups": null }), Ok(0)),
        (json!({ "groups": [] }), Ok(0)),
        (json!({ "groups": [7] }), Err(list)),
        (json!({ "groups": { "ml": true } }), Err(list)),
        (json!({ "groups": [""] }), Err(none)),
        (json!({ "groups": ["a\u{1}"] }), Err(none)),
        (json!({ "groups": many }), Err(none)),
        (json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": {} }), Err(overage)),
        (json!({ "hasgroups": true }), Err(overage)),
        (json!({ "hasgroups": false }), Ok(0)),
        (json!({ "_claim_names": { "photos": "src1" } }), Ok(0)),
    ] {
        let found = world.find(&key.sign("one", &world.with(&claims))).map(|principal| principal.groups.len());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{claims}"),
            (Err(fault), Err(words)) => assert!(fault.to_string().contains(words), "{claims}: {fault}"),
            (found, expected) => panic!("{claims}: {found:?}, not {expected:?}"),
        }
    }
    let roles = ClaimNames { groups: path("realm_access.roles"), ..plan().claims };
    world.serve(&[IssuerPlan { claims: roles, ..plan() }]).await;
    let claims = world.with(&json!({ "hasgroups": true, "realm_access": { "roles": ["scorer"] } }));
    assert_eq!(&*world.find(&key.sign("one", &claims)).unwrap().groups[0], "scorer", "roles are not what is left out");
}

#[tokio::test]
async fn scopes_are_words_of_which_others_mean_nothing() {
    let key = Signer::p256();
    let scoped = ClaimNames { scopes: Some(path("scope")), ..plan().claims };
    let world = World::of(IssuerPlan { claims: scoped, ..plan() }, [key.jwk("one")]).await;
    let (read, infer) = (OperationSet::named("read").unwrap(), OperationSet::named("infer").unwrap());
    for (claims, expected) in [
        (json!({ "scope": "openid read  infer" }), read.union(infer)),
        (json!({ "scope": ["read", "profile"] }), read),
        (json!({ "scope": "openid READ" }), OperationSet::NONE),
        (json!({ "scope": { "read": true } }), OperationSet::NONE),
        (json!({}), OperationSet::NONE),
    ] {
        assert_eq!(world.find(&key.sign("one", &world.with(&claims))).unwrap().scopes, expected, "{claims}");
    }
}

#[tokio::test]
async fn a_token_that_was_good_is_known_again_until_it_is_not() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let good = key.sign("one", &world.claims());
    let first = world.find(&good).unwrap();
    assert!(Arc::ptr_eq(&first, &world.find(&good).unwrap()), "not verified anew");
    // The whole of it counts: the same beginning with another end is another token (CVE-2026-35030).
    let (head, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = key.sign("one", &world.with(&json!({ "sub": "bob" }))).rsplit_once('.').map(own).unwrap();
    assert_eq!(world.find(&format!("{head}.{signature}")), Err(TokenFault::Forged("idp".into())));
    world.clock.advance(Duration::from_secs(361));
    assert_eq!(world.find(&good), Err(TokenFault::Expired("idp".into())), "not longer than it lasts");
    // Another configuration may say other things about the same token.
    let again = key.sign("one", &world.claims());
    assert!(world.find(&again).is_ok());
    world.serve(&[IssuerPlan { audiences: vec!["other".into()], ..plan() }]).await;
    assert_eq!(world.find(&again), Err(refused(NOT_OURS)));
    world.serve(&[]).await;
    assert_eq!(world.find(&again), Err(TokenFault::Nobody));
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let served = world.oidc.served.load_full().unwrap();
    let principal = world.find(&key.sign("one", &world.claims())).unwrap();
    let now = world.clock.wall();
    let times = super::claims::Times { from: now, until: now + Duration::from_secs(1) };
    for number in 0..20_000 {
        let known = super::Known { principal: Arc::clone(&principal), times, issuer: 0, keys: 1 };
        served.remembered.keep(super::Mark::of(&format!("{number}")), known, now);
    }
    assert_eq!(served.remembered.len(), 10_000);
    // What has ended makes room at once.
    let known = super::Known { principal, times, issuer: 0, keys: 1 };
    served.remembered.keep(super::Mark::of("late"), known, times.until);
    assert!(served.remembered.len() < 10_000);
}

fn own((head, signature): (&str, &str)) -> (String, String) {
    (head.to_owned(), signature.to_owned())
}
