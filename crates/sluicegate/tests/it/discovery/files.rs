//! Files that list the endpoints.

use std::path::Path;

use super::behind::{BODY, Front, Servers, configuration};
use crate::support::{Gateway, sluicegate, stdout};

fn list(servers: &Servers, last: &[u8]) -> String {
    servers.at(last).iter().map(|at| format!("- http://{at}\n")).collect()
}

/// Replaces a file as careful programs do: whole, by renaming.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

#[test]
fn a_file_is_followed_and_what_is_none_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let path = folder.path().join("endpoints.yaml");
    std::fs::write(&path, list(&servers, &[1])).unwrap();
    let mut front = Front::of(folder.path(), "protocol: oip-rest, endpoints: [{ file: endpoints.yaml }]");
    assert_eq!(front.endpoints(), servers.at(&[1]));
    front.ask();
    let generation = front.0.admin("/status").json()["generation"].clone();
    replace(&path, &list(&servers, &[1, 2]));
    front.wait_for_endpoints(&servers.at(&[1, 2]));
    let backend = front.backend();
    assert_eq!(backend["endpoints"][0]["calls"], 1, "what is known of one that stays is kept: {backend}");
    // JSON is read as well.
    replace(&path, &format!("[{{\"url\": \"http://{}\", \"weight\": 3}}]", servers.at(&[3])[0]));
    front.wait_for_endpoints(&servers.at(&[3]));
    front.ask();
    for (text, why) in [
        ("- http://127.0.0.1:1\n- nonsense\n", "endpoints.yaml:2:3: `endpoints` is no address"),
        ("\u{0}", "endpoints.yaml:1:1"),
        ("[]\n", "there are no endpoints"),
        ("", "there are no endpoints"),
    ] {
        replace(&path, text);
        let mut told = String::new();
        crate::support::eventually(&format!("it says {why}"), || {
            told = front.backend()["sources"][0]["failure"].as_str().unwrap_or_default().to_owned();
            told.contains(why)
        });
        assert_eq!(front.endpoints(), servers.at(&[3]), "{told}");
        front.ask();
    }
    std::fs::remove_file(&path).unwrap();
    crate::support::eventually("it says that the file is gone", || {
        front.backend()["sources"][0]["failure"] == "there is no such file"
    });
    front.ask();
    replace(&path, &list(&servers, &[2]));
    front.wait_for_endpoints(&servers.at(&[2]));
    front.0.wait_for("that it is found again", |line| line.contains("found again"));
    assert_eq!(front.0.admin("/status").json()["generation"], generation, "no configuration was loaded for it");
}

#[test]
fn a_swapped_link_changes_the_endpoints_as_config_maps_do() {
    // endpoints.yaml -> ..data/endpoints.yaml, and ..data -> a folder that is replaced by renaming another link over it.
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let map = folder.path().join("map");
    std::fs::create_dir(&map).unwrap();
    let write = |version: &str, last: &[u8]| {
        std::fs::create_dir(map.join(version)).unwrap();
        std::fs::write(map.join(version).join("endpoints.yaml"), list(&servers, last)).unwrap();
    };
    write("..1", &[1]);
    std::os::unix::fs::symlink("..1", map.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/endpoints.yaml", map.join("endpoints.yaml")).unwrap();
    let front = Front::of(folder.path(), "protocol: oip-rest, endpoints: [{ file: map/endpoints.yaml }]");
    assert_eq!(front.endpoints(), servers.at(&[1]));
    for (round, last) in [&[2_u8, 3][..], &[1, 3]].into_iter().enumerate() {
        let version = format!("..{}", round + 2);
        write(&version, last);
        std::os::unix::fs::symlink(&version, map.join("..data_tmp")).unwrap();
        std::fs::rename(map.join("..data_tmp"), map.join("..data")).unwrap();
        front.wait_for_endpoints(&servers.at(last));
        front.ask();
    }
}

#[test]
fn a_file_with_mistakes_is_refused_before_it_is_relied_on_and_one_that_is_missing_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    let backend = "protocol: oip-rest, endpoints: [{ file: endpoints.yaml }]";
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, configuration(backend)).unwrap();
    let list_path = folder.path().join("endpoints.yaml");
    std::fs::write(&list_path, "- http://127.0.0.1:1\n- { url: http://127.0.0.2:1, wieght: 2 }\n").unwrap();
    let check = || sluicegate(&["check", path.to_str().unwrap()]);
    assert_eq!(check().status.code(), Some(1));
    assert!(stdout(&check()).contains("endpoints.yaml:2:30: unknown key `wieght`"), "{}", stdout(&check()));
    let serve = sluicegate(&["serve", "--config", path.to_str().unwrap()]);
    assert!(!serve.status.success());
    std::fs::remove_file(&list_path).unwrap();
    assert!(check().status.success());
    assert!(stdout(&check()).contains("warning: there is no such file of endpoints"), "{}", stdout(&check()));
    let front = Front(Gateway::serve(&["--config", path.to_str().unwrap()]));
    front.0.post("/v2/models/iris/infer", BODY).expect(503);
    replace(&list_path, &list(&servers, &[2]));
    front.wait_for_endpoints(&servers.at(&[2]));
    front.ask();
}

#[test]
fn a_reload_keeps_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let servers = Servers::start(folder.path());
    std::fs::write(folder.path().join("endpoints.yaml"), list(&servers, &[1])).unwrap();
    let backend = |more: &str| format!("protocol: oip-rest, endpoints: [{{ file: endpoints.yaml }}{more}]");
    let (mut gateway, path) = Gateway::of(folder.path(), &configuration(&backend("")));
    gateway.post("/v2/models/iris/infer", BODY).expect(200);
    // The same address once more, and another one.
    let more = format!(", \"http://{}\", \"http://{}\"", servers.at(&[1])[0], servers.at(&[2])[0]);
    replace(&path, &configuration(&backend(&more)));
    gateway.wait_for("that a reload was installed", |line| line.contains("new configuration serves"));
    let front = Front(gateway);
    assert_eq!(front.endpoints(), servers.at(&[1, 2]));
    assert_eq!(front.backend()["endpoints"][0]["calls"], 1);
    replace(&folder.path().join("endpoints.yaml"), &list(&servers, &[3]));
    front.wait_for_endpoints(&servers.at(&[1, 2, 3]));
    front.ask();
}
