//! What is asked for.

use super::options::Options;
use super::part::PARTS;

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_is_asked_for() {
    let full = Options::parse(&[]).unwrap();
    assert_eq!((full.parts.len(), full.quick), (PARTS.len(), false));
    let some = Options::parse(&words("--quick --only reloads --gateway a/b --out docs/x.md")).unwrap();
    assert_eq!(some.parts.iter().map(|part| part.name).collect::<Vec<_>>(), ["reloads"]);
    assert_eq!((some.quick, some.gateway, some.out), (true, Some("a/b".into()), Some("docs/x.md".into())));
    for (line, complaint) in
        [("--only floods", "no part `floods`"), ("--only", "wants a value"), ("--slow yes", "does not know `--slow`")]
    {
        let error = format!("{:#}", Options::parse(&words(line)).unwrap_err());
        assert!(error.contains(complaint), "{line}: {error}");
    }
}
