//! How many tokens an answer took, as servers tell it in chat completions, completions, embeddings and responses.

use sluicegate_core::Usage;

use crate::fault::Read;
use crate::json::Reader;

/// Reads a usage object that lies `open` levels deep.
pub(super) fn read(reader: &mut Reader<'_>, open: usize) -> Read<Usage> {
    let mut usage = Usage::default();
    reader.expect(b'{', "expected an object")?;
    let mut first = true;
    while let Some(key) = reader.next_key(&mut first)? {
        match key.as_ref() {
            "prompt_tokens" | "input_tokens" => usage.input = count(reader, open + 1)?,
            "completion_tokens" | "output_tokens" => usage.output = count(reader, open + 1)?,
            "total_tokens" => usage.total = count(reader, open + 1)?,
            "prompt_tokens_details" | "input_tokens_details" => {
                usage.cached = detail(reader, open + 1, "cached_tokens")?;
            }
            "completion_tokens_details" | "output_tokens_details" => {
                usage.reasoning = detail(reader, open + 1, "reasoning_tokens")?;
            }
            _ => reader.skip(open + 1, false)?,
        }
    }
    Ok(usage)
}

/// A count; `None` for whatever else stands there.
fn count(reader: &mut Reader<'_>, open: usize) -> Read<Option<u64>> {
    if !matches!(reader.peek(), Some(b'-' | b'0'..=b'9')) {
        return reader.skip(open, false).map(|()| None);
    }
    Ok(reader.number()?.exact().and_then(|value| u64::try_from(value).ok()))
}

/// The count `wanted` in an object; `None` where there is none.
fn detail(reader: &mut Reader<'_>, open: usize, wanted: &str) -> Read<Option<u64>> {
    if !reader.eat(b'{') {
        return reader.skip(open, false).map(|()| None);
    }
    let mut found = None;
    let mut first = true;
    while let Some(key) = reader.next_key(&mut first)? {
        if key == wanted { found = count(reader, open + 1)? } else { reader.skip(open + 1, false)? }
    }
    Ok(found)
}
