//! The head that came last over a connection, to be known again by its bytes. Whoever sends one message after another sends the
//! same head over and over, but for the length of the body: what was read of it once needs no second reading.

use bytes::{Bytes, BytesMut};
use memchr::memmem::find;

/// Longest head that is kept.
const LONGEST: usize = 1024;

/// Heads in a row that were not known again before none is kept any more: whoever sends them has no two alike.
pub const GIVEN_UP: u8 = 4;

/// Most digits of a length: a number of so many is none too large.
const DIGITS: usize = 18;

/// Where a head tells the length of its body, once its names are in lower case.
const LENGTH: &[u8] = b"\r\ncontent-length:";

/// The head that came last, as bytes alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LastHead {
    /// As it came.
    raw: Vec<u8>,
    /// As it was read, with its names in lower case. Empty where nothing is kept.
    text: Vec<u8>,
    /// Where the digits of its body's length stand, and how many.
    digits: (usize, usize),
    /// Its names came otherwise than in lower case.
    lowered: bool,
    /// How many were not known again since one was.
    missed: u8,
}

impl LastHead {
    /// To be told what came, before it is read as a head that is not known.
    pub fn note(&mut self, input: &[u8]) {
        self.text.clear();
        self.raw.clear();
        if self.missed < GIVEN_UP {
            self.missed += 1;
            self.raw.extend_from_slice(input.get(..LONGEST).unwrap_or(input));
        }
    }

    /// To be told what it was read as: the head alone, with its names in lower case. Whether it is kept.
    pub fn keep(&mut self, read: &[u8]) -> bool {
        // One that came in pieces was not there as a whole to be noted.
        let noted = self.raw.get(..read.len()).is_some_and(|noted| noted.eq_ignore_ascii_case(read));
        let Some(digits) = digits(read).filter(|_| noted) else { return false };
        self.raw.truncate(read.len());
        self.lowered = self.raw != read;
        (self.text, self.digits) = (read.to_vec(), digits);
        true
    }

    /// Takes the head off `input` if it is the one that was kept, and notes that it was. See [`Self::take`].
    pub fn again(&mut self, input: &mut BytesMut) -> Option<(Bytes, Option<u64>)> {
        let taken = self.take(input)?;
        self.missed = 0;
        Some(taken)
    }

    /// Takes the head off `input` if it is the one that was kept: byte for byte the same, but for the digits of the body's
    /// length. Its text, with the names in lower case, and that length where it tells one.
    pub fn take(&self, input: &mut BytesMut) -> Option<(Bytes, Option<u64>)> {
        let (at, count) = self.digits;
        let came = input.get_mut(..self.text.len()).filter(|came| !came.is_empty())?;
        let (before, rest) = came.split_at_mut_checked(at)?;
        let (digits, behind) = rest.split_at_mut_checked(count)?;
        let same = *before == *self.raw.get(..at)? && *behind == *self.raw.get(at + count..)?;
        if !same {
            return None;
        }
        let mut length = 0;
        for digit in &*digits {
            length = 10 * length + u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        if self.lowered {
            before.copy_from_slice(self.text.get(..at)?);
            behind.copy_from_slice(self.text.get(at + count..)?);
        }
        let text = input.split_to(self.text.len()).freeze();
        Some((text, (count > 0).then_some(length)))
    }
}

/// Where the digits of the body's length stand, and how many; none at the end where it tells no length. `None`: it says
/// more of it than one number.
fn digits(head: &[u8]) -> Option<(usize, usize)> {
    let Some(line) = find(head, LENGTH) else { return Some((head.len(), 0)) };
    let at = line + LENGTH.len();
    let value = head.get(at..)?;
    if find(value, LENGTH).is_some() {
        return None;
    }
    let blanks = value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let count = value.get(blanks..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=DIGITS).contains(&count).then_some((at + blanks, count))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{GIVEN_UP, LONGEST, LastHead};

    const HEAD: &str = "POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 12\r\nX-c: D\r\n\r\n";

    fn lower(head: &str) -> String {
        head.replace("Host", "host").replace("Content-Length", "content-length").replace("X-c", "x-c")
    }

    fn kept(head: &str) -> (LastHead, bool) {
        let mut last = LastHead::default();
        last.note(format!("{head}body").as_bytes());
        let kept = last.keep(lower(head).as_bytes());
        (last, kept)
    }

    fn again(last: &mut LastHead, input: &str) -> (Option<(String, Option<u64>)>, String) {
        let mut input = BytesMut::from(input);
        let known = last.again(&mut input);
        let known = known.map(|(text, length)| (String::from_utf8(text.to_vec()).unwrap(), length));
        (known, String::from_utf8(input.to_vec()).unwrap())
    }

    #[test]
    fn the_same_head_is_known_again_whatever_its_bodys_length() {
        let (mut last, kept) = kept(HEAD);
        assert!(kept);
        for (digits, length) in [("12", 12), ("99", 99), ("00", 0)] {
            let head = HEAD.replace("12", digits);
            let known = again(&mut last, &format!("{head}{HEAD}"));
            assert_eq!(known, (Some((lower(&head), Some(length))), HEAD.to_owned()));
        }
    }

    #[test]
    fn a_head_without_a_length_is_known_again() {
        let bare = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n";
        let (mut last, kept) = kept(bare);
        assert!(kept);
        assert_eq!(again(&mut last, bare), (Some((lower(bare), None)), String::new()));
    }

    #[test]
    fn no_other_head_is_known() {
        let (mut last, _) = kept(HEAD);
        let length = HEAD.find("12").unwrap();
        for place in 0..HEAD.len() {
            for byte in (0..128_u8).filter(|byte| HEAD.as_bytes()[place] != *byte) {
                let mut other = HEAD.to_owned().into_bytes();
                other[place] = byte;
                let other = String::from_utf8(other).unwrap();
                let (known, left) = again(&mut last, &other);
                let fits = (length..length + 2).contains(&place) && byte.is_ascii_digit();
                assert_eq!(known.is_some(), fits, "{other:?}");
                assert!(fits || left == other, "what is not known stays as it came");
            }
        }
        for (cut, _) in HEAD.char_indices() {
            let (part, _) = HEAD.split_at(cut);
            assert_eq!(again(&mut last, part), (None, part.to_owned()));
        }
        assert_eq!(again(&mut last, &HEAD.replace("12", "123")).0, None);
        assert_eq!(again(&mut last, &HEAD.replace("12", "1")).0, None);
    }

    #[test]
    fn what_says_its_length_twice_or_is_too_long_is_not_kept() {
        assert!(!kept(&HEAD.replace("X-c: D", "Content-Length: 12")).1);
        assert!(!kept(&HEAD.replace("12", "12 ").replace("12", &"1".repeat(19))).1);
        assert!(!kept(&HEAD.replace('D', &"D".repeat(LONGEST))).1);
        let mut last = LastHead::default();
        assert_eq!(again(&mut last, HEAD).0, None);
        last.note(b"POST /a");
        assert!(!last.keep(lower(HEAD).as_bytes()), "it came in pieces");
    }

    #[test]
    fn whoever_has_no_two_heads_alike_is_not_watched_for_long() {
        let mut last = LastHead::default();
        for _ in 0..GIVEN_UP {
            last.note(HEAD.as_bytes());
            assert!(last.keep(lower(HEAD).as_bytes()));
        }
        last.note(HEAD.as_bytes());
        assert!(!last.keep(lower(HEAD).as_bytes()));
        assert_eq!(again(&mut last, HEAD).0, None);
    }
}
