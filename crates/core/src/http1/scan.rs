//! The bytes of a head, read once from their beginning: where its words, names and values stand.

use crate::fields::LOWER;

/// A place: where it begins, and how many bytes it has.
pub type Place = (usize, usize);

/// Why reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The bytes end within the head.
    Short,
    /// Its first line has too few words.
    Line,
    /// A line ends without a carriage return.
    Torn,
    /// A field has a name that is none.
    Name,
    /// There is a character that must not be there.
    Character,
}

/// A head that is being read.
#[derive(Debug)]
pub struct Scan<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

/// What cannot stand in a value (RFC 9110, section 5.5); the end of its line among it.
const fn ends_value(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// The first of eight bytes that is a control, the tab among them; 8 if there is none. All are looked at at once: a byte's
/// highest bit is set by the subtraction where it was below 32, or 127, and the first that is so is told rightly.
const fn first_control(bytes: [u8; 8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let word = u64::from_le_bytes(bytes);
    let delete = word ^ (ONES * 0x7f);
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let found = (low | (delete.wrapping_sub(ONES) & !delete)) & (ONES * 0x80);
    (found.trailing_zeros() / 8) as usize
}

impl<'a> Scan<'a> {
    /// From the first of `bytes`. Names are brought into lower case where they stand.
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far was read.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What stands at a place.
    #[must_use]
    pub fn text(&self, (at, length): Place) -> &[u8] {
        self.bytes.get(at..at + length).unwrap_or_default()
    }

    /// The bytes up to a space, and past it.
    ///
    /// # Errors
    /// The line ends before.
    pub fn word(&mut self) -> Result<Place, Stop> {
        let length = self.up_to(|byte| matches!(byte, b' ' | b'\r' | b'\n'))?;
        if self.bytes.get(self.at + length) != Some(&b' ') {
            return Err(Stop::Line);
        }
        let place = (self.at, length);
        self.at += length + 1;
        Ok(place)
    }

    /// The bytes up to the end of the line, and past that.
    ///
    /// # Errors
    /// It does not end as lines do.
    pub fn rest_of_line(&mut self) -> Result<Place, Stop> {
        let place = (self.at, self.up_to(|byte| matches!(byte, b'\r' | b'\n'))?);
        self.end_line(place.1)?;
        Ok(place)
    }

    /// The name, brought into lower case, and the value of the next field; `None` past the empty line.
    ///
    /// # Errors
    /// It is none.
    pub fn field(&mut self) -> Result<Option<(Place, Place)>, Stop> {
        if matches!(self.bytes.get(self.at), Some(b'\r' | b'\n')) {
            return self.end_line(0).map(|()| None);
        }
        let name = self.name()?;
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        let at = self.at;
        let length = self.value_length()?;
        self.end_line(length)?;
        let blanks = self.text((at, length)).iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        Ok(Some((name, (at, length - blanks))))
    }

    /// A name and its colon. A space before that, and a folded line (which begins with one), are no name.
    fn name(&mut self) -> Result<Place, Stop> {
        for (length, byte) in self.bytes.get_mut(self.at..).unwrap_or_default().iter_mut().enumerate() {
            match LOWER.get(usize::from(*byte)) {
                Some(0) | None if *byte == b':' && length > 0 => {
                    let place = (self.at, length);
                    self.at += length + 1;
                    return Ok(place);
                }
                Some(0) | None => return Err(Stop::Name),
                Some(lower) => *byte = *lower,
            }
        }
        Err(Stop::Short)
    }

    /// How many bytes there are before what cannot stand in a value.
    fn value_length(&self) -> Result<usize, Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut length = 0;
        for eight in rest.as_chunks().0 {
            let first = first_control(*eight);
            length += first;
            if first < 8 {
                break;
            }
        }
        // The end, but for a tab, or fewer than eight bytes.
        let rest = rest.get(length..).unwrap_or_default();
        rest.iter().position(|byte| ends_value(*byte)).map(|more| length + more).ok_or(Stop::Short)
    }

    /// How many bytes there are before one of which this is true.
    fn up_to(&self, ends: impl Fn(u8) -> bool) -> Result<usize, Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        rest.iter().position(|byte| ends(*byte)).ok_or(Stop::Short)
    }

    /// Goes past the end of the line, which is so many bytes further.
    fn end_line(&mut self, further: usize) -> Result<(), Stop> {
        let at = self.at + further;
        match (self.bytes.get(at), self.bytes.get(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => {
                self.at = at + 2;
                Ok(())
            }
            (None, _) | (Some(b'\r'), None) => Err(Stop::Short),
            (Some(b'\n'), _) => Err(Stop::Torn),
            _ => Err(Stop::Character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scan, Stop, ends_value, first_control};

    #[test]
    fn the_first_control_of_eight_bytes_is_found() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                for beside in [b' ', b'~', 0x80, 0xff, b'\n'] {
                    let mut eight = [b'x'; 8];
                    eight[place] = byte;
                    if place < 7 {
                        eight[place + 1] = beside;
                    }
                    let expected = eight.iter().position(|byte| *byte < b' ' || *byte == 0x7f).unwrap_or(8);
                    assert_eq!(first_control(eight), expected, "{eight:?}");
                }
            }
        }
    }

    #[test]
    fn a_value_ends_before_what_cannot_stand_in_it() {
        for length in 0..40_usize {
            for end in (0..=255_u8).filter(|byte| ends_value(*byte)) {
                for tab in [None, Some(length / 2), Some(length.saturating_sub(1))] {
                    let mut text = [b"x:".to_vec(), vec![b'v'; length], vec![end, b'\n', b'\r', b'\n']].concat();
                    if let Some(tab) = tab.filter(|_| length > 2) {
                        text[2 + tab] = b'\t';
                    }
                    let read = Scan::new(&mut text).field();
                    match end {
                        b'\r' => assert!(matches!(read, Ok(Some(((0, 1), (2, _))))), "{length} {tab:?}"),
                        b'\n' => assert_eq!(read, Err(Stop::Torn)),
                        _ => assert_eq!(read, Err(Stop::Character), "{length} {end}"),
                    }
                }
            }
        }
    }
}
