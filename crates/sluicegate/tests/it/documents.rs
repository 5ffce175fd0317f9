//! Generated documents are in step with the code, and every example is a good configuration.

use crate::support::{root, sluicegate, stdout};

#[test]
fn generated_documents_are_in_step() {
    for (what, path) in
        [("configuration", "docs/configuration.md"), ("schema", "docs/schema.json"), ("errors", "docs/errors.md")]
    {
        let generated = stdout(&sluicegate(&["generate", what]));
        let kept = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        assert!(generated == kept, "{path} is behind the code: run `cargo xtask schema`");
    }
}

#[test]
fn config_schema_prints_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&stdout(&sluicegate(&["config", "schema"]))).unwrap();
    assert!(schema["properties"]["models"].is_object());
    assert!(schema["properties"]["tenants"].is_object());
    assert!(schema["properties"]["floor"].is_null(), "what is not built is not in the schema");
}

#[test]
fn every_example_is_good() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let folder = entry.unwrap().path();
        // It makes its certificates first; the test that runs it whole is `tls::clients::the_example_works_as_it_stands`.
        if folder.join("make-certificates.sh").exists() {
            continue;
        }
        let path = folder.join("gateway.yaml");
        let output = sluicegate(&["check", path.to_str().unwrap()]);
        assert!(output.status.success(), "{}", stdout(&output));
        seen += 1;
    }
    assert!(seen >= 2);
}
