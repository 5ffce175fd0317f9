//! From a configured path to a loaded model: digests, data outside the file, links of every kind, what is shared.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sluicegate_core::BuildUpstream;
use sluicegate_runtime::{Factory, KIND};

use crate::harness::{Real, models, node, onnxruntime, plan, reference, request, span, try_load};

fn refusal(path: &Path) -> String {
    match try_load(path, &[("threads", "1")]) {
        Err(errors) => errors[0].message.clone(),
        Ok(_) => panic!("{} was loaded", path.display()),
    }
}

/// A folder with the model whose weights stand beside it.
fn with_weights() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["external-weights.onnx", "external-weights.weights"] {
        std::fs::copy(models().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn every_model_that_cannot_be_built_is_named_with_its_place() {
    let missing = models().join("no-such-file.onnx");
    let broken = models().join("hostile/truncated.onnx");
    let good = models().join("iris-logreg.onnx");
    let files = [("a", &*missing, ""), ("b", &*good, ""), ("c", &*broken, ""), ("d", &*good, &"0".repeat(64))];
    let errors = Factory::new(Arc::new(Real)).build(&plan(&files, &[])).err().unwrap();
    let said: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("model 'a'") && said[0].contains("cannot be opened"), "{said:?}");
    assert!(said[1].contains("model 'c'") && said[1].contains("not an ONNX model"), "{said:?}");
    assert!(said[2].contains("model 'd'") && said[2].contains("SHA-256"), "{said:?}");
    assert!(errors.iter().all(|error| error.span == span()));
}

#[test]
fn what_is_loaded_has_the_digest_that_was_seen() {
    let path = models().join("iris-logreg.onnx");
    let digest: String =
        Sha256::digest(std::fs::read(&path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(Factory::new(Arc::new(Real)).build(&plan(&[("m", &path, &digest)], &[])).is_ok());
}

#[test]
fn a_model_without_a_file_is_refused() {
    let mut plan = plan(&[("m", &models().join("ridge.onnx"), "")], &[]);
    plan.models[0].source = None;
    let errors = Factory::new(Arc::new(Real)).build(&plan).err().unwrap();
    assert!(errors[0].message.contains("names no file"), "{}", errors[0]);
}

#[test]
fn a_file_over_the_limit_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.onnx");
    std::fs::File::create(&path).unwrap().set_len(2 << 20).unwrap();
    let errors = try_load(&path, &[("max_model_size", "1MiB")]).err().unwrap();
    assert!(errors[0].message.contains("max_model_size"), "{}", errors[0]);
}

#[test]
fn folders_and_pipes_are_no_models() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refusal(folder.path()).contains("not a regular file"));
    let pipe = folder.path().join("pipe.onnx");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(refusal(&pipe).contains("not a regular file"));
}

#[tokio::test]
async fn weights_beside_the_model_are_found_also_through_a_link_to_the_model() {
    let folder = with_weights();
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("model.onnx");
    symlink(folder.path().join("external-weights.onnx"), &link).unwrap();
    for path in [folder.path().join("external-weights.onnx"), link] {
        let one = try_load(&path, &[("threads", "1")]).unwrap_or_else(|errors| panic!("{}", errors[0]));
        let reference = reference(&models().join("external-weights.json"));
        let response = one.infer(request(reference.inputs)).await.unwrap();
        reference.outputs[0].compare(&response.outputs[0], 1e-5);
    }
}

#[test]
fn weights_behind_links_pipes_and_second_names_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    let weights = outside.path().join("weights");
    std::fs::copy(models().join("external-weights.weights"), &weights).unwrap();
    let try_with = |put: &dyn Fn(&Path)| {
        let folder = with_weights();
        let place = folder.path().join("external-weights.weights");
        std::fs::remove_file(&place).unwrap();
        put(&place);
        refusal(&folder.path().join("external-weights.onnx"))
    };
    let symbolic = try_with(&|place| symlink(&weights, place).unwrap());
    assert!(symbolic.contains("not a regular file"), "{symbolic}");
    let hard = try_with(&|place| std::fs::hard_link(&weights, place).unwrap());
    assert!(hard.contains("several hard links"), "{hard}");
    let pipe = try_with(&|place| {
        assert!(std::process::Command::new("mkfifo").arg(place).status().unwrap().success());
    });
    assert!(pipe.contains("not a regular file"), "{pipe}");
    let device = try_with(&|place| symlink("/dev/zero", place).unwrap());
    assert!(device.contains("not a regular file"), "{device}");
    let folder = try_with(&|place| std::fs::create_dir(place).unwrap());
    assert!(folder.contains("not a regular file"), "{folder}");
    let gone = try_with(&|_| ());
    assert!(gone.contains("cannot be opened"), "{gone}");
}

#[test]
fn weights_below_a_linked_folder_are_refused() {
    // The model names `external-weights.weights`; its twin names a file of the same length of name below a folder.
    let folder = with_weights();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::rename(folder.path().join("external-weights.weights"), inner.join("al-weights.weights")).unwrap();
    let path = folder.path().join("external-weights.onnx");
    let mut bytes = std::fs::read(&path).unwrap();
    let (old, new) = (b"external-weights.weights", b"inner/al-weights.weights");
    while let Some(place) = bytes.windows(old.len()).position(|window| window == old) {
        bytes[place..place + old.len()].copy_from_slice(new);
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(try_load(&path, &[("threads", "1")]).is_ok(), "a real folder inside is allowed");
    std::fs::rename(&inner, folder.path().join("real")).unwrap();
    symlink("real", &inner).unwrap();
    let refused = refusal(&path);
    assert!(refused.contains("cannot be opened"), "{refused}");
}

#[tokio::test]
async fn changed_weights_make_a_new_session_though_the_model_file_is_the_same() {
    let folder = with_weights();
    let path = folder.path().join("external-weights.onnx");
    let factory = Factory::new(Arc::new(Real));
    let plan = plan(&[("m", &path, "")], &[("threads", "1")]);
    let first = factory.build(&plan).unwrap();
    let weights = folder.path().join("external-weights.weights");
    let zeros = vec![0; std::fs::read(&weights).unwrap().len()];
    std::fs::remove_file(&weights).unwrap();
    std::fs::write(&weights, zeros).unwrap();
    let second = factory.build(&plan).unwrap();
    let reference = reference(&models().join("external-weights.json"));
    let mut answers = Vec::new();
    for upstream in [first, second] {
        let one = crate::harness::One { upstream, endpoint: crate::harness::endpoint() };
        answers.push(one.infer(request(reference.inputs.clone())).await.unwrap().outputs);
    }
    reference.outputs[0].compare(&answers[0][0], 1e-5);
    assert!(answers[1][0].data().iter().all(|byte| *byte == 0), "the new weights are zeros");
}

#[test]
fn a_wrong_library_is_refused_at_the_models_place() {
    let path = models().join("ridge.onnx");
    let errors = try_load(&path, &[("onnxruntime.library", "/nowhere/libonnxruntime.so")]).err().unwrap();
    assert!(errors[0].message.contains("cannot be found"), "{}", errors[0]);
    let errors = try_load(&path, &[("onnxruntime.library", path.to_str().unwrap())]).err().unwrap();
    assert!(errors[0].message.contains("cannot be loaded as a library"), "{}", errors[0]);
}

#[test]
fn a_second_library_is_refused_and_the_first_goes_on() {
    let path = models().join("ridge.onnx");
    let keys = onnxruntime();
    assert!(try_load(&path, &keys).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libonnxruntime.so");
    std::fs::copy(keys[1].1, &copy).unwrap();
    let errors = try_load(&path, &[("onnxruntime.library", copy.to_str().unwrap())]).err().unwrap();
    assert!(errors[0].message.contains("can run only one"), "{}", errors[0]);
    assert!(try_load(&path, &keys).is_ok());
}

#[test]
fn onnxruntime_without_its_library_is_a_mistake() {
    let mistakes = (KIND.decode)(&node(&[("onnxruntime.sessions", "2")])).err().unwrap();
    assert!(mistakes[0].message.contains("library"), "{}", mistakes[0]);
}
