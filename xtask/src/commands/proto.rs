//! `cargo xtask proto`: the Rust types and the descriptor set of the Protocol Buffers under `proto/`, kept in the
//! repository so that nobody needs a compiler for them to build the gateway.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use prost::Message;
use prost_build::Module;
use protox::Compiler;

use super::Command;
use crate::say;

pub(crate) const COMMAND: Command = Command {
    name: "proto",
    usage: "[--check]",
    summary: "write the types of proto/, or check that they are in step",
    run: |root, arguments| match arguments {
        [] => write(root),
        [only] if only == "--check" => check(root),
        _ => bail!("`cargo xtask proto` takes nothing but `--check`"),
    },
};

/// What is compiled, relative to `proto/`.
const FILES: &[&str] = &[
    "grpc_service.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
];

/// A package that is described but has no types of its own: its messages are those of `grpc.reflection.v1`.
const DESCRIBED_ONLY: &str = "grpc.reflection.v1alpha";

/// Where the results are kept.
const FOLDER: &str = "crates/wire/src/generated";

fn write(root: &Path) -> Result<()> {
    for (name, bytes) in generate(root)? {
        let path = root.join(FOLDER).join(&name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        say::line(format_args!("wrote {FOLDER}/{name}"));
    }
    Ok(())
}

/// Compares what is kept with what comes out now.
pub(super) fn check(root: &Path) -> Result<()> {
    let fresh = generate(root)?;
    let folder = root.join(FOLDER);
    let mut stale = Vec::new();
    for (name, bytes) in &fresh {
        if fs::read(folder.join(name)).ok().as_ref() != Some(bytes) {
            stale.push(name.clone());
        }
    }
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {FOLDER}"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !fresh.contains_key(&name) {
            stale.push(name);
        }
    }
    if !stale.is_empty() {
        let stale = stale.join(", ");
        bail!("{FOLDER} is not in step with proto/: {stale}; run `cargo xtask proto` and commit the result");
    }
    say::line(format_args!("{FOLDER} is in step with proto/"));
    Ok(())
}

/// File names and contents, the same on every machine.
fn generate(root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut compiler = Compiler::new([root.join("proto")]).context("cannot read proto/")?;
    compiler.include_imports(true).include_source_info(false);
    compiler.open_files(FILES).context("proto/ does not compile")?;
    let descriptors = compiler.file_descriptor_set();
    let mut files = BTreeMap::new();
    files.insert("descriptor.bin".to_owned(), descriptors.encode_to_vec());
    let mut config = prost_build::Config::new();
    config.bytes(["."]).btree_map(["."]);
    let typed = descriptors.file.into_iter().filter(|file| file.package() != DESCRIBED_ONLY);
    let modules = typed.map(|file| (Module::from_protobuf_package_name(file.package()), file));
    for (module, text) in config.generate(modules.collect()).context("no types come out of proto/")? {
        files.insert(module.to_file_name_or("root"), text.into_bytes());
    }
    Ok(files)
}
