//! Metadata and readiness, also of servers that lack the paths for them.

use sluicegate_core::CallClass;
use sluicegate_testkit::{Response, Script, within};

use crate::support::Backend;

/// Answers by path; what is not named gets the 404 of a web framework's router.
fn server(paths: &'static [(&'static str, &'static str, &'static str)]) -> Script {
    Script::answering(move |request| {
        let head = Response::split(request).head;
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let found = paths.iter().find(|(known, ..)| *known == path);
        let (status, body) =
            found.map_or(("404 Not Found", r#"{"detail":"Not Found"}"#), |(_, status, body)| (status, body));
        Script::json(status, body).to_vec()
    })
}

const META: &str = "/v2/models/echo";
const READY: &str = "/v2/models/echo/ready";
const HEALTH: &str = "/v2/health/ready";

const UNKNOWN: &str = r#"{"error":"Request for unknown model: 'echo' is not found"}"#;
const DESCRIBED: &str = r#"{"name":"echo","versions":null,"platform":"sklearn","inputs":[],"outputs":[]}"#;

async fn ready(paths: &'static [(&'static str, &'static str, &'static str)]) -> Result<bool, CallClass> {
    let backend = Backend::new(server(paths), &[]).await;
    let asked = backend.upstream.ready(&backend.endpoint, backend.inquiry());
    within("readiness", asked).await.map_err(|error| error.class)
}

/// The name of the model described.
async fn metadata(paths: &'static [(&'static str, &'static str, &'static str)]) -> Result<Option<String>, CallClass> {
    let backend = Backend::new(server(paths), &[]).await;
    let asked = backend.upstream.metadata(&backend.endpoint, backend.inquiry());
    within("metadata", asked).await.map(|found| found.map(|found| found.name)).map_err(|error| error.class)
}

#[tokio::test]
async fn readiness_as_servers_say_it() {
    assert_eq!(ready(&[(READY, "200 OK", "")]).await, Ok(true));
    assert_eq!(ready(&[(READY, "200 OK", r#"{"name":"echo","ready":true}"#)]).await, Ok(true));
    assert_eq!(ready(&[(READY, "200 OK", r#"{"name":"echo","ready":false}"#)]).await, Ok(false));
    assert_eq!(ready(&[(READY, "400 Bad Request", "")]).await, Ok(false));
    assert_eq!(ready(&[(READY, "503 Service Unavailable", r#"{"error":"loading"}"#)]).await, Ok(false));
    assert_eq!(ready(&[(READY, "404 Not Found", UNKNOWN)]).await, Err(CallClass::NotFound));
    assert_eq!(ready(&[(READY, "400 Bad Request", UNKNOWN)]).await, Err(CallClass::NotFound));
    assert_eq!(ready(&[(READY, "404 Not Found", "")]).await, Err(CallClass::NotFound));
    assert_eq!(ready(&[(READY, "401 Unauthorized", "")]).await, Err(CallClass::Server));
    assert_eq!(ready(&[(READY, "500 Internal Server Error", "")]).await, Err(CallClass::Server));
}

#[tokio::test]
async fn readiness_of_servers_without_a_path_for_it() {
    assert_eq!(ready(&[(HEALTH, "200 OK", "")]).await, Ok(true));
    assert_eq!(ready(&[(HEALTH, "503 Service Unavailable", "")]).await, Ok(false));
    assert_eq!(ready(&[(READY, "405 Method Not Allowed", ""), (HEALTH, "400 Bad Request", "")]).await, Ok(false));
    assert_eq!(ready(&[(READY, "501 Not Implemented", "")]).await, Ok(true));
    assert_eq!(ready(&[]).await, Ok(true));
    assert_eq!(ready(&[(HEALTH, "500 Internal Server Error", "")]).await, Err(CallClass::Server));
}

#[tokio::test]
async fn metadata_as_servers_give_it() {
    assert_eq!(metadata(&[(META, "200 OK", DESCRIBED)]).await, Ok(Some("echo".to_owned())));
    assert_eq!(metadata(&[(META, "200 OK", "<html>")]).await, Ok(None));
    assert_eq!(metadata(&[(META, "404 Not Found", UNKNOWN)]).await, Err(CallClass::NotFound));
    assert_eq!(metadata(&[(META, "404 Not Found", "")]).await, Err(CallClass::NotFound));
    assert_eq!(metadata(&[(META, "500 Internal Server Error", "")]).await, Err(CallClass::Server));
}

#[tokio::test]
async fn metadata_of_servers_without_a_path_for_it() {
    assert_eq!(metadata(&[(READY, "200 OK", "")]).await, Ok(None));
    assert_eq!(metadata(&[(META, "501 Not Implemented", ""), (READY, "200 OK", "")]).await, Ok(None));
    assert_eq!(metadata(&[(META, "405 Method Not Allowed", "")]).await, Ok(None));
    assert_eq!(metadata(&[(READY, "404 Not Found", UNKNOWN)]).await, Err(CallClass::NotFound));
    assert_eq!(metadata(&[(READY, "400 Bad Request", "")]).await, Err(CallClass::NotReady));
}
