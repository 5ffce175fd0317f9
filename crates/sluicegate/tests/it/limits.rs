//! Limits over real connections: two listeners, callers with keys and without, a model that runs.

use std::fs;

use serde_json::Value;

use crate::http::Response;
use crate::support::{Gateway, eventually, root, sluicegate, stderr, stdout};

const BODY: &str = r#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;

/// What the tests change is in the place of `LIMITS`.
const GATEWAY: &str = r#"
version: 1
listeners: { main: { address: 127.0.0.1:0, authenticate: [anonymous, api_key] } }
state: { store: { sqlite: state.db } }
tenants: { risk: {} }
backends: { local: { protocol: embedded } }
models:
  iris: { backend: local, source: iris.onnx, access: [{ allow: everyone }, { allow: { principal: anonymous } }] }
limits: LIMITS
"#;

fn told(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.header("ratelimit"))
}

#[test]
fn callers_are_limited_each_and_a_reload_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(root().join("examples/quickstart/models/iris.onnx"), folder.path().join("iris.onnx")).unwrap();
    let of = |limits: &str| GATEWAY.replace("LIMITS", limits);
    let (gateway, config) = Gateway::of(folder.path(), &of("[{ name: each, per: principal, requests: 2/day }]"));
    let output = sluicegate(&["keys", "create", "batch", "--tenant", "risk", "--config", config.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let shown = stdout(&output);
    let key = shown.split_whitespace().find(|word| word.starts_with("sgk_")).unwrap().to_owned();
    let ask = |key: Option<&str>| {
        let credential: &[(&str, &str)] = &key.map(|key| ("x-api-key", key)).into_iter().collect::<Vec<_>>();
        let headers = [&[("content-type", "application/json")], credential].concat();
        gateway.client().send("POST", "/v2/models/iris/infer", &headers, BODY.as_bytes())
    };
    assert_eq!(told(&ask(None)), (200, Some(r#""each";r=1;t=43200"#)));
    assert_eq!(ask(None).status, 200);
    let refused = ask(None);
    assert_eq!(refused.status, 429);
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((43_000..=43_200).contains(&after), "{after}");
    let code: Value = refused.json();
    assert!(code["error"].as_str().is_some_and(|text| text.contains("2/day")), "{code}");
    // Keys that were made while the gateway runs are known within a second.
    eventually("the key is known", || {
        gateway.client().send("GET", "/v2/health/live", &[("x-api-key", &key)], b"").status == 200
    });
    assert_eq!(told(&ask(Some(&key))), (200, Some(r#""each";r=1;t=43200"#)), "it has its own");
    assert_eq!(gateway.get("/v2/health/ready").status, 200);
    let metrics = gateway.admin("/metrics");
    assert!(
        metrics.text().contains(r#"sluicegate_limited_total{limit="each",mode="enforce"} 1"#),
        "{}",
        metrics.text()
    );
    let record = gateway.wait_for_record(|record| record["outcome"] == "rate_limited");
    assert_eq!(
        (&record["status"], &record["cause"]),
        (&Value::from(429), &Value::from("the limit `each` has no request left"))
    );
    fs::write(&config, of("[{ requests: 1000/s }, { name: each, per: principal, requests: 3/day }]")).unwrap();
    eventually("the new configuration serves", || {
        ask(None).header("ratelimit-policy") == Some(r#""each";q=3;w=86400"#)
    });
    assert_eq!(ask(None).status, 429, "of three two were used, and one was to see the change");
}
