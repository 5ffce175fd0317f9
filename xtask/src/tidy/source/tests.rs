//! The scanner on the cases that fool scanners.

use super::{Source, closing, head_end, line_at, mask, words};

#[test]
fn comments_and_strings_are_blanked_and_lines_kept() {
    for (text, masked) in [
        ("a // fn b\nc", "a        \nc"),
        ("a /* x /* y */ z */ b", "a                   b"),
        (r#"let s = "fn \" x"; f"#, r#"let s = """""""""; f"#),
        ("let s = \"a\nb\"; f", "let s = \"\"\n\"\"; f"),
        (r##"r#"unsafe "quoted" x"# + 1"##, r##""""""""""""""""""""""" + 1"##),
        (r#"br"x" b"x" c"#, r#"b"""" b""" c"#),
        ("let c = '\"'; let d = '{';", "let c = '''; let d = ''';"),
        (r"let c = '\''; let d = '\u{7d}';", "let c = ''''; let d = '''''''';"),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        ("let r#fn = 1; bar\"x\"", "let r#fn = 1; bar\"\"\""),
        ("é = 1", "x = 1"),
        ("\"open", "\"\"\"\"\""),
        ("/* open", "       "),
    ] {
        assert_eq!(mask(text), masked, "{text}");
        assert_eq!(mask(text).lines().count(), text.lines().count());
    }
}

#[test]
fn words_stand_by_themselves() {
    let found: Vec<usize> = words("fn fn_a a_fn (fn) fnx", "fn").collect();
    assert_eq!(found, [0, 14]);
    assert_eq!(words("x.unwrap() .unwrap()", ".unwrap()").count(), 2);
    assert_eq!(line_at("a\nb\nc", 4), 3);
}

#[test]
fn heads_and_bodies_end_where_they_do() {
    let code = "fn f(a: [u8; 4]) -> [u8; 2] { if x { y } } fn g();";
    let open = head_end(code, 0).unwrap();
    assert_eq!(code.split_at(open).1, "{ if x { y } } fn g();");
    assert_eq!(code.split_at(closing(code, open)).1, "} fn g();");
    assert_eq!(head_end("a } b {", 0), None);
}

#[test]
fn what_only_tests_compile_is_not_production() {
    let text =
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { x.unwrap() }\n}\nfn c() {}\n#[cfg(test)]\nmod more;\n";
    let source = Source::scan("crates/core/src/a.rs", text);
    assert_eq!(source.production_lines, 2);
    assert!(source.production.contains("fn c") && !source.production.contains("unwrap"));
    assert_eq!(source.production.lines().count(), text.lines().count());
    for path in
        ["crates/core/src/a/tests.rs", "crates/core/tests/a.rs", "fuzz/targets/a.rs", "crates/core/benches/a.rs"]
    {
        assert!(!Source::scan(path, text).is_production(), "{path}");
    }
    assert!(!Source::scan("crates/core/src/a.rs", "#![cfg(test)]\nfn a() {}\n").is_production());
}

#[test]
fn a_mark_in_a_string_or_before_a_field_hides_nothing_else() {
    let source = Source::scan("a.rs", "const A: &str = \"#[cfg(test)]\";\nfn a() {}\n");
    assert_eq!(source.production_lines, 2);
    let source = Source::scan("a.rs", "struct S { #[cfg(test)] x: u8 }\nfn kept() {}\n");
    assert!(source.production.contains("fn kept"));
}
