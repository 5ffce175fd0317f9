//! Tokens that were made to get in.

use aws_lc_rs::hmac;

use super::signer::encode;
use super::*;

fn malformed(fault: &Result<Arc<Principal>, TokenFault>) -> bool {
    matches!(fault, Err(TokenFault::Malformed(_)))
}

#[tokio::test]
async fn j_01_a_token_that_nobody_signed_is_none() {
    let key = Signer::rsa();
    let world = World::new(&key).await;
    for name in ["none", "None", "nOnE", "NONE", ""] {
        for signature in [&b""[..], b"x"] {
            let header = json!({ "alg": name, "kid": "one" });
            let found = world.find(&token(&header, &world.claims(), signature));
            assert!(malformed(&found), "{name}: {found:?}");
        }
    }
}

#[tokio::test]
async fn j_02_a_public_key_is_no_secret() {
    let key = Signer::rsa();
    let world = World::new(&key).await;
    let header = json!({ "alg": "HS256", "kid": "one" });
    let message = format!("{}.{}", encode(header.to_string()), encode(world.claims().to_string()));
    for secret in [key.public(), key.jwk("one")["n"].as_str().unwrap().as_bytes().to_vec()] {
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        let found = world.find(&format!("{message}.{}", encode(signature)));
        assert!(malformed(&found), "{found:?}");
    }
    // Nor is a key of that sort taken from the issuer, whatever it is said to be for.
    let secret = json!({ "kty": "oct", "kid": "two", "k": encode([7; 32]), "alg": "RS256" });
    world.provider.has([secret, key.jwk("one")]);
    let world = World::of(plan(), [json!({ "kty": "oct", "kid": "two", "k": encode([7; 32]) }), key.jwk("one")]).await;
    assert_eq!(world.oidc.standing()[0].keys, 1);
}

#[tokio::test]
async fn a_header_says_neither_key_nor_how_it_is_to_be_believed() {
    let (key, forger) = (Signer::p256(), Signer::p256());
    let world = World::new(&key).await;
    let claims = world.claims().to_string();
    let header = |more: Value| {
        let mut header = json!({ "alg": "ES256", "kid": "one" });
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        header.to_string()
    };
    // A key that comes along is not looked at.
    let own = forger.jwk("one");
    for more in
        [json!({ "jwk": own }), json!({ "jku": "http://forger.test/jwks" }), json!({ "x5u": "http://forger.test" })]
    {
        let asked = world.provider.asked().len();
        let found = world.find(&forger.sign_text(&header(more.clone()), &claims));
        assert_eq!(found, Err(TokenFault::Forged("idp".into())), "{more}");
        assert!(world.find(&key.sign_text(&header(more.clone()), &claims)).is_ok(), "{more}");
        assert_eq!(world.provider.asked().len(), asked, "{more}");
    }
    for (more, good) in [
        (json!({ "crit": ["exp"] }), false),
        (json!({ "crit": [] }), false),
        (json!({ "typ": "JWT" }), true),
        (json!({ "typ": "jwt" }), true),
        (json!({ "typ": "application/at+JWT" }), true),
        (json!({ "typ": "dpop+jwt" }), false),
        (json!({ "typ": "logout+jwt" }), false),
        (json!({ "typ": 7 }), false),
        (json!({ "kid": null }), false),
        (json!({ "kid": 1 }), false),
        (json!({ "kid": "" }), false),
        (json!({ "kid": "k".repeat(10_000) }), false),
        (json!({ "alg": ["ES256"] }), false),
        (json!({ "alg": "es256" }), false),
    ] {
        let found = world.find(&key.sign_text(&header(more.clone()), &claims));
        assert!(if good { found.is_ok() } else { malformed(&found) }, "{more}: {found:?}");
    }
    for name in ["../../etc/passwd", "' OR 1=1 --", "one\u{0}", "One"] {
        let found = world.find(&key.sign(name, &world.claims()));
        assert_eq!(found, Err(TokenFault::UnknownKey("idp".into())), "{name}");
    }
}

#[tokio::test]
async fn j_08_what_is_said_twice_is_said_by_nobody() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let good = world.claims().to_string();
    let header = r#"{"alg":"ES256","kid":"one"}"#;
    assert!(world.find(&key.sign_text(header, &good)).is_ok());
    let rest = good.strip_prefix('{').unwrap();
    for claims in [
        format!(r#"{{"sub":"root",{rest}"#),
        format!(r#"{{"s\u0075b":"root",{rest}"#),
        format!(r#"{{"realm":{{"org":"a","org":"b"}},{rest}"#),
        format!(r#"{{"list":[{{"a":1,"a":1}}],{rest}"#),
        format!("{good} "),
        format!("{good}{{}}"),
        format!("[{good}]"),
        good.replace('}', ",}"),
        good.replace(":\"alice\"", ":NaN"),
        format!(r#"{{"deep":{}1{},{rest}"#, "[".repeat(200), "]".repeat(200)),
        "null".to_owned(),
        String::new(),
    ] {
        let found = world.find(&key.sign_text(header, &claims));
        // Spaces around are JSON still.
        assert!(malformed(&found) || (claims.ends_with(' ') && found.is_ok()), "{claims}: {found:?}");
    }
    for header in [r#"{"alg":"ES256","kid":"one","kid":"one"}"#, r#"{"alg":"none","alg":"ES256","kid":"one"}"#] {
        assert!(malformed(&world.find(&key.sign_text(header, &good))), "{header}");
    }
}

#[tokio::test]
async fn j_16_j_17_what_is_no_token_is_not_read_far() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let good = key.sign("one", &world.claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    for text in [
        String::new(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        good.replace('.', ""),
        format!("{header}.{claims}"),
        format!("{good}.{signature}"),
        format!("{header}.{claims}..{signature}.{signature}"),
        format!("{header}.{claims}."),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}="),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}.{signature}\n"),
        format!("{header}.{claims}.%%%"),
        format!("{header}.{claims}.{}", signature.replace(['-', '_'], "+") + "/"),
        format!("{header}.\u{e9}{claims}.{signature}"),
        format!("{header}.{claims}.{}", "A".repeat(LONGEST)),
    ] {
        let found = world.find(&text);
        assert!(malformed(&found), "{text}: {found:?}");
    }
    // Every bit of a signature counts, also those that base64 could leave over.
    for place in 0..signature.len() {
        let mut other = signature.as_bytes().to_vec();
        other[place] = if other[place] == b'A' { b'B' } else { b'A' };
        let found = world.find(&format!("{header}.{claims}.{}", String::from_utf8(other).unwrap()));
        assert!(malformed(&found) || found == Err(TokenFault::Forged("idp".into())), "{place}: {found:?}");
    }
    assert!(world.find(&good).is_ok());
}

#[tokio::test]
async fn j_19_nothing_of_a_token_is_in_what_is_said_of_it() {
    let key = Signer::p256();
    let world = World::new(&key).await;
    let secret = "SECRET-OF-THE-TOKEN";
    for other in
        [json!({ "aud": secret }), json!({ "iss": secret }), json!({ "exp": secret }), json!({ "sub": [secret] })]
    {
        let fault = world.find(&key.sign("one", &world.with(&other))).unwrap_err();
        assert!(!format!("{fault} {fault:?}").contains("SECRET"), "{fault:?}");
    }
    let fault = world.find(&key.sign(secret, &world.claims())).unwrap_err();
    assert!(!format!("{fault} {fault:?}").contains("SECRET"), "{fault:?}");
    let good = key.sign("one", &world.with(&json!({ "sub": secret })));
    let text = super::super::Text::parse(&good).unwrap();
    assert!(!format!("{text:?} {:?}", world.oidc).contains("SECRET"));
}
