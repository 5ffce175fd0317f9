//! Characters that have no place in configuration: those that YAML forbids, and those that make a file read otherwise
//! than it looks.

use sluicegate_core::{Mistake, Source, Span};

/// The first such character.
pub(super) fn forbidden(source: &Source) -> Option<Mistake> {
    let (offset, letter) = source.text.char_indices().find(|(offset, letter)| !allowed(*letter, *offset))?;
    let before = source.text.get(..offset).unwrap_or_default();
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
    let span = Span {
        file: source.path.clone(),
        line: count(before.bytes().filter(|byte| *byte == b'\n').count()),
        column: count(line.chars().count()),
    };
    let code = u32::from(letter);
    Some(
        Mistake::at(&span, format!("the character U+{code:04X} may not stand here"))
            .help("remove it: it is invisible, or not text"),
    )
}

fn allowed(letter: char, offset: usize) -> bool {
    match letter {
        '\t' | '\n' | '\r' => true,
        // A byte order mark, only where a file begins.
        '\u{feff}' => offset == 0,
        // Other line breaks of older YAML, and marks that turn the direction of text.
        '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => !letter.is_control(),
    }
}
