//! Tells when files of the configuration may have changed. Watches folders, not files: editors and Kubernetes replace a
//! file or a symbolic link in its folder, and a watch on the file itself would look at the old one for ever.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Changes that follow one another within this time are one.
const SETTLE: Duration = Duration::from_millis(200);

/// Watches the folders of a set of files.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    folders: BTreeSet<PathBuf>,
    files: Arc<Mutex<BTreeSet<PathBuf>>>,
    changed: Arc<Notify>,
}

impl Watch {
    pub(crate) fn new() -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let files = Arc::new(Mutex::new(BTreeSet::new()));
        let (notice, watched) = (Arc::clone(&changed), Arc::clone(&files));
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error means events were lost: look again.
            if event.as_ref().map_or(true, |event| concerns(event, &watched.lock())) {
                notice.notify_one();
            }
        })?;
        Ok(Self { watcher, folders: BTreeSet::new(), files, changed })
    }

    /// Watches these files from now on, and no others.
    pub(crate) fn follow(&mut self, files: &BTreeSet<PathBuf>) {
        let mut all = BTreeSet::new();
        for file in files {
            all.insert(file.clone());
            // Where a link leads now; the folder of the link itself tells when it leads elsewhere.
            all.extend(file.canonicalize());
        }
        let folders: BTreeSet<PathBuf> = all.iter().filter_map(|file| folder(file)).collect();
        for gone in self.folders.difference(&folders) {
            // The folder may have been deleted, and its watch with it.
            let _ = self.watcher.unwatch(gone);
        }
        for new in folders.difference(&self.folders) {
            if let Err(error) = self.watcher.watch(new, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %new.display(), %error, "cannot watch this folder: send SIGHUP after changes");
            }
        }
        self.folders = folders;
        *self.files.lock() = all;
    }

    /// Resolves when something has changed and has been quiet for a moment.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
        while tokio::time::timeout(SETTLE, self.changed.notified()).await.is_ok() {}
    }
}

fn folder(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_path_buf() })
}

/// Whether an event may change what a load reads: one of the files, or a link swap as Kubernetes does it (`..data`).
fn concerns(event: &Event, files: &BTreeSet<PathBuf>) -> bool {
    if matches!(event.kind, EventKind::Access(_)) {
        return false;
    }
    let swapped = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    let same = |path: &Path| files.iter().any(|file| same_entry(file, path));
    event.need_rescan() || event.paths.iter().any(|path| swapped(path) || same(path))
}

/// Names of one entry may differ in how the folder is spelled (`./a` and `a`).
fn same_entry(left: &Path, right: &Path) -> bool {
    let name = |path: &Path| path.file_name().map(OsStr::to_owned);
    name(left).is_some() && name(left) == name(right)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use notify::event::{AccessKind, CreateKind, ModifyKind};
    use notify::{Event, EventKind};

    use super::concerns;

    #[test]
    fn only_files_of_the_configuration_count() {
        let files: BTreeSet<PathBuf> = [PathBuf::from("conf/gateway.yaml")].into();
        let event = |kind, path: &str| Event::new(kind).add_path(PathBuf::from(path));
        let modified = EventKind::Modify(ModifyKind::Any);
        assert!(concerns(&event(modified, "/abs/conf/gateway.yaml"), &files));
        assert!(concerns(&event(EventKind::Create(CreateKind::Any), "/abs/conf/..data"), &files));
        assert!(!concerns(&event(modified, "/abs/conf/access.log"), &files));
        assert!(!concerns(&event(EventKind::Access(AccessKind::Any), "/abs/conf/gateway.yaml"), &files));
    }
}
