//! Model files: their paths made openable, their digests asked for once each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sluicegate_core::{ModelSource, Node};

use crate::Digest;
use crate::mistakes::Mistakes;

/// The model files named so far.
pub(super) struct Files<'a> {
    digest: Digest<'a>,
    known: BTreeMap<Arc<str>, Result<Arc<str>, String>>,
}

impl<'a> Files<'a> {
    pub(super) fn new(digest: Digest<'a>) -> Self {
        Self { digest, known: BTreeMap::new() }
    }

    /// The file that `node` of the configuration file `file` names.
    pub(super) fn source(&mut self, file: &str, node: &Node, mistakes: &mut Mistakes) -> Option<ModelSource> {
        let path = beside(file, node.text()?);
        let known = match self.known.get(&path) {
            Some(known) => known,
            None => {
                let digest = (self.digest)(&path).map(Arc::from);
                self.known.entry(path.clone()).or_insert(digest)
            }
        };
        match known {
            Ok(digest) => Some(ModelSource { path, digest: digest.clone(), span: node.span.clone() }),
            Err(why) => {
                let help = "paths are relative to the file they stand in";
                mistakes.helped(&node.span, format!("the model file cannot be read: {why}"), help);
                Some(ModelSource { path, digest: "".into(), span: node.span.clone() })
            }
        }
    }

    /// The digests in the order of the paths.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        self.known.values().filter_map(|digest| digest.as_deref().ok())
    }
}

/// `path` as seen from the folder of `file`.
fn beside(file: &str, path: &str) -> Arc<str> {
    let folder = Path::new(file).parent().unwrap_or_else(|| Path::new(""));
    // Both are text, so that nothing can be lost.
    folder.join(path).to_string_lossy().into()
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn paths_are_relative_to_their_file() {
        assert_eq!(&*beside("gateway.yaml", "a/b.onnx"), "a/b.onnx");
        assert_eq!(&*beside("etc/teams/a.yaml", "b.onnx"), "etc/teams/b.onnx");
        assert_eq!(&*beside("/etc/a.yaml", "../b.onnx"), "/etc/../b.onnx");
        assert_eq!(&*beside("/etc/a.yaml", "/srv/b.onnx"), "/srv/b.onnx");
    }
}
