//! What is there by a listener: some models, and some hosts.

use sluicegate_config::{HostName, Tenant};

use super::grpc::{infer, message};
use super::guard::{EITHER, Spoken, everyone, span};
use super::*;

/// A gateway with the models `m` and `n`, of which its listener exposes `n`. Whoever is identified may do all with both.
fn world(behaviour: Behaviour, expose: Option<&[&str]>, hosts: Option<Vec<HostName>>) -> World {
    World::with(behaviour, Arc::new(Spoken), |resolved| {
        let listener = &mut resolved.listeners[0];
        (listener.authenticate, listener.management, listener.hosts) = (EITHER.to_vec(), true, hosts);
        // As large as the tests' questions are.
        listener.limits.body = 1 << 20;
        listener.expose = expose.map(|models| models.iter().map(|model| Arc::from(*model)).collect());
        let mut access = everyone();
        for rule in access.iter_mut().flatten() {
            rule.operations = sluicegate_core::OperationSet::ALL;
        }
        resolved.models[0].access = access;
        let other = Model { name: Arc::from("n"), ..resolved.models[0].clone() };
        resolved.models.push(other);
        resolved.tenants = vec![Tenant { name: Arc::from("risk"), description: None, span: span() }];
    })
}

const KEY: (&str, &str) = ("x-api-key", "alice@risk");

/// Status, all fields of the head, and the body.
async fn told(world: &World, method: &str, path: &str, body: &str) -> (u16, Vec<(String, Vec<u8>)>, Bytes) {
    let (status, headers, body) = world.ask(method, path, &[KEY], body).await;
    let headers = headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    (status, headers.collect(), body)
}

#[tokio::test]
async fn a_model_that_is_not_exposed_is_unknown_to_the_byte_over_rest() {
    let world = world(Behaviour::Echo, Some(&["n"]), None);
    for (method, path, body) in [
        ("POST", "/v2/models/NAME/infer", BODY),
        ("POST", "/v2/models/NAME/versions/1/infer", BODY),
        ("POST", "/v2/models/NAME/generate", "{}"),
        ("GET", "/v2/models/NAME", ""),
        ("GET", "/v2/models/NAME/versions/1", ""),
        ("GET", "/v2/models/NAME/ready", ""),
        ("GET", "/v2/models/NAME/config", ""),
        ("GET", "/v2/models/NAME/stats", ""),
        ("POST", "/v2/repository/models/NAME/load", "{}"),
        ("POST", "/v2/repository/models/NAME/unload", "{}"),
        ("POST", "/v2/models/NAME/trace/setting", "{}"),
        ("GET", "/v1/models/NAME", ""),
        ("POST", "/v1/chat/completions", r#"{"model":"NAME","messages":[]}"#),
        ("POST", "/v1/completions", r#"{"model":"NAME","prompt":""}"#),
        ("POST", "/v1/responses", r#"{"model":"NAME","input":""}"#),
        ("POST", "/v1/embeddings", r#"{"model":"NAME","input":""}"#),
    ] {
        let ask = |model: &str| (path.replace("NAME", model), body.replace("NAME", model));
        let [unknown, hidden] = ["x", "m"].map(ask);
        let unknown = told(&world, method, &unknown.0, &unknown.1).await;
        let hidden = told(&world, method, &hidden.0, &hidden.1).await;
        assert_eq!((unknown.0, &unknown), (404, &hidden), "{method} {path}");
        let records = std::mem::take(&mut *world.records.0.lock());
        assert!(records.iter().all(|record| record.model.is_none()), "{path}");
        // Operators can tell.
        let causes: Vec<_> = records.iter().map(|record| record.cause.as_deref().unwrap()).collect();
        assert_eq!(causes, ["no such model or version", "`m` is not exposed here"], "{path}");
    }
    assert_eq!(told(&world, "POST", "/v2/models/n/infer", BODY).await.0, 200);
    assert_eq!(told(&world, "GET", "/v2/models/n", "").await.0, 200);
    assert_eq!(told(&world, "POST", "/v2/repository/models/n/load", "{}").await.0, 501, "the backend has no such call");
}

#[tokio::test]
async fn a_model_that_is_not_exposed_is_unknown_to_the_byte_over_grpc() {
    let world = world(Behaviour::Echo, Some(&["n"]), None);
    let orders = |model: &str| message(&[(2, model)]);
    let names = |model: &str| message(&[(1, model)]);
    type Make<'a> = &'a dyn Fn(&str) -> Bytes;
    let calls: [(&str, Make<'_>); 8] = [
        ("ModelInfer", &|model| infer(model, "")),
        ("ModelInfer", &|model| infer(model, "1")),
        ("ModelMetadata", &names),
        ("ModelReady", &names),
        ("ModelConfig", &names),
        ("ModelStatistics", &names),
        ("RepositoryModelLoad", &orders),
        ("RepositoryModelUnload", &orders),
    ];
    for (method, make) in calls {
        let unknown = world.call(method, &[KEY], make("x")).await;
        let hidden = world.call(method, &[KEY], make("m")).await;
        assert_eq!((unknown.code, &unknown), (5, &hidden), "{method}");
    }
    assert_eq!(world.call("ModelInfer", &[KEY], infer("n", "")).await.code, 0);
    // Each message of a stream is looked at by itself, and told among the answers or by the end of the stream.
    for strict in [&[KEY][..], &[KEY, ("triton_grpc_error", "true")]] {
        let unknown = world.call("ModelStreamInfer", strict, infer("x", "")).await;
        let hidden = world.call("ModelStreamInfer", strict, infer("m", "")).await;
        assert_eq!(unknown, hidden);
        let said = [&unknown.body[..], unknown.header("grpc-message").unwrap_or("").as_bytes()].concat();
        assert!(String::from_utf8_lossy(&said).contains("no such model or version"), "{unknown:?}");
        let shown = world.call("ModelStreamInfer", strict, infer("n", "")).await;
        assert!(!String::from_utf8_lossy(&shown.body).contains("no such model"), "{shown:?}");
    }
}

#[tokio::test]
async fn lists_and_counters_have_what_is_exposed() {
    for (expose, expected) in [(None, vec!["m", "m", "n", "n"]), (Some(&["n"][..]), vec!["n", "n"])] {
        let world = world(Behaviour::Talk, expose, None);
        let ask = async |method: &str, path: &str| {
            let (status, _, body) = told(&world, method, path, "").await;
            assert_eq!(status, 200, "{path}");
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()
        };
        let names = |list: &serde_json::Value, key: &str| -> Vec<String> {
            list.as_array().unwrap().iter().map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&ask("POST", "/v2/repository/index").await, "name"), expected);
        assert_eq!(names(&ask("GET", "/v2/models/stats").await["model_stats"], "name"), expected);
        let mut models = expected.clone();
        models.dedup();
        assert_eq!(names(&ask("GET", "/v1/models").await["data"], "id"), models);
        let index = world.call("RepositoryIndex", &[KEY], message(&[])).await;
        let counters = world.call("ModelStatistics", &[KEY], message(&[])).await;
        for told in [&index, &counters] {
            let shows = told.body.windows(3).filter(|part| *part == b"\x0a\x01m").count();
            assert_eq!((told.code, shows), (0, expected.iter().filter(|name| **name == "m").count()));
        }
    }
}

#[tokio::test]
async fn where_some_models_are_exposed_no_order_goes_to_every_server() {
    for (expose, expected) in [(None, 501), (Some(&["n"][..]), 403), (Some(&["m", "n"][..]), 403)] {
        let world = world(Behaviour::Echo, expose, None);
        for path in ["/v2/logging", "/v2/trace/setting", "/v2/systemsharedmemory/unregister"] {
            assert_eq!(told(&world, "POST", path, "{}").await.0, expected, "{path} {expose:?}");
        }
    }
}

fn hosts() -> Option<Vec<HostName>> {
    Some(vec![HostName::Exactly(Arc::from("models.example.com")), HostName::Below(Arc::from("example.org"))])
}

#[tokio::test]
async fn a_request_for_another_host_is_misdirected_whoever_calls() {
    let world = world(Behaviour::Echo, None, hosts());
    let ask = async |host: Option<&str>, key: &str, path: &str| {
        let mut headers = Vec::new();
        headers.extend(host.map(|host| ("host", host)));
        headers.extend((!key.is_empty()).then_some(("x-api-key", key)));
        world.ask("GET", path, &headers, "").await
    };
    for host in
        ["models.example.com", "MODELS.example.COM:8443", "models.example.com.", "a.example.org", "A.Example.org:1"]
    {
        assert_eq!(ask(Some(host), "alice@risk", "/v2/models/m").await.0, 200, "{host}");
        assert_eq!(ask(Some(host), "unknown", "/v2/models/m").await.0, 401, "{host}");
    }
    world.records.0.lock().clear();
    let mut answers = Vec::new();
    for host in [
        Some("example.com"),
        Some("models.example.com.evil"),
        Some("xmodels.example.com"),
        Some("example.org"),
        Some(".example.org"),
        Some("b.a.example.org"),
        Some("127.0.0.1:8080"),
        Some("[::1]:8080"),
        None,
    ] {
        // Neither a good credential nor a bad one is looked at, and no model.
        for (key, path) in
            [("alice@risk", "/v2/models/m"), ("unknown", "/v2/models/x"), ("", "/v2/health/live"), ("", "/no")]
        {
            let (status, _, body) = ask(host, key, path).await;
            assert_eq!(status, 421, "{host:?} {path}");
            answers.push(body);
        }
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]));
    let records = std::mem::take(&mut *world.records.0.lock());
    assert!(records.iter().all(|record| record.identity == sluicegate_core::Identity::Unsettled));
    assert!(records.iter().all(|record| record.outcome.label() == "misdirected"));
}

#[tokio::test]
async fn a_misdirected_call_is_told_in_its_protocol() {
    let world = world(Behaviour::Echo, None, hosts());
    let told = world.call("ModelInfer", &[KEY, ("host", "elsewhere")], infer("m", "")).await;
    assert_eq!(told.code, 5);
    assert!(told.header("grpc-message").unwrap().contains("host"), "{told:?}");
    let (status, _, body) = world.ask("POST", "/v1/chat/completions", &[("host", "elsewhere")], "{}").await;
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, error["error"]["code"].as_str()), (421, Some("misdirected")));
    // Over HTTP/2 the host stands beside the path.
    for (host, expected) in [("models.example.com:80", 200), ("elsewhere", 421)] {
        let mut head = sluicegate_core::RequestHead::new(
            http::Method::GET,
            "/v2/models/m".parse().unwrap(),
            http::Version::HTTP_2,
        );
        head.authority = Some(host.parse().unwrap());
        head.headers.insert("x-api-key", http::HeaderValue::from_static("alice@risk"));
        let peer = ([127, 0, 0, 1], 1).into();
        let inbound = Inbound { listener: Arc::from("l"), peer, head: Box::new(head), body: Body::Empty };
        assert_eq!(serve(&world.gateway, inbound).await.status, expected, "{host}");
    }
}

#[tokio::test]
async fn without_hosts_any_is_served() {
    let world = world(Behaviour::Echo, None, None);
    for host in [None, Some("elsewhere"), Some("[::1]:80")] {
        let headers: Vec<_> = host.map(|host| ("host", host)).into_iter().chain([KEY]).collect();
        assert_eq!(world.ask("GET", "/v2/models/m", &headers, "").await.0, 200, "{host:?}");
    }
}
