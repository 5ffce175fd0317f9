//! The sizes that the reports name.

use super::{CHUNKS, Expected, Workload, chunks, events, paced_chunk, steady};
use crate::http1::{Event, Reader, Side, field};

/// Head and body of a whole request.
fn split(workload: Workload) -> (Vec<u8>, Vec<u8>) {
    let request = workload.request();
    let mut reader = Reader::new(Side::Requests);
    let (Event::Head(head), taken) = reader.next(&request).unwrap().unwrap() else { panic!("no head") };
    let rest = &request[taken..];
    let (Event::Body(body), taken) = reader.next(rest).unwrap().unwrap() else { panic!("no body") };
    assert_eq!(reader.next(&rest[taken..]).unwrap(), Some((Event::End, 0)));
    (head.to_vec(), body.to_vec())
}

#[test]
fn requests_are_as_large_as_is_said() {
    assert_eq!(split(Workload::Json).1.len(), 172);
    assert_eq!(split(Workload::Chat).1.len(), 580);
    let (head, body) = split(Workload::Binary);
    let header: usize =
        std::str::from_utf8(field(&head, "inference-header-content-length").unwrap()).unwrap().parse().unwrap();
    assert_eq!(body.len() - header, 600_000);
    for json in [&split(Workload::Json).1[..], &split(Workload::Chat).1, &split(Workload::Sse).1, &body[..header]] {
        serde_json::from_slice::<serde_json::Value>(json).unwrap();
    }
}

#[test]
fn answers_are_as_large_as_is_said() {
    let Expected::Exactly(small) = Workload::Json.expected() else { panic!("exactly") };
    let Expected::Exactly(tensor) = Workload::Binary.expected() else { panic!("exactly") };
    let Expected::Exactly(chat) = Workload::Chat.expected() else { panic!("exactly") };
    assert!((140..200).contains(&small.len()) && (4000..4300).contains(&tensor.len()), "{}", small.len());
    for json in [&small, &chat] {
        serde_json::from_slice::<serde_json::Value>(json).unwrap();
    }
}

#[test]
fn a_stream_has_its_chunks_and_each_its_size() {
    assert_eq!(events().len(), usize::try_from(CHUNKS).unwrap());
    let (last, tokens) = events().split_last().unwrap();
    assert_eq!(last.data, "data: [DONE]\n\n");
    for event in tokens {
        assert!((150..180).contains(&event.data.len()), "{}", event.data.len());
        let json = event.data.strip_prefix(b"data: ").unwrap();
        serde_json::from_slice::<serde_json::Value>(json).unwrap();
    }
    assert!((180..200).contains(&paced_chunk(u64::MAX).len()));
}

#[test]
fn a_steady_stream_has_as_many_chunks_as_it_is_asked_for() {
    assert_eq!(chunks(steady(450).as_bytes()), Some(450));
    assert_eq!(chunks(br#"{"max_tokens":"many"}"#), None);
}
