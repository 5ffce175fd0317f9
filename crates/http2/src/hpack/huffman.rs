//! The code for strings (RFC 7541, appendix B), read four bits at a time. The code is canonical: the lengths are all of it.

use super::Broken;

/// Bits of each symbol's code; the last is that of the end, which must not be there.
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, //
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, //
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, //
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, //
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The bytes and the end.
const SYMBOLS: usize = 257;

/// Inner nodes of the code's tree: one less than it has leaves.
const STATES: usize = SYMBOLS - 1;

/// Four bits lead to a byte.
const EMITS: u8 = 1;
/// The string may end here: what is left are less than eight bits, all of them ones.
const ENDS: u8 = 2;
/// They lead to the end's code.
const FAILS: u8 = 4;

/// Where four bits lead: the next state, what that means, and the byte.
type Step = (u8, u8, u8);

static STEPS: [[Step; 16]; STATES] = steps();

/// Unpacks `packed` behind what is in `into`.
pub(super) fn unpack(packed: &[u8], into: &mut Vec<u8>) -> Result<(), Broken> {
    // No code is shorter than five bits.
    into.reserve(packed.len().saturating_mul(8) / 5);
    let (mut state, mut meaning) = (0_u8, ENDS);
    for byte in packed {
        for bits in [byte >> 4, byte & 15] {
            let row = STEPS.get(usize::from(state)).ok_or(WRONG)?;
            let symbol;
            (state, meaning, symbol) = *row.get(usize::from(bits)).ok_or(WRONG)?;
            if meaning & FAILS != 0 {
                return Err(WRONG);
            }
            if meaning & EMITS != 0 {
                into.push(symbol);
            }
        }
    }
    if meaning & ENDS == 0 { Err(WRONG) } else { Ok(()) }
}

const WRONG: Broken = Broken("a string is not in the code");

/// Each symbol's code, in its lowest bits.
#[expect(clippy::indexing_slicing, reason = "reckoned while compiling")]
const fn codes() -> [u32; SYMBOLS] {
    let mut codes = [0; SYMBOLS];
    let (mut code, mut length) = (0, 5);
    while length <= 30 {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] == length {
                codes[symbol] = code;
                code += 1;
            }
            symbol += 1;
        }
        code <<= 1;
        length += 1;
    }
    codes
}

/// The tree: for each inner node what a 0 and a 1 lead to. Inner nodes are below [`STATES`], leaves their symbol above it.
#[expect(clippy::indexing_slicing, reason = "reckoned while compiling")]
const fn tree() -> [[usize; 2]; STATES] {
    let codes = codes();
    let mut tree = [[0; 2]; STATES];
    let (mut used, mut symbol) = (1, 0);
    while symbol < SYMBOLS {
        let (mut node, mut left) = (0, LENGTHS[symbol]);
        while left > 0 {
            left -= 1;
            let bit = (codes[symbol] >> left & 1) as usize;
            if left == 0 {
                tree[node][bit] = STATES + symbol;
            } else {
                if tree[node][bit] == 0 {
                    tree[node][bit] = used;
                    used += 1;
                }
                node = tree[node][bit];
            }
        }
        symbol += 1;
    }
    tree
}

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "reckoned while compiling")]
const fn steps() -> [[Step; 16]; STATES] {
    let tree = tree();
    let mut ends = [false; STATES];
    let (mut node, mut depth) = (0, 0);
    while depth < 8 {
        ends[node] = true;
        node = tree[node][1];
        depth += 1;
    }
    let mut steps = [[(0, FAILS, 0); 16]; STATES];
    let mut state = 0;
    while state < STATES {
        let mut bits = 0;
        while bits < 16 {
            let (mut node, mut meaning, mut byte) = (state, 0, 0);
            let mut left = 4;
            while left > 0 {
                left -= 1;
                node = tree[node][bits >> left & 1];
                if node == STATES + SYMBOLS - 1 {
                    (node, meaning) = (0, FAILS);
                    break;
                }
                if node >= STATES {
                    (byte, meaning, node) = ((node - STATES) as u8, EMITS, 0);
                }
            }
            if ends[node] && meaning & FAILS == 0 {
                meaning |= ENDS;
            }
            steps[state][bits] = (node as u8, meaning, byte);
            bits += 1;
        }
        state += 1;
    }
    steps
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    static CODES: [u32; SYMBOLS] = codes();

    /// Packs a string, as our encoder does not.
    pub(in super::super) fn pack(bytes: &[u8]) -> Vec<u8> {
        let (mut packed, mut held, mut bits) = (Vec::new(), 0_u64, 0_u32);
        for byte in bytes {
            let symbol = usize::from(*byte);
            held = held << LENGTHS[symbol] | u64::from(CODES[symbol]);
            bits += u32::from(LENGTHS[symbol]);
            while bits >= 8 {
                bits -= 8;
                packed.push(u8::try_from(held >> bits & 0xff).unwrap());
            }
            held &= (1 << bits) - 1;
        }
        if bits > 0 {
            packed.push(u8::try_from((held << (8 - bits) | (0xff >> bits)) & 0xff).unwrap());
        }
        packed
    }

    fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut into = Vec::new();
        unpack(packed, &mut into).map(|()| into)
    }

    #[test]
    fn the_codes_are_those_of_the_appendix() {
        for (symbol, code, length) in [
            (0, 0x1ff8, 13),
            (1, 0x007f_ffd8, 23),
            (10, 0x3fff_fffc, 30),
            (usize::from(b'0'), 0x0, 5),
            (usize::from(b'a'), 0x3, 5),
            (usize::from(b'~'), 0x1ffd, 13),
            (128, 0x000f_ffe6, 20),
            (255, 0x03ff_ffee, 26),
            (256, 0x3fff_ffff, 30),
        ] {
            assert_eq!((CODES[symbol], LENGTHS[symbol]), (code, length), "{symbol}");
        }
    }

    #[test]
    fn every_symbol_is_read_at_every_place() {
        for symbol in 0..=255 {
            for before in 0..8 {
                let text = [vec![b'0'; before], vec![symbol], b"x".to_vec()].concat();
                assert_eq!(unpacked(&pack(&text)), Ok(text));
            }
        }
    }

    #[test]
    fn what_is_read_can_be_packed_in_no_other_way() {
        for first in [&[][..], &[0xff, 0xff], &[0xff, 0xff, 0xff], &[0xff, 0xfe, 0x52, 0x13]] {
            for last in 0..=u16::MAX {
                let packed = [first, &last.to_be_bytes()].concat();
                if let Ok(text) = unpacked(&packed) {
                    assert_eq!(pack(&text), packed);
                }
            }
        }
    }

    #[test]
    fn the_end_and_wrong_padding_are_refused() {
        assert_eq!(unpacked(&[]), Ok(vec![]));
        assert_eq!(unpacked(&[0x07]), Ok(b"0".to_vec()), "three ones behind five bits");
        // Zeros for padding; a whole byte of it; the end's own code; a code cut short.
        for packed in [&[0x00][..], &[0x06], &[0x07, 0xff], &[0xff; 4], &[0xff, 0xff, 0xff, 0xfc], &[0xff]] {
            assert_eq!(unpacked(packed), Err(WRONG), "{packed:?}");
        }
    }
}
