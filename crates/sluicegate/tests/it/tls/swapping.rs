//! T-08: certificates swapped under load.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use sluicegate_testkit::certs::{Authority, Issued};

use super::{configuration, write};
use crate::http::Client;
use crate::support::{Gateway, PATIENCE};

const BODY: &str = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;

type Secured = StreamOwned<ClientConnection, TcpStream>;

fn client(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(authority.pem())).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// A connection with its handshake made.
fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Secured {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut session = ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost").unwrap()).unwrap();
    while session.is_handshaking() {
        session.complete_io(&mut stream).expect("a handshake");
    }
    StreamOwned::new(session, stream)
}

/// The certificate that a new connection is shown.
fn shown(address: SocketAddr, config: &Arc<ClientConfig>) -> CertificateDer<'static> {
    connect(address, config).conn.peer_certificates().unwrap()[0].clone()
}

fn ask(client: &mut Client<Secured>) {
    let answer = client.post("/v2/models/iris/infer", BODY).expect(200);
    assert!(answer.text().contains("setosa"), "{}", answer.text());
}

/// Puts a pair in place as Kubernetes does: both files at once, by another link over `..data`.
fn swap(folder: &Path, round: usize, pair: &Issued) {
    let name = format!("..{round}");
    std::fs::create_dir(folder.join(&name)).unwrap();
    write(&folder.join(&name), "server", pair);
    std::os::unix::fs::symlink(&name, folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn t08_certificates_are_swapped_under_load_without_a_failure() {
    const REQUESTS: usize = 4_000;
    const SWAPS: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let config = client(&authority);
    let mut last = authority.issue(&["localhost"]);
    swap(folder.path(), 0, &last);
    for file in ["server.pem", "server.key"] {
        std::os::unix::fs::symlink(format!("..data/{file}"), folder.path().join(file)).unwrap();
    }
    let (mut gateway, _) = Gateway::of(folder.path(), &configuration());
    let address = gateway.data;
    let (sent, fresh, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let goes_on = || !stop.load(Ordering::Relaxed) || sent.load(Ordering::Relaxed) < REQUESTS;
    let on_one_connection = || {
        let mut client = Client::over(connect(address, &config));
        while goes_on() {
            ask(&mut client);
            sent.fetch_add(1, Ordering::Relaxed);
        }
    };
    let on_new_ones = || {
        while goes_on() {
            ask(&mut Client::over(connect(address, &config)));
            sent.fetch_add(1, Ordering::Relaxed);
            fresh.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let mut clients = vec![scope.spawn(on_one_connection), scope.spawn(on_one_connection)];
        clients.extend([scope.spawn(on_new_ones), scope.spawn(on_new_ones)]);
        for round in 1..=SWAPS {
            let pair = authority.issue(&["localhost"]);
            if round % 4 == 0 {
                // The halves of two pairs.
                swap(folder.path(), round, &Issued { key: last.key.clone(), ..pair });
                gateway.wait_for("the mistake", |line| line.contains("the key does not belong to the certificate"));
            } else {
                swap(folder.path(), round, &pair);
                gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
                last = pair;
            }
            assert_eq!(shown(address, &config), certificate(&last.certificate), "round {round}");
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
    });
    assert!(sent.load(Ordering::Relaxed) >= REQUESTS && fresh.load(Ordering::Relaxed) > SWAPS);
    let status = gateway.admin("/status").json();
    assert_eq!(status["generation"], 1 + SWAPS - SWAPS / 4);
    assert_eq!(status["last_reload"]["ok"], false, "the last one was bad, and that is visible");
    let metrics = gateway.admin("/metrics");
    assert!(metrics.text().contains("sluicegate_config_last_reload_successful 0"), "{}", metrics.text());
}

#[test]
fn an_expired_certificate_does_not_take_the_place_of_a_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("test");
    let config = client(&authority);
    let good = authority.issue(&["localhost"]);
    write(folder.path(), "server", &good);
    let (mut gateway, path) = Gateway::of(folder.path(), &configuration());
    let old = authority.issue_between(&["localhost"], 2010, 2020);
    write(folder.path(), "server", &old);
    gateway.wait_for("the mistake", |line| line.contains("gateway.yaml:2:") && line.contains("has expired"));
    assert_eq!(shown(gateway.data, &config), certificate(&good.certificate));
    drop(gateway);

    // Where there is none to go on with, it is shown all the same, and warned of.
    let mut gateway = Gateway::serve(&["--config", path.to_str().unwrap()]);
    assert!(gateway.said.iter().any(|line| line.contains("has expired")), "{:?}", gateway.said);
    // And it is in nobody's way: what else changes is taken up.
    std::fs::write(&path, configuration().replace("iris:", "flowers:")).unwrap();
    gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
}
