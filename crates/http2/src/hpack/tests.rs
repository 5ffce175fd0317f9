//! Appendix C of RFC 7541, and what no block may be.

use http::{Method, StatusCode};
use sluicegate_core::fields::{Name, Value};

use super::huffman::tests::pack;
use super::*;

/// Fields as text.
#[derive(Default)]
struct Gathered(Texts);

type Texts = Vec<(String, Vec<u8>)>;

impl Sink for Gathered {
    fn field(&mut self, field: Field<'_>) {
        self.0.push(match field {
            Field::Pseudo(pseudo, value) => (pseudo.as_str().to_owned(), value.to_vec()),
            Field::Regular(name, value) => (name.as_str().to_owned(), value.as_bytes().to_vec()),
            Field::Malformed(length) => (format!("malformed {length}"), vec![]),
        });
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<(bool, Texts), Broken> {
    let mut gathered = Gathered::default();
    decoder.decode(block, &mut gathered).map(|whole| (whole, gathered.0))
}

fn assert_decodes(decoder: &mut Decoder, hex: &str, expected: &[(&str, &str)]) {
    let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    assert_eq!(decode(decoder, &bytes(hex)), Ok((true, expected)), "{hex}");
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
const HTTPS: [(&str, &str); 5] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
];

fn and<'a>(fields: &[(&'a str, &'a str)], more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().chain([more]).collect()
}

#[test]
fn single_fields() {
    for (hex, name, value) in [
        ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key", "custom-header"),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path", "/sample/path"),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password", "secret"),
        ("82", ":method", "GET"),
    ] {
        assert_decodes(&mut Decoder::new(4096), hex, &[(name, value)]);
    }
}

#[test]
fn requests_one_after_the_other() {
    for blocks in [
        [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ],
        [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ],
    ] {
        let mut decoder = Decoder::new(4096);
        assert_decodes(&mut decoder, blocks[0], &GET);
        assert_decodes(&mut decoder, blocks[1], &and(&GET, ("cache-control", "no-cache")));
        assert_decodes(&mut decoder, blocks[2], &HTTPS);
    }
}

#[test]
fn answers_that_drive_others_out_of_the_table() {
    let first = [
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ];
    let mut second = first;
    second[0].1 = "307";
    let third = [
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("location", "https://www.example.com"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ];
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d \
         546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f \
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b \
         2076 6572 7369 6f6e 3d31",
    ];
    let packed = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 \
         8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 \
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    for blocks in [plain, packed] {
        let mut decoder = Decoder::new(4096);
        // The table of these examples has 256 bytes.
        assert_eq!(decode(&mut decoder, &bytes("3fe101")), Ok((true, vec![])));
        assert_decodes(&mut decoder, blocks[0], &first);
        assert_decodes(&mut decoder, blocks[1], &second);
        assert_decodes(&mut decoder, blocks[2], &third);
    }
}

#[test]
fn integers_of_the_appendix_and_too_large_ones() {
    for (value, bits, wire) in [(10, 5, "0a"), (1337, 5, "1f9a0a"), (42, 8, "2a"), (31, 5, "1f00"), (254, 8, "fe")] {
        let mut out = Vec::new();
        integer::put(&mut out, 0, bits, value);
        assert_eq!(out, bytes(wire), "{value}");
        let (first, mut rest) = (out[0], &out[1..]);
        assert_eq!((integer::take(first, bits, &mut rest), rest), (Ok(value), &[][..]));
    }
    for wire in ["ff80808080", "ffffffffff7f", "ff8080808000", "ff"] {
        assert!(Decoder::new(4096).decode(&bytes(wire), &mut Gathered::default()).is_err(), "{wire}");
    }
}

#[test]
fn blocks_that_are_none_are_refused() {
    for (what, hex) in [
        ("no number", "80"),
        ("beyond the table", "be"),
        ("a name beyond the table", "7e0161"),
        ("a larger table than there is", "3fe21f"),
        ("a size behind a field", "8220"),
        ("half a field", "40"),
        ("half a string", "0005 6161"),
        ("no value", "0001 61"),
        ("padding that is none", "0081 00 0161"),
        ("the end's code", "0084 ffffffff 0161"),
    ] {
        assert!(decode(&mut Decoder::new(4096), &bytes(hex)).is_err(), "{what}");
    }
    // As often as it likes at the beginning, within the bounds.
    assert!(decode(&mut Decoder::new(4096), &bytes("203fe11f82")).is_ok());
}

#[test]
fn fields_that_are_none_are_known_and_keep_the_table_in_step() {
    let mut decoder = Decoder::new(4096);
    for (name, value) in
        [("X", "a"), ("", "a"), (":late", "a"), ("a b", "a"), ("x", "a\r\nb"), ("x", "a\0"), ("x", " a")]
    {
        let block = [&[0x40][..], &text(name), &text(value)].concat();
        let malformed = vec![(format!("malformed {}", name.len()), vec![])];
        assert_eq!(decode(&mut decoder, &block), Ok((true, malformed.clone())), "{name}: {value:?}");
        assert_eq!(decode(&mut decoder, &[0x80 | 62]), Ok((true, malformed)), "{name}: {value:?}");
    }
    assert_decodes(&mut decoder, "4001 6101 62", &[("a", "b")]);
    assert_eq!(decode(&mut decoder, &[0x80 | 63]).unwrap().1, [("malformed 1".to_owned(), vec![])]);
}

fn text(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    integer::put(&mut out, 0, 7, text.len());
    out.extend_from_slice(text.as_bytes());
    out
}

#[test]
fn what_is_above_the_limit_is_not_handed_on_and_the_table_is_in_step() {
    let mut decoder = Decoder::new(200);
    // 1 + 60 + 32 bytes each: the third is too much.
    let long = "y".repeat(60);
    let block = [&[0x40][..], &text("a"), &text(&long), &[0x80 | 62; 10], &[0x40], &text("b"), &text("c")].concat();
    let (whole, fields) = decode(&mut decoder, &block).unwrap();
    assert!(!whole);
    assert_eq!(fields.len(), 2);
    assert_decodes(&mut decoder, "bebf", &[("b", "c"), ("a", &long)]);
}

#[test]
fn a_field_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::new(100_000);
    assert_decodes(&mut decoder, "4001 6101 62", &[("a", "b")]);
    let block = [&[0x40][..], &text("a"), &text(&"y".repeat(5000))].concat();
    assert!(decode(&mut decoder, &block).is_ok());
    assert!(decode(&mut decoder, &[0x80 | 62]).is_err());
}

#[test]
fn packed_strings_of_every_byte_are_read() {
    let value: Vec<u8> = (0x21..=0x7e).chain(0x80..=0xff).collect();
    let packed = pack(&value);
    let mut block = vec![0, 0x80 | 1];
    block.extend(pack(b"x"));
    integer::put(&mut block, 0x80, 7, packed.len());
    block.extend(packed);
    assert_eq!(decode(&mut Decoder::new(4096), &block), Ok((true, vec![("x".to_owned(), value)])));
}

/// A head by our encoder.
fn head(encoder: &mut Encoder, fields: &[(&'static str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for (name, value) in fields {
        encoder.field(&mut out, Name::of_ours(name), Value::new(value.as_bytes()).unwrap());
    }
    out
}

#[test]
fn constants_are_named_by_number_and_nothing_else_is() {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::new(4096));
    let fields = [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", "Bearer secret"),
        ("x-request-id", "1"),
        ("grpc-status", "0"),
    ];
    let first = head(&mut encoder, &fields);
    let second = head(&mut encoder, &fields);
    for block in [&first, &second] {
        let (_, read) = decode(&mut decoder, block).unwrap();
        let expected: Vec<_> = fields.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
        assert_eq!(read, expected);
    }
    assert_eq!(first.len() - second.len(), 2 + 16 + 1 + 2 + 1 + 8 + 1 + 11 + 1 + 1 + 1 - 3 + 1);
    // Both times spelled out, and marked as never to be put into a table.
    assert!(second.windows(2).any(|pair| pair == [0x1f, 0x08]), "{second:?}");
}

#[test]
fn a_table_made_smaller_is_acknowledged_and_filled_anew() {
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::new(4096));
    let fields = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-status", "0")];
    for limit in [4096, 5000, 200, 60, 0, 4096] {
        encoder.resize(limit);
        for _ in 0..3 {
            let block = head(&mut encoder, &fields);
            assert_eq!(decode(&mut decoder, &block).unwrap().1.len(), 3, "{limit}");
        }
    }
    assert_eq!(head(&mut encoder, &fields)[0], 0x1f, "nothing by number any more");
}

#[test]
fn pseudo_fields_are_read_as_they_were_written() {
    let (mut encoder, mut out) = (Encoder::default(), Vec::new());
    for method in [Method::GET, Method::POST, Method::DELETE] {
        encoder.method(&mut out, &method);
    }
    for scheme in ["http", "https", "x"] {
        encoder.scheme(&mut out, scheme);
    }
    encoder.authority(&mut out, "a:1");
    encoder.path(&mut out, &"/a".repeat(100));
    let (_, fields) = decode(&mut Decoder::new(4096), &out).unwrap();
    let values: Vec<_> = fields.iter().map(|(_, value)| String::from_utf8(value.clone()).unwrap()).collect();
    assert_eq!(values, ["GET", "POST", "DELETE", "http", "https", "x", "a:1", &"/a".repeat(100)]);
    for status in 100..600 {
        let mut out = Vec::new();
        encoder.status(&mut out, StatusCode::from_u16(status).unwrap());
        let (_, fields) = decode(&mut Decoder::new(4096), &out).unwrap();
        assert_eq!(fields, [(":status".to_owned(), status.to_string().into_bytes())]);
    }
}
