//! What one generation hands to the next.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sluicegate_core::{BackendPlan, BuildUpstream, ModelSource, Span};
use sluicegate_testkit::FakeClock;

use super::Factory;
use crate::check::Limits;
use crate::kind::{KIND, Settings};

fn factory() -> Factory {
    Factory::new(Arc::new(FakeClock::still()))
}

fn span() -> Span {
    Span { file: "gateway.yaml".into(), line: 1, column: 1 }
}

fn source(path: &Path) -> ModelSource {
    ModelSource { path: path.to_str().unwrap().into(), digest: "".into(), span: span() }
}

fn model(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

fn plan(name: &str, threads: usize) -> BackendPlan {
    BackendPlan {
        name: name.into(),
        kind: KIND.kind,
        settings: Arc::new(Settings { threads, ..Settings::default() }),
        fingerprint: String::new(),
        span: span(),
        endpoints: vec![],
        connect_timeout: Duration::from_secs(1),
        models: vec![],
    }
}

#[test]
fn equal_files_under_equal_settings_share_a_session_while_one_is_held() {
    let factory = factory();
    let settings = Settings::default();
    let source = source(&model("ridge.onnx"));
    let first = factory.session(&source, &settings).unwrap();
    let again = factory.session(&source, &settings).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    let limits = Limits { tensor: 1 << 20, ..settings.limits };
    let tighter = factory.session(&source, &Settings { limits, ..settings.clone() }).unwrap();
    assert!(!Arc::ptr_eq(&first, &tighter));
    drop((first, again, tighter));
    assert!(factory.sessions.lock().values().all(|session| session.strong_count() == 0));
}

#[test]
fn a_file_that_changed_is_loaded_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::copy(model("ridge.onnx"), &path).unwrap();
    let factory = factory();
    let first = factory.session(&source(&path), &Settings::default()).unwrap();
    std::fs::copy(model("tree-reg.onnx"), &path).unwrap();
    let second = factory.session(&source(&path), &Settings::default()).unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
}

#[test]
fn a_backend_keeps_its_threads_until_its_settings_change() {
    let factory = factory();
    let pool = |plan: &BackendPlan| {
        let settings = plan.settings.downcast_ref::<Settings>().unwrap();
        factory.pool(plan, settings).unwrap()
    };
    let first = pool(&plan("local", 1));
    assert!(Arc::ptr_eq(&first, &pool(&plan("local", 1))));
    assert!(!Arc::ptr_eq(&first, &pool(&plan("local", 2))));
    assert!(!Arc::ptr_eq(&first, &pool(&plan("other", 1))));
}

#[test]
fn settings_of_another_kind_are_refused() {
    let mut plan = plan("local", 1);
    plan.settings = Arc::new(7_u8);
    let errors = factory().build(&plan).err().unwrap();
    assert!(errors[0].message.contains("another kind"), "{}", errors[0]);
}
