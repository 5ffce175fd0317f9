//! Tokens of a real issuer (npm's `oidc-provider`): from its token endpoint through the gateway to a model, over a rotation of
//! its keys, an outage, and a reload.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use tempfile::TempDir;

use crate::http::{Client, Response};
use crate::support::{Gateway, Peer, eventually, free_port, peer, root};

const BODY: &[u8] = br#"{"inputs":[{"name":"features","datatype":"FP32","shape":[1,4],"data":[5.1,3.5,1.4,0.2]}]}"#;
const INFER: &str = "/v2/models/iris/infer";

/// An issuer and a gateway that takes its tokens.
struct House {
    folder: TempDir,
    port: u16,
    issuer: Option<Peer>,
    gateway: Gateway,
}

impl House {
    fn new() -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let issuer = Some(issuer(folder.path(), port, "first"));
        let (gateway, _) = Gateway::of(folder.path(), &configuration(port, "urn:gateway"));
        Self { folder, port, issuer, gateway }
    }

    /// A token that the issuer gives this client for `audience`.
    fn token(&self, client: &str, audience: &str) -> String {
        let body = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={client}-secret&resource={audience}"
        );
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answer = Client::connect(address(self.port)).send("POST", "/token", &form, body.as_bytes());
        answer.expect(200).json()["access_token"].as_str().unwrap().to_owned()
    }

    fn infer(&self, token: &str) -> Response {
        let bearer = format!("Bearer {token}");
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        self.gateway.client().send("POST", INFER, &headers, BODY)
    }

    fn status(&self, token: &str) -> u16 {
        self.infer(token).status
    }

    fn reload(&mut self, configuration: &str) {
        fs::write(self.folder.path().join("gateway.yaml"), configuration).unwrap();
        self.gateway.wait_for("that it serves", |line| line.contains("new configuration serves"));
    }
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// The issuer, with other keys at each start, called after `kid`.
fn issuer(folder: &Path, port: u16, kid: &str) -> Peer {
    let (python, node) = (peer("SLUICEGATE_PYTHON_CLIENT"), peer("SLUICEGATE_NODE"));
    let script = root().join("tests/oidc/provider.mjs");
    let (packages, at) = (peer("SLUICEGATE_OIDC_PROVIDER"), port.to_string());
    let command = [node.as_str(), script.to_str().unwrap(), packages.as_str(), at.as_str(), kid];
    let mut issuer = Peer::start(&python, &command, folder);
    eventually("the issuer listens", || {
        assert!(!issuer.ended(), "{}", fs::read_to_string(folder.join("stderr.log")).unwrap());
        TcpStream::connect(address(port)).is_ok()
    });
    issuer
}

fn configuration(port: u16, audience: &str) -> String {
    let model = root().join("examples/quickstart/models/iris.onnx");
    format!(
        "version: 1
listeners: {{ main: {{ address: \"127.0.0.1:0\", authenticate: [oidc] }} }}
identity:
  oidc:
    - issuer: http://127.0.0.1:{port}
      name: idp
      audience: {audience}
      claims: {{ tenant: org, groups: realm.roles }}
tenants: {{ risk: {{}} }}
backends: {{ local: {{ protocol: embedded }} }}
models:
  iris: {{ backend: local, source: {model:?}, access: [ {{ allow: {{ group: scorers }} }} ] }}
"
    )
}

#[test]
fn tokens_of_a_real_issuer_let_callers_in() {
    let mut house = House::new();
    let (rsa, elliptic) = (house.token("svc", "urn:gateway"), house.token("elliptic", "urn:gateway"));
    assert_eq!((house.status(&rsa), house.status(&elliptic)), (200, 200));
    let record = house.gateway.wait_for_record(|record| record["status"] == 200);
    assert_eq!((&record["principal"], &record["tenant"]), (&"oidc:idp:svc".into(), &"risk".into()), "{record}");
    let metrics = house.gateway.admin("/metrics").text().to_owned();
    assert!(metrics.contains("\nsluicegate_issuer_keys{issuer=\"idp\"} 2.0"), "{metrics}");
    // For somebody else, of a tenant that is not configured, changed on its way, and none at all.
    assert_eq!(house.status(&house.token("svc", "urn:other")), 401);
    assert_eq!(house.status(&house.token("stranger", "urn:gateway")), 403);
    let (head, signature) = rsa.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    assert_eq!(house.status(&format!("{head}.{turned}")), 401);
    assert_eq!(house.status("sgk_none"), 401);
    assert_eq!(house.gateway.post(INFER, "{}").status, 401);
    assert_eq!(house.status(&rsa), 200);
    // What a token is good for follows the configuration, also for one that was good.
    house.reload(&configuration(house.port, "urn:other"));
    assert_eq!(house.status(&rsa), 401);
    let only =
        configuration(house.port, "urn:gateway").replace("{ group: scorers }", "{ principal: \"oidc:idp:svc\" }");
    house.reload(&only);
    assert_eq!((house.status(&rsa), house.status(&elliptic)), (200, 404));
}

#[test]
fn an_outage_of_the_issuer_and_new_keys_of_it_are_lived_through() {
    let mut house = House::new();
    let old = house.token("svc", "urn:gateway");
    assert_eq!(house.status(&old), 200);
    house.issuer = None;
    eventually("the issuer is gone", || TcpStream::connect(address(house.port)).is_err());
    assert_eq!(house.status(&old), 200);
    house.issuer = Some(issuer(house.folder.path(), house.port, "second"));
    let new = house.token("svc", "urn:gateway");
    let mut seen = Vec::new();
    eventually("the new key is known", || {
        let answer = house.infer(&new);
        assert!(answer.status != 503 || answer.header("retry-after").is_some(), "{answer:?}");
        seen.push(answer.status);
        answer.status == 200
    });
    // First it is not believed that there is one, since the issuer was asked just now; then it is asked.
    seen.dedup();
    assert!(matches!(seen.as_slice(), [401, 503, 200] | [503, 200]), "{seen:?}");
    assert_eq!(house.status(&old), 401, "the old key is gone");
}
