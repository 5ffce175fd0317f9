//! What operators see: health, metrics, access log, ids.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::http::Client;
use crate::support::{Gateway, eventually, root};

const BODY: &str = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;

fn gateway() -> Gateway {
    Gateway::serve(&["--config", "examples/quickstart/gateway.yaml"])
}

#[test]
fn one_record_a_request() {
    let gateway = gateway();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("x-request-id", "r-1"), ("traceparent", parent)];
    let answer = gateway.client().send("POST", "/v2/models/iris/infer", &headers, BODY.as_bytes()).expect(200);
    assert_eq!(answer.header("x-request-id"), Some("r-1"));
    let record = gateway.wait_for_record(|record| record["request_id"] == "r-1");
    let expected = serde_json::json!({
        "request_id": "r-1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "listener": "local", "principal": "anonymous",
        "method": "POST", "protocol": "oip-rest", "operation": "infer", "model": "iris", "version": "1", "backend": "local",
        "status": 200, "outcome": "ok", "received": BODY.len(), "sent": answer.body.len(),
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(record[key], *value, "{key} in {record}");
    }
    assert!(record["total_ms"].as_f64().unwrap() >= record["upstream_ms"].as_f64().unwrap());
}

#[test]
fn ids_are_made_where_none_or_a_bad_one_came() {
    let gateway = gateway();
    let made = gateway.get("/v2").expect(200).header("x-request-id").unwrap().to_owned();
    assert_eq!(made.len(), 32);
    let answer = gateway.client().send("GET", "/v2", &[("x-request-id", "<script>")], b"").expect(200);
    assert_eq!(answer.header("x-request-id").unwrap().len(), 32);
}

#[test]
fn refusals_are_counted_and_logged_with_their_cause() {
    let gateway = gateway();
    gateway.client().send("GET", "/v2/models/secret-name", &[("x-request-id", "r-2")], b"").expect(404);
    let record = gateway.wait_for_record(|record| record["request_id"] == "r-2");
    assert_eq!(record["outcome"], "model_not_found");
    assert_eq!(record["model"], serde_json::Value::Null, "a name that configuration does not have is no label");
    let metrics = gateway.admin("/metrics").expect(200);
    assert!(metrics.text().contains("sluicegate_refusals_total{kind=\"model_not_found\"} 1"), "{}", metrics.text());
    assert!(!metrics.text().contains("secret-name"));
}

#[test]
fn metrics_split_latency_and_are_well_formed() {
    let gateway = gateway();
    for _ in 0..3 {
        gateway.post("/v2/models/iris/infer", BODY).expect(200);
    }
    let metrics = gateway.admin("/metrics").expect(200);
    let text = metrics.text();
    for family in [
        "sluicegate_requests_total",
        "sluicegate_request_gateway_seconds_count",
        "sluicegate_request_upstream_seconds_count",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(family) && line.contains("model=\"iris\"")),
            "{family}:\n{text}"
        );
    }
    let count =
        text.lines().find(|line| line.starts_with("sluicegate_requests_total") && line.contains("iris")).unwrap();
    assert!(count.ends_with(" 3"), "{count}");
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn a_client_that_leaves_is_recorded() {
    let gateway = gateway();
    let mut client = gateway.client();
    client.begin("POST", "/v2/models/iris/infer", BODY.len(), b"{");
    gateway.wait_until_in_flight(1);
    drop(client);
    let record = gateway.wait_for_record(|record| record["operation"] == "infer");
    // The server tells a torn body from a client that left while waiting; either way the record names the client.
    assert!(["client_gone", "bad_request"].contains(&record["outcome"].as_str().unwrap()), "{record}");
    gateway.wait_until_in_flight(0);
}

#[test]
fn the_admin_listener_answers_to_local_names_only() {
    let gateway = gateway();
    let mut client = crate::http::Client::connect(gateway.admin);
    client.send_raw("GET /status HTTP/1.1\r\nhost: evil.example\r\n\r\n").expect(403);
    gateway.admin("/livez").expect(200);
    gateway.admin("/readyz").expect(200);
    gateway.get("/metrics").expect(404);
    gateway.get("/status").expect(404);
}

#[test]
fn peers_turned_away_before_they_made_a_request_are_counted() {
    let gateway = gateway();
    gateway.client().send_raw("GET /v2 HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n").expect(400);
    let metrics = gateway.admin("/metrics").expect(200);
    assert!(metrics.text().contains("sluicegate_refusals_total{kind=\"bad_host\"} 1"), "{}", metrics.text());
}

/// A process that ends with its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn v_10_a_log_that_nobody_reads_holds_up_no_request() {
    let mut gateway = Ended(
        Command::new(env!("CARGO_BIN_EXE_sluicegate"))
            .args(["serve", "--config", "examples/quickstart/gateway.yaml", "--access-log", "off"])
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            // Each connection that breaks HTTP/2 is told of.
            .env("SLUICEGATE_LOG", "debug")
            .current_dir(root())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    // From the second address on nobody reads: the pipe has room for 64 KiB.
    let mut said = BufReader::new(gateway.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut address = |of_admin: bool| -> SocketAddr {
        let fits = |line: &String| line.contains("://") && line.trim().starts_with("admin") == of_admin;
        let line = said.find(fits).unwrap();
        line.split("://").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    };
    let (data, admin) = (address(false), address(true));
    let socket = tokio::net::TcpStream::connect(data).await.unwrap();
    let (mut client, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let broken = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &[0xff; 9]].concat();
    for _ in 0..2000 {
        for _ in 0..6 {
            let mut socket = std::net::TcpStream::connect(data).unwrap();
            socket.write_all(&broken).unwrap();
            // Whether the goodbye is met or a reset is chance.
            let _ = socket.read_to_end(&mut Vec::new());
        }
        let request = http::Request::get(format!("http://{data}/v2/models/iris/ready")).body(()).unwrap();
        client = client.ready().await.unwrap();
        let (answer, _) = client.send_request(request, true).unwrap();
        let answer =
            tokio::time::timeout(crate::support::PATIENCE, answer).await.expect("the log holds it up").unwrap();
        assert_eq!(answer.status(), 200);
    }
    eventually("what was lost is counted", || {
        let metrics = Client::connect(admin).send("GET", "/metrics", &[], b"");
        let line = metrics
            .text()
            .lines()
            .find_map(|line| line.strip_prefix("sluicegate_log_messages_dropped_total{} "))
            .unwrap();
        line.parse::<f64>().unwrap() > 0.0
    });
}
