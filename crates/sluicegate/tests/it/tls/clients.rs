//! Real clients against a listener over TLS.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sluicegate_testkit::certs::Authority;
use tempfile::TempDir;

use super::{configuration, write};
use crate::http::Client;
use crate::support::{Gateway, root, script, sluicegate, stderr, stdout};

/// A gateway, and the folder in which `ca.pem` is to be trusted.
fn gateway() -> (Gateway, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.path().join("other.pem"), Authority::new("other").pem()).unwrap();
    write(folder.path(), "server", &authority.issue(&["localhost", "127.0.0.1"]));
    // A client that was refused a renegotiation waits for the connection to be closed.
    let text = configuration().replace("tls: {", "limits: { idle_timeout: 2s }, tls: {");
    (Gateway::of(folder.path(), &text).0, folder)
}

fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn curl_speaks_each_version() {
    let (gateway, folder) = gateway();
    let ca = folder.path().join("ca.pem");
    let url = format!("https://{}/v2/models/iris", gateway.data);
    for (options, version) in [
        (&["--http1.1"][..], "1.1"),
        (&["--http2"], "2"),
        (&["--http2", "--tls-max", "1.2"], "2"),
        (&["--http1.1", "--tlsv1.3"], "1.1"),
        (&["--no-alpn"], "1.1"),
    ] {
        let output = run(
            Command::new("curl").args(["-sS", "-w", "\n%{http_version}", "--cacert"]).arg(&ca).args(options).arg(&url),
            "",
        );
        let text = stdout(&output);
        let (body, spoken) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{options:?}: {output:?}"));
        assert_eq!(serde_json::from_str::<Value>(body).unwrap()["name"], "iris", "{options:?}");
        assert_eq!(spoken, version, "{options:?}");
    }
    let distrusting =
        run(Command::new("curl").arg("-sS").arg("--cacert").arg(folder.path().join("other.pem")).arg(&url), "");
    assert_eq!(distrusting.status.code(), Some(60), "{distrusting:?}");

    // Plain HTTP on the port of TLS.
    let told = Client::connect(gateway.data).get("/v2/models/iris").expect(400);
    assert!(told.text().contains("https://"), "{}", told.text());
    let metrics = gateway.admin("/metrics");
    assert!(metrics.text().contains("sluicegate_refusals_total{"), "it is counted");
}

/// T-01 and T-11.
#[test]
fn openssl_agrees_on_what_is_new_and_is_refused_what_is_old() {
    let (gateway, folder) = gateway();
    let address = gateway.data.to_string();
    let connect = |options: &[&str], input: &str| {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-CAfile"]).arg(folder.path().join("ca.pem")).args(options);
        let output = run(&mut command, input);
        format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr))
    };
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let told = connect(&[version, "-alpn", "h2,http/1.1"], "");
        assert!(told.contains("ALPN protocol: h2") && told.contains("Verify return code: 0 (ok)"), "{told}");
        assert!(told.contains(&format!("New, {name}")), "{told}");
    }
    assert!(connect(&["-alpn", "http/1.1"], "").contains("ALPN protocol: http/1.1"));
    // Its own scruples put aside.
    for version in ["-tls1", "-tls1_1"] {
        let told = connect(&[version, "-cipher", "ALL:@SECLEVEL=0"], "");
        assert!(told.contains("alert handshake failure") && told.contains("Cipher is (NONE)"), "{version}: {told}");
    }
    let told = connect(&["-tls1_2", "-cipher", "RC4:3DES:AES128-SHA:AES128-SHA256:@SECLEVEL=0"], "");
    assert!(told.contains("alert handshake failure"), "{told}");
    let told = connect(&["-tls1_2"], "R\n");
    assert!(told.contains("RENEGOTIATING") && told.contains("no renegotiation"), "{told}");
}

#[test]
fn tritons_clients_work_over_tls() {
    let (gateway, folder) = gateway();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let port = gateway.data.port().to_string();
    let report = script("SLUICEGATE_PYTHON_CLIENTS", "tls_clients.py", &[&port, &path("ca.pem"), &path("other.pem")]);
    assert_eq!((&report["rest"], &report["grpc"]), (&"setosa".into(), &"setosa".into()), "{report}");
    let told = |key: &str| report[key].as_str().unwrap_or_else(|| panic!("{key}: {report}")).to_owned();
    assert!(told("rest_of_a_stranger").to_ascii_lowercase().contains("certificate"), "{report}");
    assert!(!told("grpc_of_a_stranger").is_empty(), "{report}");
}

/// The example, by its own script.
#[test]
fn the_example_works_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let example = root().join("examples/tls");
    for name in ["gateway.yaml", "make-certificates.sh"] {
        std::fs::copy(example.join(name), folder.path().join(name)).unwrap();
    }
    let make = || {
        let made = Command::new("sh").arg(folder.path().join("make-certificates.sh")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
    };
    make();
    let path = folder.path().join("gateway.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("../quickstart", root().join("examples/quickstart").to_str().unwrap())).unwrap();
    let mut gateway = Gateway::serve(&["--config", path.to_str().unwrap()]);
    let url = format!("https://localhost:{}/v2/models/iris", gateway.data.port());
    // The command, too: of an authority that is named, and of nobody else.
    let ca = folder.path().join("tls/ca.pem");
    let base = format!("https://localhost:{}", gateway.data.port());
    let called = sluicegate(&["call", "iris", "--url", &base, "--ca", ca.to_str().unwrap(), "-o", "json"]);
    let answer: Value = serde_json::from_str(&stdout(&called)).unwrap_or_else(|_| panic!("{}", stderr(&called)));
    assert_eq!(answer["model_name"], "iris");
    let stranger = sluicegate(&["call", "iris", "--url", &base]);
    assert!(!stranger.status.success() && stderr(&stranger).contains("certificate"), "{}", stderr(&stranger));
    let plain = sluicegate(&["call", "iris", "--url", "http://127.0.0.1:1", "--ca", ca.to_str().unwrap()]);
    assert!(stderr(&plain).contains("--ca is for https"), "{}", stderr(&plain));
    let ask = || {
        let ca = folder.path().join("tls/ca.pem");
        let output = run(Command::new("curl").args(["-sS", "--cacert"]).arg(ca).arg(&url), "");
        assert_eq!(serde_json::from_str::<Value>(&stdout(&output)).unwrap()["name"], "iris", "{output:?}");
    };
    ask();
    // The script run again, while the gateway runs.
    make();
    gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
    ask();
}
