//! Events of our own.

/// OpenAI's mark for the end of a stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Writes an event. Data with line breaks becomes several data lines; a name ends at its first line break.
pub fn event(name: Option<&str>, data: &str, out: &mut Vec<u8>) {
    if let Some(name) = name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(first_line(name).as_bytes());
        out.push(b'\n');
    }
    let mut rest = data;
    loop {
        let line = first_line(rest);
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
        let after = rest.get(line.len()..).unwrap_or_default();
        let Some(next) = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\r', '\n'])) else { break };
        rest = next;
    }
    out.push(b'\n');
}

/// Writes a comment, which keeps a connection alive and is nothing to a client. It ends at its first line break.
pub fn comment(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b": ");
    out.extend_from_slice(first_line(text).as_bytes());
    out.extend_from_slice(b"\n\n");
}

fn first_line(text: &str) -> &str {
    text.split(['\r', '\n']).next().unwrap_or_default()
}
