//! The files that a configuration names: paths made openable, digests of models and contents of certificates asked for
//! once each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use sluicegate_core::{ModelSource, Node, Pem};

use crate::Files as Disk;
use crate::mistakes::Mistakes;

/// The files named so far.
pub(super) struct Files<'a> {
    disk: &'a mut dyn Disk,
    /// Digests of model files.
    known: BTreeMap<Arc<str>, Result<Arc<str>, String>>,
    /// What certificates and keys hold, and the digest of it.
    held: BTreeMap<Arc<str>, Result<Held, String>>,
}

#[derive(Clone)]
struct Held {
    bytes: Arc<[u8]>,
    digest: Arc<str>,
}

impl<'a> Files<'a> {
    pub(super) fn new(disk: &'a mut dyn Disk) -> Self {
        Self { disk, known: BTreeMap::new(), held: BTreeMap::new() }
    }

    /// The file that `node` of the configuration file `file` names.
    pub(super) fn source(&mut self, file: &str, node: &Node, mistakes: &mut Mistakes) -> Option<ModelSource> {
        let path = beside(file, node.text()?);
        let known = match self.known.get(&path) {
            Some(known) => known,
            None => {
                let digest = self.disk.digest(&path).map(Arc::from);
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

    /// The certificates or the key (`what`) in the file that `node` of the configuration file `file` names.
    pub(super) fn pem(&mut self, file: &str, node: &Node, what: &str, mistakes: &mut Mistakes) -> Option<Pem> {
        let path = beside(file, node.text()?);
        let held = match self.held.get(&path) {
            Some(held) => held,
            None => {
                let held = self.disk.read(&path).map(|bytes| Held { digest: hexadecimal(&bytes), bytes: bytes.into() });
                self.held.entry(path.clone()).or_insert(held)
            }
        };
        match held.clone() {
            Ok(Held { bytes, digest }) => Some(Pem { path, bytes, digest, span: node.span.clone() }),
            Err(why) => {
                let help = "paths are relative to the file they stand in";
                mistakes.helped(&node.span, format!("the file of the {what} cannot be read: {why}"), help);
                None
            }
        }
    }

    /// What is in the file of endpoints `path`.
    pub(super) fn endpoints(&mut self, path: &str) -> Result<Option<Arc<str>>, String> {
        self.disk.endpoints(path).map(|text| text.map(Arc::from))
    }

    /// The digests: of models, then of certificates and keys, each in the order of the paths.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        let models = self.known.values().filter_map(|digest| digest.as_deref().ok());
        models.chain(self.held.values().filter_map(|held| held.as_ref().ok().map(|held| &*held.digest)))
    }
}

/// SHA-256.
fn hexadecimal(bytes: &[u8]) -> Arc<str> {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// `path` as seen from the folder of `file`.
pub(super) fn beside(file: &str, path: &str) -> Arc<str> {
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
