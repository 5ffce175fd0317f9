use sluicegate_core::Kind;

use super::canonical;

/// P-01: what reaches policy, routing and the backend is this form, or nothing does.
#[test]
fn p_01_one_form_or_none() {
    for (target, expected) in [
        ("/", "/"),
        ("/v2/models/iris/infer", "/v2/models/iris/infer"),
        ("/v2/models/iris/versions/1.0/infer?a=b&c=%20", "/v2/models/iris/versions/1.0/infer?a=b&c=%20"),
        ("/v2/", "/v2/"),
        ("/v2/models/%69ris", "/v2/models/iris"),
        ("/v2/models/a%2eb%7E", "/v2/models/a.b~"),
        ("/v2/models/gr%c3%bc%c3%9fe?q=%c3%bc", "/v2/models/gr%C3%BC%C3%9Fe?q=%c3%bc"),
        ("/v2/models/a%20b", "/v2/models/a%20b"),
        ("/v2/models/...", "/v2/models/..."),
        ("/v2/models/.hidden", "/v2/models/.hidden"),
        ("/a:b@c,d=e", "/a:b@c,d=e"),
    ] {
        assert_eq!(canonical(target).as_deref().ok(), Some(expected), "{target}");
    }
    for target in [
        "",
        "*",
        "v2",
        "/v2/../admin",
        "/v2/..",
        "/v2/./models",
        "/v2/.",
        "/v2/%2e%2e/admin",
        "/v2/%2E%2e",
        "/v2/.%2e/x",
        "/v2/..%2fadmin",
        "/v2/%2Fadmin",
        "/v2/%252e%252e/admin",
        "//v2",
        "/v2//models",
        "/v2/models//",
        "/v2/..;/admin",
        "/v2/.;x/admin",
        "/v2;a=b/models",
        "/v2%3Ba=b/models",
        "/v2\\models",
        "/v2%5cmodels",
        "/v2%00",
        "/v2%0d%0ax:y",
        "/v2%7f",
        "/v2/%c0%ae%c0%ae/admin",
        "/v2/%ff",
        "/v2/%ed%a0%80",
        "/v2/grüße",
        "/v2/a b",
        "/v2/a\tb",
        "/v2#fragment",
        "/v2?a#fragment",
        "/v2/%",
        "/v2/%2",
        "/v2/%zz",
        "/v2/%+1",
        "/v2?a=%00",
        "/v2?a=%4",
        "/v2?a=ü",
        "/v2?a\\b",
        "/v2/{x}",
        "/v2/<x>",
        "/v2/a|b",
        "/v2/a\"b",
        "/v2/a^b`",
    ] {
        assert_eq!(canonical(target).map_err(|refusal| refusal.kind), Err(Kind::BadPath), "{target}");
    }
}

#[test]
fn the_canonical_form_is_its_own() {
    for target in ["/v2/models/%69ris%20x?y=%2F", "/a%C3%BC"] {
        let once = canonical(target).unwrap().into_owned();
        assert_eq!(canonical(&once).unwrap(), once);
    }
}
