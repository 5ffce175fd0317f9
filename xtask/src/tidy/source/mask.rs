//! Blanks what is not code: comments become spaces, strings become double quotes and characters single ones.

/// The same text, line by line, in ASCII, without comments and the contents of strings and characters.
pub(crate) fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(chars.len());
    let mut at = 0;
    while let Some(&next) = chars.get(at) {
        match opaque(&chars, at) {
            Some((end, filler)) => {
                let covered = chars.iter().take(end).skip(at);
                out.extend(covered.map(|c| if *c == '\n' { '\n' } else { filler }));
                at = end;
            }
            None => {
                out.push(if next.is_ascii() { next } else { 'x' });
                at += 1;
            }
        }
    }
    out
}

/// If a comment, string or character starts here: where it ends, and what to put in its place.
fn opaque(chars: &[char], at: usize) -> Option<(usize, char)> {
    match (chars.get(at)?, chars.get(at + 1)) {
        ('/', Some('/')) => Some((line_end(chars, at), ' ')),
        ('/', Some('*')) => Some((comment_end(chars, at), ' ')),
        ('"', _) => Some((string_end(chars, at + 1), '"')),
        ('\'', _) => Some((character_end(chars, at)?, '\'')),
        ('r', Some('"' | '#')) => Some((raw_string_end(chars, at)?, '"')),
        _ => None,
    }
}

fn line_end(chars: &[char], at: usize) -> usize {
    chars.iter().skip(at).position(|c| *c == '\n').map_or(chars.len(), |length| at + length)
}

/// Block comments nest.
fn comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while let Some(c) = chars.get(at) {
        match (c, chars.get(at + 1)) {
            ('/', Some('*')) => depth += 1,
            ('*', Some('/')) => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// `from` is behind the opening quote.
fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// Nothing for a lifetime, which starts with the same quote.
fn character_end(chars: &[char], at: usize) -> Option<usize> {
    if chars.get(at + 1)? == &'\\' {
        let closing = chars.iter().skip(at + 3).position(|c| *c == '\'')?;
        return Some(at + 3 + closing + 1);
    }
    (chars.get(at + 2)? == &'\'').then_some(at + 3)
}

/// `at` is the `r`. Nothing if it ends another word or starts a raw identifier.
fn raw_string_end(chars: &[char], at: usize) -> Option<usize> {
    let back = |steps: usize| at.checked_sub(steps).and_then(|at| chars.get(at));
    let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let prefixed = matches!(back(1), Some('b' | 'c')) && !is_word(back(2));
    if is_word(back(1)) && !prefixed {
        return None;
    }
    let hashes = chars.iter().skip(at + 1).take_while(|c| **c == '#').count();
    let start = at + 1 + hashes;
    if chars.get(start)? != &'"' {
        return None;
    }
    let closes = |quote: usize| chars.iter().skip(quote + 1).take(hashes).filter(|c| **c == '#').count() == hashes;
    let end = (start + 1..chars.len()).find(|at| chars.get(*at) == Some(&'"') && closes(*at));
    Some(end.map_or(chars.len(), |quote| quote + 1 + hashes))
}
