use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use super::{Fields, Name, Value, is_value};

/// A head as it is received: names in lower case, read by their places.
fn received(text: &'static str) -> Fields {
    let mut fields = Fields::with_capacity(4, 0);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (name, rest) = line.split_once(':').unwrap();
        let (colon, value) = (name.len(), rest.trim());
        let begins = rest.find(value).unwrap() + colon + 1;
        fields.push_received(name.as_bytes(), (at, colon), (at + begins, value.len()));
        at += line.len();
    }
    fields.stand_in(Bytes::from_static(text.as_bytes()));
    fields
}

fn told(fields: &Fields) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

const HEAD: &str = "host: a\nx-a: 1\naccept: */*\nx-a: 2\n";

#[test]
fn fields_are_found_by_name() {
    let fields = received(HEAD);
    assert_eq!(told(&fields), [("host", "a"), ("x-a", "1"), ("accept", "*/*"), ("x-a", "2")]);
    assert_eq!((fields.len(), fields.is_empty()), (4, false));
    assert_eq!(fields.get(header::HOST).unwrap(), "a");
    assert_eq!(fields.get("x-a").unwrap(), "1");
    assert_eq!(fields.get_all("x-a").map(Value::as_bytes).collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(fields.only(header::ACCEPT).unwrap(), "*/*");
    assert!(fields.only("x-a").is_none(), "it stands twice");
    assert!(fields.get("x-b").is_none() && !fields.contains("x-b"));
    assert_eq!(fields, fields.clone());
}

#[test]
fn fields_are_put_beside_those_received_and_taken_out() {
    let mut fields = received(HEAD);
    fields.append(HeaderName::from_static("x-b"), HeaderValue::from_static("3"));
    fields.insert(HeaderName::from_static("x-a"), HeaderValue::from_static("4"));
    assert_eq!(told(&fields), [("host", "a"), ("accept", "*/*"), ("x-b", "3"), ("x-a", "4")]);
    assert!(fields.remove(header::ACCEPT));
    assert!(!fields.remove(header::ACCEPT));
    fields.retain(|name, _| name != "x-b");
    assert_eq!(told(&fields), [("host", "a"), ("x-a", "4")]);
}

#[test]
fn fields_are_taken_up_from_others_whatever_text_they_stand_in() {
    let mut from = received(HEAD);
    from.append(HeaderName::from_static("x-b"), HeaderValue::from_static("3"));
    let mut first = Fields::new();
    first.append(HeaderName::from_static("x-first"), HeaderValue::from_static("0"));
    for mut to in [first, received("x-first: 0\n")] {
        to.adopt(&from, |name, _| name != "x-a");
        assert_eq!(told(&to), [("x-first", "0"), ("host", "a"), ("accept", "*/*"), ("x-b", "3")]);
        to.replace_by(&received("host: b\nhost: c\n"));
        assert_eq!(told(&to), [("x-first", "0"), ("accept", "*/*"), ("x-b", "3"), ("host", "b"), ("host", "c")]);
    }
}

#[test]
fn values_are_what_the_rfc_lets_them_be() {
    for right in [&b""[..], b"a b\tc", b"\x80\xff", &[b'x'; 300]] {
        assert!(is_value(right) && Value::new(right).is_some());
        assert!(HeaderValue::from_bytes(right).is_ok());
    }
    for byte in (0..=255_u8).filter(|byte| HeaderValue::from_bytes(&[*byte]).is_err()) {
        for place in [0, 7, 40] {
            let mut wrong = [b'x'; 41];
            wrong[place] = byte;
            assert!(!is_value(&wrong), "{byte} at {place}");
        }
    }
    assert_eq!((0..=255_u8).filter(|byte| is_value(&[*byte])).count(), 224);
    assert_eq!(Value::new("a\u{e4}".as_bytes()).unwrap().as_str(), None);
}

#[test]
fn what_is_shown_holds_no_values() {
    assert_eq!(format!("{:?}", received("x-api-key: secret\n")), r#"{"x-api-key": 6 bytes}"#);
}

#[test]
fn maps_and_lists_become_each_other() {
    let fields = received(HEAD);
    let map = http::HeaderMap::from(&fields);
    assert_eq!(map.get_all("x-a").iter().count(), 2);
    let back = Fields::from(map);
    assert_eq!(back.get_all("x-a").count(), 2);
    assert_eq!(back.len(), 4);
}

#[test]
fn lines_are_those_of_http1_whatever_text_they_stand_in() {
    let mut fields = received("host: a\r\nx-a:  1\r\nx-b: 2 \r\nx-c: 3\nx-d: 4\r\nx-e: 5\r\n");
    for (name, value) in [("x-f", "6"), ("x-g", "7"), ("x-h", "8")] {
        fields.append(name, HeaderValue::from_static(value));
    }
    let all = ["host: a", "x-a: 1", "x-b: 2", "x-c: 3", "x-d: 4", "x-e: 5", "x-f: 6", "x-g: 7", "x-h: 8"];
    // Every choice among them.
    for choice in 0..1_u32 << all.len() {
        let chosen = |place: &usize| choice & 1 << place != 0;
        let (mut out, mut place) = (bytes::BytesMut::new(), 0..);
        fields.put_lines(&mut out, |_| place.next().is_some_and(|place| chosen(&place)));
        let wanted = all.iter().enumerate().filter(|(place, _)| chosen(place)).map(|(_, line)| format!("{line}\r\n"));
        assert_eq!(out, wanted.collect::<String>());
    }
}

#[test]
fn names_are_tokens_in_lower_case() {
    for byte in 0..=255_u8 {
        let name = [b'x', byte];
        let right = HeaderName::from_bytes(&name).is_ok() && !byte.is_ascii_uppercase();
        assert_eq!(Name::new(&name).is_some(), right, "{byte}");
    }
    assert!(Name::new(b"").is_none());
}

#[test]
fn shared_fields_are_the_same_and_are_adopted_without_a_copy() {
    let mut fields = received(HEAD);
    fields.append("x-b", HeaderValue::from_static("3"));
    let shared = fields.shared();
    assert_eq!(shared, fields);
    let mut other = Fields::new();
    other.append("x-own", HeaderValue::from_static("0"));
    other.adopt(&shared, |_, _| true);
    assert_eq!(told(&other)[0], ("x-own", "0"));
    assert_eq!(told(&other)[1..], told(&fields));
    assert!(std::ptr::eq(other.get("x-b").unwrap().as_bytes(), shared.get("x-b").unwrap().as_bytes()));
}

#[test]
fn fields_stand_in_another_text_at_the_same_places() {
    let mut fields = received(HEAD);
    fields.append("x-b", HeaderValue::from_static("3"));
    let other = fields.in_text(Bytes::from_static(b"host: b\nx-a: 3\naccept: */+\nx-a: 4\n"));
    assert_eq!(told(&other), [("host", "b"), ("x-a", "3"), ("accept", "*/+"), ("x-a", "4")]);
}

#[test]
fn all_of_others_take_the_place_of_those_of_their_names() {
    let mut from = Fields::new();
    for (name, value) in [("x-a", "5"), ("x-b", "6"), ("x-b", "7")] {
        from.append(name, HeaderValue::from_static(value));
    }
    let mut to = received(HEAD);
    to.append("x-c", HeaderValue::from_static("8"));
    to.replace_by(&from);
    let all = [("host", "a"), ("accept", "*/*"), ("x-c", "8"), ("x-a", "5"), ("x-b", "6"), ("x-b", "7")];
    assert_eq!(told(&to), all);
    let mut out = bytes::BytesMut::new();
    to.put_lines(&mut out, |name| name != "host" && name != "accept");
    assert_eq!(out, "x-c: 8\r\nx-a: 5\r\nx-b: 6\r\nx-b: 7\r\n");
}
