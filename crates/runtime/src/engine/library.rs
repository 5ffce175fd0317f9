//! Looks into a given libonnxruntime before the `ort` crate does: `ort` panics, or waits for ever, over a library that
//! is missing, is something else, or is too old. The only file with `unsafe` code.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

use ort::sys::{ORT_API_VERSION, OrtApiBase};

/// A library that was looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Library {
    /// Where it really lies.
    pub(crate) path: PathBuf,
    /// Its version, for example `1.32.0`.
    pub(crate) version: String,
}

/// Makes sure that `path` is an ONNX Runtime that can be used, and leaves it loaded.
///
/// # Errors
/// What is wrong with it and what to do.
pub(crate) fn preflight(path: &str) -> Result<Library, String> {
    let least = format!("1.{ORT_API_VERSION}");
    let real = Path::new(path).canonicalize().map_err(|error| {
        format!(
            "the ONNX Runtime library {path} cannot be found ({error}); set `onnxruntime.library` to the file itself"
        )
    })?;
    if !real.is_file() {
        return Err(format!("{path} is not a file; set `onnxruntime.library` to libonnxruntime.so itself"));
    }
    let version = look(&real)
        .map_err(|what| format!("{path} {what}; give a CPU build of ONNX Runtime {least} or later for this machine"))?;
    if !is_enough(&version) {
        return Err(format!("{path} is ONNX Runtime {version}; {least} or later is needed"));
    }
    Ok(Library { path: real, version })
}

/// Whether a version such as `1.32.0` has the interface that `ort` was built for.
fn is_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(1), Some(minor)) => minor >= ORT_API_VERSION,
        (Some(major), Some(_)) => major > 1,
        _ => false,
    }
}

#[expect(unsafe_code, reason = "a shared library can be looked into no other way")]
fn look(path: &Path) -> Result<String, String> {
    // SAFETY: loading a library runs its initialisers. The operator named this file as the code to run; a model or a
    // request cannot name it.
    let library = unsafe { libloading::Library::new(path) }
        .map_err(|error| format!("cannot be loaded as a library ({error})"))?;
    // SAFETY: the symbol's type is that of ONNX Runtime's C interface, unchanged since its first release; only the
    // name can be checked, and no other library is known to use it.
    let entry = unsafe { library.get::<unsafe extern "system" fn() -> *const OrtApiBase>(b"OrtGetApiBase") }
        .map_err(|_| "is a library, but not ONNX Runtime".to_owned())?;
    // SAFETY: the function takes nothing and gives a pointer to a static table, or null.
    let base = unsafe { entry().as_ref() }.ok_or("gives no interface")?;
    // SAFETY: the table's functions are set in every release; this one takes nothing and gives static text, or null.
    let text = unsafe { (base.GetVersionString)() };
    if text.is_null() {
        return Err("gives no version".to_owned());
    }
    // SAFETY: not null, static, and ended by a zero, by the interface's contract.
    let version = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    if is_enough(&version) {
        // SAFETY: takes a number, gives a pointer to a static table, or null where the version is not offered.
        let offered = unsafe { (base.GetApi)(ORT_API_VERSION) };
        if offered.is_null() {
            return Err(format!("is ONNX Runtime {version}, which does not offer interface {ORT_API_VERSION}"));
        }
    }
    // ONNX Runtime starts threads and cannot be unloaded; `ort` will load the same file again, which is free.
    std::mem::forget(library);
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::{is_enough, preflight};

    #[test]
    fn versions() {
        for (version, enough) in [
            ("1.17.0", true),
            ("1.32.0", true),
            ("2.0.0", true),
            ("1.16.3", false),
            ("0.9", false),
            ("", false),
            ("x.y", false),
        ] {
            assert_eq!(is_enough(version), enough, "{version}");
        }
    }

    #[test]
    fn what_is_not_the_library_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("libonnxruntime.so");
        std::fs::write(&text, "not a library").unwrap();
        let missing = preflight("/nowhere/libonnxruntime.so").unwrap_err();
        assert!(missing.contains("cannot be found") && missing.contains("onnxruntime.library"), "{missing}");
        let directory = preflight(folder.path().to_str().unwrap()).unwrap_err();
        assert!(directory.contains("is not a file"), "{directory}");
        let wrong = preflight(text.to_str().unwrap()).unwrap_err();
        assert!(wrong.contains("cannot be loaded as a library") && wrong.contains("1.17"), "{wrong}");
    }

    #[test]
    fn another_library_is_refused_in_words() {
        // Every Linux has a C library, already loaded into this process under its real path.
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps.split_whitespace().find(|word| word.contains("/libc.so") || word.contains("/libc-")).unwrap();
        let wrong = preflight(libc).unwrap_err();
        assert!(wrong.contains("not ONNX Runtime"), "{wrong}");
    }
}
