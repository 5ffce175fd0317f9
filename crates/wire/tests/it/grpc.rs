//! gRPC's own parts: frames, compression, deadlines, status, binary metadata, health.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{HeaderValue, Method};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use sluicegate_core::{Fields, Kind, Operation, Protocol, Refusal};
use sluicegate_wire::generated::health::{HealthCheckRequest, HealthCheckResponse};
use sluicegate_wire::grpc::frame::{self, FrameError, Reader};
use sluicegate_wire::grpc::status::{self, Code, Status};
use sluicegate_wire::grpc::{ACCEPT_ENCODING, ENCODING, Encoding, is_grpc, metadata, timeout};
use sluicegate_wire::{Limits, codec, codec_of_head};

use crate::grpc_answers::{content_type, message_of};

const MEBIBYTE: u64 = 1024 * 1024;

/// A frame with a flag of choice.
fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut framed = vec![flag];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    framed.into()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn one(encoding: Encoding, limit: u64, mut bytes: Bytes) -> Result<Option<Bytes>, FrameError> {
    Reader::new(encoding, limit).read(&mut bytes)
}

fn encoding(name: &'static str) -> Fields {
    let mut headers = content_type();
    headers.insert(ENCODING, HeaderValue::from_static(name));
    headers
}

fn open(headers: &Fields, body: Bytes) -> Result<Bytes, Refusal> {
    (codec(Protocol::OipGrpc).open)(headers, body, &Limits::default())
}

#[test]
fn a_message_in_one_piece_is_a_slice_of_it() {
    let body = frame::whole(b"hello").unwrap();
    let message = one(Encoding::Identity, 100, body.clone()).unwrap().unwrap();
    assert_eq!(message, "hello");
    assert_eq!(message.as_ptr(), body[frame::PREFIX..].as_ptr());
}

#[test]
fn a_message_over_the_limit_is_refused_by_its_prefix_alone() {
    let prefix = Bytes::from_static(&[0, 0xFF, 0xFF, 0xFF, 0xFF]);
    let error = one(Encoding::Identity, 1000, prefix).unwrap_err();
    assert_eq!(error, FrameError::TooLarge { size: u64::from(u32::MAX), limit: 1000 });
    let refusal = Refusal::from(error);
    assert_eq!(refusal.kind.facts().grpc, Code::ResourceExhausted.number());
    assert!(refusal.public.contains("4294967295") && refusal.public.contains("1000"), "{refusal}");
}

#[test]
fn compressed_messages_are_read() {
    let text = b"tensors, tensors, tensors";
    for (name, bytes) in [("gzip", gzip(text)), ("deflate", deflate(text))] {
        let message = open(&encoding(name), framed(1, &bytes)).unwrap();
        assert_eq!(&message[..], text, "{name}");
        assert_eq!(&open(&encoding(name), framed(0, text)).unwrap()[..], text, "{name}, not used");
    }
}

#[test]
fn what_comes_out_of_compression_is_bounded() {
    let zeros = vec![0; 200_000];
    for (encoding, bytes) in [(Encoding::Gzip, gzip(&zeros)), (Encoding::Deflate, deflate(&zeros))] {
        assert_eq!(one(encoding, 200_000, framed(1, &bytes)).unwrap().unwrap().len(), 200_000);
        let error = one(encoding, 199_999, framed(1, &bytes)).unwrap_err();
        assert_eq!(error, FrameError::Inflated { limit: 199_999 });
        assert_eq!(error.code(), Code::ResourceExhausted);
    }
}

#[test]
fn a_message_that_grows_a_hundred_times_is_refused() {
    let bomb = gzip(&vec![0; 8 * 1024 * 1024]);
    let error = one(Encoding::Gzip, 1024 * MEBIBYTE, framed(1, &bomb)).unwrap_err();
    assert_eq!((error.clone(), error.code()), (FrameError::Bomb, Code::ResourceExhausted));
    // Text that compresses well is no bomb.
    let text: Vec<u8> = (0..300_000_u32).flat_map(|number| format!("{number},").into_bytes()).collect();
    assert!(one(Encoding::Gzip, 1024 * MEBIBYTE, framed(1, &gzip(&text))).is_ok());
}

#[test]
fn a_compressed_flag_needs_a_known_compression() {
    let code = |headers: &Fields, flag| open(headers, framed(flag, b"x")).unwrap_err().kind.facts().grpc;
    assert_eq!(code(&content_type(), 1), Code::Internal.number(), "no grpc-encoding");
    assert_eq!(code(&encoding("identity"), 1), Code::Internal.number());
    assert_eq!(code(&encoding("gzip"), 1), Code::Internal.number(), "not gzip at all");
    assert_eq!(code(&content_type(), 2), Code::Internal.number(), "a flag that is none");
    assert_eq!(code(&encoding("zstd"), 1), Code::Unimplemented.number());
    assert_eq!(&open(&encoding("zstd"), framed(0, b"x")).unwrap()[..], b"x", "named, but not used");
    let refusal = open(&encoding("zstd"), framed(1, b"x")).unwrap_err();
    let answer = (codec(Protocol::OipGrpc).encode_refusal)(&refusal);
    assert_eq!(answer.headers.get(ACCEPT_ENCODING).unwrap(), "identity,gzip,deflate");
}

#[test]
fn bytes_behind_the_compressed_ones_are_refused() {
    let trailing = [gzip(b"a"), gzip(b"b")].concat();
    assert_eq!(one(Encoding::Gzip, 100, framed(1, &trailing)), Err(FrameError::Corrupt));
}

#[test]
fn a_unary_call_has_one_message() {
    let headers = content_type();
    let refused = |body: Vec<u8>| open(&headers, body.into()).unwrap_err();
    assert_eq!(refused(Vec::new()).kind, Kind::BadFraming);
    assert_eq!(refused(vec![0, 0, 0, 0]).kind, Kind::BadFraming);
    assert_eq!(refused([framed(0, b"a"), framed(0, b"b")].concat()).kind, Kind::BadFraming);
    assert_eq!(open(&headers, framed(0, b"")).unwrap(), "");
}

#[test]
fn other_content_types_are_not_grpc() {
    let of = |value| is_grpc(&Fields::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(value))]));
    for good in ["application/grpc", "application/grpc+proto", "Application/gRPC;charset=utf-8"] {
        assert!(of(good), "{good}");
    }
    for bad in ["application/json", "application/grpc-web", "application/grpc-web+proto", "application/grp", ""] {
        assert!(!of(bad), "{bad}");
    }
    assert!(open(&Fields::new(), framed(0, b"")).is_err());
    assert_eq!(codec_of_head("/", &content_type()).protocol, Protocol::OipGrpc);
    assert_eq!(codec_of_head("/v2x", &Fields::new()).protocol, Protocol::OipRest);
    assert_eq!(codec_of_head("/v1/no-such-thing", &Fields::new()).protocol, Protocol::OpenAi);
}

#[test]
fn timeouts_are_read() {
    for (text, wait) in [
        ("1H", Duration::from_secs(3600)),
        ("2M", Duration::from_secs(120)),
        ("3S", Duration::from_secs(3)),
        ("250m", Duration::from_millis(250)),
        ("7u", Duration::from_micros(7)),
        ("99999999n", Duration::from_nanos(99_999_999)),
        ("99999999H", Duration::from_secs(99_999_999 * 3600)),
        ("0S", Duration::ZERO),
    ] {
        assert_eq!(timeout::parse(text.as_bytes()), Some(wait), "{text}");
    }
    for bad in ["", "S", "1", "1s", "123456789S", "-1S", "1.5S", "1 S", "+1S", "1SS"] {
        assert_eq!(timeout::parse(bad.as_bytes()), None, "{bad}");
    }
    let headers = |values: &[&'static str]| {
        let values = values.iter().map(|value| (timeout::TIMEOUT, HeaderValue::from_static(value)));
        values.fold(Fields::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
    };
    assert_eq!(timeout::read(&headers(&[])).unwrap(), None);
    assert_eq!(timeout::read(&headers(&["5S"])).unwrap(), Some(Duration::from_secs(5)));
    assert!(timeout::read(&headers(&["5S", "6S"])).is_err());
    assert!(timeout::read(&headers(&["soon"])).is_err());
}

#[test]
fn timeouts_are_written_in_the_finest_unit_that_fits() {
    for (wait, text) in [
        (Duration::ZERO, "0n"),
        (Duration::from_nanos(99_999_999), "99999999n"),
        (Duration::from_nanos(100_000_999), "100000u"),
        (Duration::from_secs(30), "30000000u"),
        (Duration::from_secs(100), "100000m"),
        (Duration::from_secs(100_000), "100000S"),
        (Duration::from_secs(100_000_000), "1666666M"),
        (Duration::MAX, "99999999H"),
    ] {
        assert_eq!(timeout::format(wait), text);
    }
}

#[test]
fn a_status_is_written_and_read() {
    let status = Status { code: Code::InvalidArgument, message: "50% of 'x' is zu groß\n".into() };
    let trailers = status.trailers();
    assert_eq!(trailers.get("grpc-status").unwrap(), "3");
    assert_eq!(trailers.get("grpc-message").unwrap(), "50%25 of 'x' is zu gro%C3%9F%0A");
    assert_eq!(Status::read(&trailers), Some(status.clone()));
    let alone = status.alone();
    assert_eq!(alone.status, 200);
    assert_eq!(alone.headers.get("content-type").unwrap(), sluicegate_wire::grpc::CONTENT);
    assert_eq!(Status::read(&alone.headers), Some(status));
    assert!(matches!(alone.body, sluicegate_core::Body::Empty));
    assert_eq!(Status::OK.trailers(), Fields::from_iter([(status::STATUS, HeaderValue::from_static("0"))]));
}

#[test]
fn a_message_with_bad_escapes_is_read_as_far_as_it_goes() {
    assert_eq!(status::decode(b"100% %4x %zz %41 %"), "100% %4x %zz A %");
    assert_eq!(status::decode(b"%FF"), "\u{FFFD}");
}

#[test]
fn how_a_call_ended_is_known_from_trailers_then_head_then_http() {
    fn of(http: u16, head: &Fields, trailers: Option<&Fields>) -> Code {
        Status::of_answer(http, head, trailers).code
    }
    let status = |code| Status { code, message: String::new() }.trailers();
    let none = Fields::new();
    assert_eq!(of(200, &none, Some(&status(Code::NotFound))), Code::NotFound);
    assert_eq!(of(200, &status(Code::Unavailable), None), Code::Unavailable);
    assert_eq!(of(200, &status(Code::Ok), Some(&status(Code::Internal))), Code::Internal);
    assert_eq!(of(200, &none, None), Code::Unknown);
    for (http, code) in
        [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (503, 14), (504, 14), (500, 2)]
    {
        assert_eq!(of(http, &none, None).number(), code, "{http}");
    }
    let mut odd = Fields::new();
    odd.insert(status::STATUS, HeaderValue::from_static("77"));
    assert_eq!(Status::read(&odd).unwrap().code, Code::Unknown);
}

#[test]
fn codes_have_their_numbers_and_names() {
    for (number, code) in Code::ALL.iter().enumerate() {
        assert_eq!(usize::from(code.number()), number);
        assert_eq!(Code::of(code.number()), Some(*code));
    }
    assert_eq!(Code::of(17), None);
    assert_eq!((Code::ResourceExhausted.as_str(), Code::ResourceExhausted.http()), ("RESOURCE_EXHAUSTED", 429));
    assert_eq!((Code::NotFound.http(), Code::DeadlineExceeded.http(), Code::Ok.http()), (404, 504, 200));
}

#[test]
fn every_refusal_has_a_status_of_its_own_code() {
    for kind in Kind::ALL {
        let answer = (codec(Protocol::OipGrpc).encode_refusal)(&Refusal::new(*kind, "no"));
        let status = Status::read(&answer.headers).unwrap();
        assert_eq!((answer.status.as_u16(), status.code.number()), (200, kind.facts().grpc));
        assert_eq!(status.message, "no");
    }
}

#[test]
fn binary_metadata_is_base64() {
    for good in ["", "aGVsbG8=", "aGVsbG8", "aGVsbA==", "aGVsbA", "AAEC", "+/+/"] {
        assert!(metadata::is_base64(good.as_bytes()), "{good}");
    }
    for bad in ["a", "aGVsbG8==", "aGVs=", "aGV sbA", "aGVsbA=", "a-_b", "====", "=", "aGVsbG9", "YR=="] {
        assert!(!metadata::is_base64(bad.as_bytes()), "{bad}");
    }
    let check = |name: &'static str, value: &'static str| {
        metadata::check_binary(&Fields::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )]))
    };
    assert!(check("mm-model-id-bin", "aGVsbG8,AAEC").is_ok());
    assert!(check("plain", "not base64!").is_ok());
    let refusal = check("mm-model-id-bin", "not base64!").unwrap_err();
    assert!(refusal.public.contains("mm-model-id-bin") && !refusal.public.contains("not base64!"), "{refusal}");
}

#[test]
fn health_is_answered() {
    let health = codec(Protocol::GrpcHealth);
    let asked = (health.ask)(&Method::POST, "/grpc.health.v1.Health/Check").unwrap().unwrap();
    assert_eq!((asked.protocol, asked.operation), (Protocol::GrpcHealth, Operation::ServerReady));
    let complete = health.name_in_body.unwrap();
    let of = |service: &str| {
        let message = HealthCheckRequest { service: service.into() }.encode_to_vec();
        complete(asked.clone(), &content_type(), &message.into())
    };
    assert_eq!(of("").unwrap(), asked);
    assert_eq!(of("inference.GRPCInferenceService").unwrap(), asked);
    assert_eq!(of("another").unwrap_err().kind.facts().grpc, Code::NotFound.number());
    for (ready, status) in [(true, 1), (false, 2)] {
        let answer = HealthCheckResponse::decode(message_of((health.encode_server_ready)(ready))).unwrap();
        assert_eq!(answer.status, status);
    }
    let watch = (health.ask)(&Method::POST, "/grpc.health.v1.Health/Watch").unwrap().unwrap_err();
    assert_eq!(watch.kind.facts().grpc, Code::Unimplemented.number());
}

proptest! {
    #[test]
    fn frames_are_read_however_they_are_cut(
        messages in vec(vec(any::<u8>(), 0..40), 0..6),
        cuts in vec(1..20_usize, 1..20),
    ) {
        let body: Bytes = messages.iter().map(|message| framed(0, message)).collect::<Vec<_>>().concat().into();
        let mut reader = Reader::new(Encoding::Identity, 40);
        let mut rest = body;
        let mut read = Vec::new();
        let mut cuts = cuts.into_iter().cycle();
        while !rest.is_empty() {
            let mut piece = rest.split_to(cuts.next().unwrap().min(rest.len()));
            while let Some(message) = reader.read(&mut piece).unwrap() {
                read.push(message.to_vec());
            }
        }
        prop_assert_eq!(reader.end(), Ok(()));
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn any_message_survives_a_status(text in any::<String>()) {
        prop_assume!(text.len() <= 2000);
        prop_assert_eq!(status::decode(status::encode(&text).as_bytes()), text);
    }

    #[test]
    fn a_written_timeout_is_never_longer(seconds in 0..400_000_000_u64, nanos in 0..1_000_000_000_u32) {
        let wait = Duration::new(seconds, nanos);
        let again = timeout::parse(timeout::format(wait).as_bytes()).unwrap();
        // Eight digits, and units a thousand times apart: at most one part in a hundred thousand is lost.
        prop_assert!(again <= wait && again.as_secs_f64() >= wait.as_secs_f64() * 0.999_99);
    }
}

#[test]
fn errors_of_backends_are_told_as_codes_under_the_status_that_grpc_has() {
    for code in Code::ALL.iter().filter(|code| **code != Code::Ok) {
        let status = http::StatusCode::from_u16(code.http()).unwrap();
        let refusal = Refusal::new(Kind::UpstreamFault, "50% broken");
        let answer = (codec(Protocol::OipGrpc).encode_error)(&refusal, status);
        // Another status of HTTP would be taken for a proxy's, and the code not looked at.
        assert_eq!(answer.status, 200);
        let told = Status::read(&answer.headers).unwrap();
        assert_eq!((told.code.http(), told.message.as_str()), (code.http(), "50% broken"), "{code:?}");
        assert_eq!((codec(Protocol::OipRest).encode_error)(&refusal, status).status, status);
    }
    assert_eq!(Code::meant_by(422), Code::InvalidArgument);
}
