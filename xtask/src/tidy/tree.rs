//! The repository's files, by their paths relative to the root.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// Every file; the text of those that are text.
pub(crate) struct Tree {
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// What git tracks or would track. Without git (an unpacked archive) every file that no build made.
    pub(crate) fn tracked(root: &Path) -> Result<Self> {
        if !root.join(".git").exists() {
            return Self::walk(root);
        }
        let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = process::output(Command::new("git").current_dir(root).args(list))?;
        // A file may be listed and yet be gone: removed, but not yet staged.
        let present = listed.split('\0').filter(|path| !path.is_empty() && root.join(path).is_file());
        Self::read(root, present.map(str::to_owned).collect())
    }

    /// Every file below `root`.
    pub(crate) fn walk(root: &Path) -> Result<Self> {
        let mut paths = Vec::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
                let entry = entry?;
                let name = entry.file_name();
                if entry.file_type()?.is_dir() {
                    if !["target", ".git", "__pycache__"].iter().any(|skipped| name == *skipped) {
                        folders.push(entry.path());
                    }
                } else if let Ok(path) = entry.path().strip_prefix(root) {
                    paths.push(path.to_string_lossy().into_owned());
                }
            }
        }
        Self::read(root, paths)
    }

    fn read(root: &Path, paths: Vec<String>) -> Result<Self> {
        let mut files = BTreeMap::new();
        for path in paths {
            let bytes = fs::read(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
            files.insert(path, String::from_utf8(bytes).ok());
        }
        Ok(Self { files })
    }

    /// Whether there is such a file, or a folder with a file in it.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.below(path).next().is_some()
    }

    /// The files in a folder, at any depth.
    pub(crate) fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let from = prefix.clone();
        self.files.range(from..).map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(&prefix))
    }

    /// The text of one file; nothing if there is no such file or it is not text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// All texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The first line of a file, counted from one, that the predicate accepts; the first line if none.
    pub(crate) fn line(&self, path: &str, is: impl Fn(&str) -> bool) -> usize {
        self.text(path).and_then(|text| text.lines().position(is)).map_or(1, |index| index + 1)
    }
}
