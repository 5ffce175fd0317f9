//! The secret under which keys are digested, and its file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::super::{Pepper, PepperSource};

const TEXT: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

fn wrong(source: &PepperSource) -> String {
    source.get(true).map(|_| ()).expect_err("taken")
}

#[test]
fn a_pepper_is_64_digits_and_nothing_else() {
    let mark = |text: &str| Pepper::parse(text).unwrap().mark().unwrap();
    assert_eq!(mark(TEXT), mark(&format!("{TEXT}\n")));
    assert_eq!(mark(TEXT), mark(&TEXT.to_lowercase()));
    assert_ne!(mark(TEXT), mark(&TEXT.replace("00", "01")));
    for text in
        ["", "\n", TEXT.get(1..).unwrap(), &format!("{TEXT}0"), &format!("{TEXT}\n\n"), &TEXT.replace('0', "g"), " "]
    {
        let error = Pepper::parse(text).unwrap_err();
        assert!(error.contains("openssl rand -hex 32"), "{error}");
        assert!(text.trim().len() < 8 || !error.contains(text.trim()), "what it is instead is not told");
    }
}

/// HMAC-SHA256 as others compute it: `printf %s 'sluicegate pepper 1' | openssl dgst -sha256 -mac HMAC -macopt hexkey:...`
#[test]
fn the_digest_is_that_of_others() {
    let mark = Pepper::parse(TEXT).unwrap().mark().unwrap();
    let hexadecimal: String = mark.0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hexadecimal, "bb8f8d832ac58a641102a6047695d3ca1ed8446c7a279148e8a50c73eb05b019");
}

#[test]
fn it_is_made_at_the_first_use_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db.pepper");
    let source = PepperSource::Beside(path.clone());
    let error = source.get(false).map(|_| ()).unwrap_err();
    assert!(error.contains("is gone") && !path.exists(), "{error}");
    let made = source.get(true).unwrap().mark().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(source.get(true).unwrap().mark().unwrap(), made, "made once");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

#[test]
fn of_many_who_make_it_at_once_all_have_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db.pepper");
    let barrier = std::sync::Barrier::new(8);
    let marks: Vec<_> = std::thread::scope(|scope| {
        let make = || {
            barrier.wait();
            PepperSource::Beside(path.clone()).get(true).unwrap().mark().unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(marks.iter().all(|mark| *mark == marks[0]));
}

#[test]
fn k_11_a_file_that_is_not_as_it_should_be_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pepper");
    let file = PepperSource::File(path.clone());
    assert!(wrong(&file).contains("there is no file"), "one that was named is never made");
    for content in ["", "half of it", TEXT.get(..32).unwrap(), &TEXT.repeat(1000)] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert!(wrong(&file).contains("hexadecimal digits"), "{}", content.len());
    }
    fs::write(&path, [0xff; 64]).unwrap();
    assert!(wrong(&file).contains("cannot be read"));
    fs::write(&path, TEXT).unwrap();
    for (mode, good) in [(0o400, true), (0o640, true), (0o644, false), (0o660, false), (0o602, false)] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(file.get(false).is_ok(), good, "{mode:o}");
        if !good {
            assert!(wrong(&file).contains(&format!("`chmod 640 {}`", path.display())), "{mode:o}");
        }
        let beside = PepperSource::Beside(path.clone());
        assert_eq!(beside.get(false).is_ok(), mode & 0o077 == 0, "{mode:o}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(PepperSource::File(link).get(false).is_ok(), "secrets are handed into containers as links");
    assert!(wrong(&PepperSource::File(folder.path().to_path_buf())).contains("not a regular file"));
    let pipe = folder.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    assert!(wrong(&PepperSource::File(pipe)).contains("not a regular file"), "nobody is waited for");
}

#[test]
fn k_13_a_pepper_is_not_printed() {
    let pepper = Pepper::parse(TEXT).unwrap();
    let source = PepperSource::Text(TEXT.to_owned().into());
    let printed = format!("{pepper:?} {source:?}");
    assert_eq!(printed, "Pepper([redacted]) Text([redacted])");
}
