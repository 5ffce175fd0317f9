//! A Rust file as the checks see it: its code without comments and strings, and which lines only tests compile.

mod mask;
mod production;

pub(crate) use self::mask::mask;

/// A scanned file. `code` has a line for each line of the text.
pub(crate) struct Source {
    pub(crate) path: String,
    /// As it was written.
    pub(crate) text: String,
    /// Strings and comments blanked, see `mask`.
    pub(crate) code: String,
    /// The same, with what only tests compile blanked too.
    pub(crate) production: String,
    /// How many lines are not for tests.
    pub(crate) production_lines: usize,
}

impl Source {
    pub(crate) fn scan(path: &str, text: &str) -> Self {
        let code = mask(text);
        let (production, production_lines) =
            if is_test_file(path) { (String::new(), 0) } else { production::split(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, production, production_lines }
    }

    /// Whether anything of it is compiled outside tests.
    pub(crate) fn is_production(&self) -> bool {
        self.production_lines > 0
    }

    /// Whether it was written by a program.
    pub(crate) fn is_generated(&self) -> bool {
        self.path.split('/').any(|part| part == "generated")
    }
}

/// Test files by their place. Fuzz targets and benchmarks count as tests.
fn is_test_file(path: &str) -> bool {
    let mut folders = path.split('/');
    let name = folders.next_back().unwrap_or_default();
    let name_says = name == "tests.rs" || name.ends_with("_tests.rs");
    name_says || folders.any(|folder| matches!(folder, "tests" | "benches" | "fuzz"))
}

/// The line of a byte offset, counted from one.
pub(crate) fn line_at(code: &str, offset: usize) -> usize {
    code.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The offsets where `word` stands by itself: `fn` is not found in `fn_name`.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let joined_before = is_part(word.as_bytes().first()) && is_part(before);
        let joined_after = is_part(word.as_bytes().last()) && is_part(bytes.get(at + word.len()));
        !joined_before && !joined_after
    })
}

/// Where a `{` or `;` ends the head of the item that starts at `from`, outside of brackets; nothing if neither comes.
pub(crate) fn head_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' | b';' if depth == 0 => return Some(at),
            b'}' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The offset of the brace that closes the one at `open`; the end of the text if none does.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests;
