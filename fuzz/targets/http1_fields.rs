//! The fields of a head over HTTP/1, as the door and the client towards model servers read them: what is taken is the same
//! to another reader, and where bytes end changes nothing.
//!
//! A corpus file is what stands behind the first line of a head.

use sluicegate_core::http1::{Scan, Stop};

type Fields = Vec<(String, Vec<u8>)>;

/// Reads fields and checks what must hold of them.
pub fn run(data: &[u8]) {
    let read = read(data);
    match &read {
        Ok((length, fields)) => assert_eq!(by_httparse(data), Some((*length, fields.clone()))),
        // The other reader takes line feeds alone for the end of a line, so that it may find one.
        Err(Stop::Torn) => {}
        Err(_) => assert_eq!(by_httparse(data), None),
    }
    let whole = read.as_ref().map_or(data.len(), |(length, _)| *length);
    for cut in (0..whole).step_by(1 + whole / 64) {
        let before = self::read(&data[..cut]);
        assert!(before == Err(Stop::Short) || before.as_ref().err() == read.as_ref().err(), "{cut}: {before:?}");
    }
}

fn read(data: &[u8]) -> Result<(usize, Fields), Stop> {
    let mut bytes = data.to_vec();
    let mut scan = Scan::new(&mut bytes);
    let mut fields = Vec::new();
    while let Some((name, value)) = scan.field()? {
        fields.push((String::from_utf8(scan.text(name).to_vec()).unwrap(), scan.text(value).to_vec()));
    }
    Ok((scan.at(), fields))
}

fn by_httparse(data: &[u8]) -> Option<(usize, Fields)> {
    let mut room = vec![httparse::EMPTY_HEADER; data.len() / 2 + 1];
    let httparse::Status::Complete((length, fields)) = httparse::parse_headers(data, &mut room).ok()? else {
        return None;
    };
    Some((length, fields.iter().map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec())).collect()))
}
