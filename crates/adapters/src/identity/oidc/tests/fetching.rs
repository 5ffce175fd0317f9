//! Keys over time, on a network in memory and with time held still: rotations, outages, and issuers that lie.

use sluicegate_testkit::{wait_for, within};
use tokio::task::JoinHandle;
use tokio::time::advance;

use super::super::ring::{EVERY, LEAST};
use super::signer::encode;
use super::*;

/// The world's keys being kept fresh, as long as this is held.
struct Following(JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl World {
    fn follow(&self) -> Following {
        Following(tokio::spawn(Arc::clone(&self.oidc).follow()))
    }

    /// Until the keys were asked for so many times, and taken over.
    async fn fetched(&self, times: usize) {
        wait_for(|| self.provider.fetches() >= times, "the keys to be asked for").await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.provider.fetches(), times, "and no more often");
    }

    async fn settles(&self, fetches: usize) {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.provider.fetches(), fetches);
    }
}

fn fetching<T>() -> Result<T, TokenFault> {
    Err(TokenFault::Fetching("idp".into()))
}

fn unavailable<T>() -> Result<T, TokenFault> {
    Err(TokenFault::Unavailable("idp".into()))
}

fn unknown<T>() -> Result<T, TokenFault> {
    Err(TokenFault::UnknownKey("idp".into()))
}

#[tokio::test(start_paused = true)]
async fn j_11_a_new_key_is_fetched_once_however_many_want_it() {
    let (old, new) = (Signer::p256(), Signer::p256());
    let world = World::new(&old).await;
    let _following = world.follow();
    assert_eq!(world.provider.asked(), ["/realm/.well-known/openid-configuration", "/realm/jwks"]);
    world.provider.has([old.jwk("one"), new.jwk("two")]);
    let rotated = new.sign("two", &world.claims());
    assert_eq!(world.find(&rotated), unknown(), "it was asked just now");
    advance(LEAST).await;
    for number in 0..100 {
        let claims = world.with(&json!({ "sub": format!("{number}") }));
        assert_eq!(world.find(&new.sign("two", &claims)), fetching());
    }
    world.fetched(2).await;
    assert!(world.find(&rotated).is_ok());
    assert!(world.find(&old.sign("one", &world.claims())).is_ok(), "the old one is good as long as it is listed");
    // A flood of names that nobody has asks for keys no more often than the least time lets it.
    for _ in 0..30 {
        advance(Duration::from_secs(1)).await;
        for name in ["x", "y", "z"] {
            let found = world.find(&old.sign(name, &world.claims()));
            assert!(found == unknown() || found == fetching(), "{found:?}");
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    assert!((3..=5).contains(&world.provider.fetches()), "{}", world.provider.fetches());
}

#[tokio::test(start_paused = true)]
async fn one_token_is_enough_for_one_fetch_and_no_more() {
    let (old, new) = (Signer::p256(), Signer::p256());
    let world = World::new(&old).await;
    let _following = world.follow();
    world.settles(1).await;
    advance(LEAST).await;
    world.provider.has([new.jwk("two")]);
    assert_eq!(world.find(&new.sign("two", &world.claims())), fetching());
    world.fetched(2).await;
    assert!(world.find(&new.sign("two", &world.claims())).is_ok());
    for _ in 0..10 {
        advance(LEAST).await;
        world.settles(2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_for_nobody_here_has_no_key_fetched_for_it() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let _following = world.follow();
    advance(LEAST * 2).await;
    for other in [json!({ "aud": "x" }), json!({ "exp": 1 }), json!({ "iss": "http://forger.test" })] {
        assert!(!matches!(world.find(&key.sign("new", &world.with(&other))), Err(TokenFault::Fetching(_))), "{other}");
    }
    world.settles(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_taken_away_ends_what_it_signed() {
    let (old, new) = (Signer::p256(), Signer::p256());
    let world = World::of(plan(), [old.jwk("one"), new.jwk("two")]).await;
    let _following = world.follow();
    let token = old.sign("one", &world.with(&json!({ "exp": world.now() + 86_400 })));
    assert!(world.find(&token).is_ok());
    world.provider.has([new.jwk("two")]);
    advance(EVERY).await;
    world.fetched(2).await;
    assert_eq!(world.find(&token), unknown(), "although it was known to be good");
}

#[tokio::test(start_paused = true)]
async fn j_13_the_last_good_keys_hold_through_an_outage_and_not_for_ever() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let _following = world.follow();
    let lasting = key.sign("one", &world.with(&json!({ "exp": world.now() + 864_000 })));
    let good = json!({ "keys": [key.jwk("one")] }).to_string();
    let large = format!("{{\"keys\":[{}]}}", " ".repeat(2 << 20));
    let mut fetches = 1;
    for (status, keys) in [
        ("500 Internal Server Error", good.as_str()),
        ("302 Found\r\nlocation: http://169.254.169.254/", good.as_str()),
        ("200 OK", "<html></html>"),
        ("200 OK", r#"{"keys":[]}"#),
        ("200 OK", r#"{"keys":{}}"#),
        ("200 OK", large.as_str()),
    ] {
        world.provider.change(|state| (state.status, state.keys) = (status, keys.to_owned()));
        advance(if fetches == 1 { EVERY } else { LEAST }).await;
        fetches += 1;
        world.fetched(fetches).await;
        assert!(world.oidc.standing()[0].failing, "{status}");
        assert!(world.find(&lasting).is_ok(), "{status}");
        // Whether another is good cannot be told now.
        assert_eq!(world.find(&key.sign("two", &world.claims())), fetching(), "{status}");
    }
    world.provider.change(|state| state.silent = true);
    advance(Duration::from_secs(3_600)).await;
    assert_eq!(world.find(&lasting), unavailable(), "too old, for what is known too");
    world.provider.change(|state| (state.silent, state.status, state.keys) = (false, "200 OK", good.clone()));
    // What hangs is given up, and asked again.
    within("the keys", async {
        while world.find(&lasting).is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert!(!world.oidc.standing()[0].failing);
}

#[tokio::test(start_paused = true)]
async fn st_08_an_issuer_that_is_down_keeps_no_configuration_from_serving() {
    let key = Signer::p256();
    for silent in [false, true] {
        let world = World::unserved([key.jwk("one")]);
        world.provider.change(|state| (state.gone, state.silent) = (!silent, silent));
        world.serve(&[plan()]).await;
        let _following = world.follow();
        let token = key.sign("one", &world.with(&json!({ "exp": world.now() + 86_400 })));
        assert_eq!(world.find(&token), unavailable(), "{silent}");
        world.provider.change(|state| (state.gone, state.silent) = (false, false));
        within("the keys", async {
            while world.find(&token).is_err() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_go_over_from_one_configuration_to_the_next() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let following = world.follow();
    world.provider.change(|state| state.gone = true);
    let other = Span { line: 7, ..span() };
    world.serve(&[IssuerPlan { span: other, leeway: Duration::ZERO, ..plan() }]).await;
    assert!(world.find(&key.sign("one", &world.claims())).is_ok(), "nobody had to be asked");
    // One that wants a key while configurations change is not forgotten.
    advance(LEAST).await;
    assert_eq!(world.find(&key.sign("two", &world.claims())), fetching());
    drop(following);
    world.provider.change(|state| state.gone = false);
    world.provider.has([key.jwk("two")]);
    let _following = world.follow();
    world.fetched(2).await;
    assert!(world.find(&key.sign("two", &world.claims())).is_ok());
}

#[tokio::test]
async fn j_14_an_issuer_describes_itself_and_nobody_else() {
    let key = Signer::p256();
    let uri = "http://idp.test/realm/jwks";
    for (description, good) in [
        (json!({ "issuer": ISSUER, "jwks_uri": uri }), true),
        (json!({ "issuer": ISSUER, "jwks_uri": "http://IDP.test:80/realm/jwks" }), true),
        (json!({ "issuer": format!("{ISSUER}/"), "jwks_uri": uri }), false),
        (json!({ "issuer": "http://idp.test/other", "jwks_uri": uri }), false),
        (json!({ "jwks_uri": uri }), false),
        (json!({ "issuer": ISSUER }), false),
        (json!({ "issuer": ISSUER, "jwks_uri": "http://forger.test/realm/jwks" }), false),
        (json!({ "issuer": ISSUER, "jwks_uri": "http://idp.test:8080/realm/jwks" }), false),
        (json!({ "issuer": ISSUER, "jwks_uri": "http://idp.test@forger.test/realm/jwks" }), false),
        (json!({ "issuer": ISSUER, "jwks_uri": "http://a@idp.test/realm/jwks" }), false),
        (json!({ "issuer": ISSUER, "jwks_uri": "https://idp.test/realm/jwks" }), false),
        (json!({ "issuer": ISSUER, "jwks_uri": "file:///realm/jwks" }), false),
        (json!({ "issuer": ISSUER, "jwks_uri": "/realm/jwks" }), false),
        (json!([]), false),
    ] {
        let world = World::unserved([key.jwk("one")]);
        world.provider.change(|state| state.description = description.to_string());
        world.serve(&[plan()]).await;
        let found = world.find(&key.sign("one", &world.claims()));
        assert_eq!(found.is_ok(), good, "{description}: {found:?}");
        assert_eq!(world.provider.fetches(), usize::from(good), "{description}");
        assert!(good || found == unavailable(), "{description}");
    }
}

#[tokio::test]
async fn keys_that_are_weak_odd_or_for_something_else_are_left_aside() {
    let (rsa, key) = (Signer::rsa(), Signer::p256());
    let changed = |jwk: Value, name: &str, value: Value| {
        let mut jwk = jwk;
        jwk[name] = value;
        jwk
    };
    for (jwk, signer, good) in [
        (rsa.jwk("one"), &rsa, true),
        (key.jwk("one"), &key, true),
        (changed(key.jwk("one"), "use", json!("sig")), &key, true),
        (changed(key.jwk("one"), "use", json!("enc")), &key, false),
        (changed(key.jwk("one"), "alg", json!("ES384")), &key, false),
        (changed(rsa.jwk("one"), "alg", json!("RS512")), &rsa, false),
        (changed(key.jwk("one"), "key_ops", json!(["verify"])), &key, true),
        (changed(key.jwk("one"), "key_ops", json!(["sign"])), &key, false),
        (changed(key.jwk("one"), "kid", Value::Null), &key, false),
        (changed(key.jwk("one"), "crv", json!("P-384")), &key, false),
        (changed(key.jwk("one"), "x", json!("AAAA")), &key, false),
        (changed(key.jwk("one"), "kty", json!("new")), &key, false),
        (changed(rsa.jwk("one"), "n", json!(encode([0xff; 64]))), &rsa, false),
        (changed(rsa.jwk("one"), "n", json!(encode([0xff; 2_048]))), &rsa, false),
        (changed(rsa.jwk("one"), "e", json!(encode([0xff; 64]))), &rsa, false),
        (json!("text"), &key, false),
    ] {
        // One that is left aside harms none of the others.
        let other = Signer::p256();
        let world = World::of(plan(), [jwk.clone(), other.jwk("other")]).await;
        assert!(world.find(&other.sign("other", &world.claims())).is_ok(), "{jwk}");
        let found = world.find(&signer.sign("one", &world.claims()));
        assert_eq!(found.is_ok(), good, "{jwk}: {found:?}");
    }
    // Of two with one name the first is meant; two sorts with one name are told apart by how a token is signed.
    let world = World::of(plan(), [key.jwk("one"), Signer::p256().jwk("one"), rsa.jwk("one")]).await;
    assert!(world.find(&key.sign("one", &world.claims())).is_ok());
    assert!(world.find(&rsa.sign("one", &world.claims())).is_ok());
    let many = (0..101).map(|number| changed(key.jwk("one"), "kid", json!(format!("{number}"))));
    let world = World::of(plan(), many).await;
    assert_eq!(world.find(&key.sign("1", &world.claims())), unavailable(), "too many");
}

#[tokio::test]
async fn keys_come_from_a_file_or_from_where_it_is_said() {
    let key = Signer::p256();
    let file = |text: String| {
        let bytes: Arc<[u8]> = text.clone().into_bytes().into();
        KeySource::File(Pem { path: "keys.json".into(), bytes, digest: text.into(), span: span() })
    };
    let good = json!({ "keys": [key.jwk("one")] }).to_string();
    let world = World::of(plan_of(file(good)), []).await;
    assert!(world.find(&key.sign("one", &world.claims())).is_ok());
    world.clock.advance(Duration::from_secs(864_000));
    assert!(world.find(&key.sign("one", &world.claims())).is_ok(), "files do not grow old");
    assert_eq!(world.find(&key.sign("two", &world.claims())), unknown(), "nor is anybody asked");
    let mistakes = world.oidc.prepare(&[plan_of(file("{}".to_owned()))]).await.unwrap_err();
    assert_eq!(mistakes[0].to_string(), "gateway.yaml:1:1: there is no list `keys`");
    assert_eq!(world.provider.asked(), [""; 0]);
    let endpoint = Endpoint { authority: "keys.test:80".into(), host: None, prefix: "/a/jwks".into(), tls: None };
    let world = World::of(plan_of(KeySource::Url(endpoint, "/a/jwks".into())), [key.jwk("one")]).await;
    assert!(world.find(&key.sign("one", &world.claims())).is_ok());
    assert_eq!(world.provider.asked(), ["/a/jwks"]);
}
