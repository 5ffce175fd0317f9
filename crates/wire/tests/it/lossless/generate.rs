//! Canonical requests and answers of every kind: all datatypes, the edges of their values, odd names and shapes.

use bytes::{BufMut, Bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sluicegate_core::{DataType, InferRequest, InferResponse, Parameter, Parameters, RequestedOutput, Tensor};

/// Texts that escape, sort, compare or print in odd ways; the first are the plain ones.
const WORDS: [&str; 18] = [
    "x",
    "input_ids",
    "",
    "0",
    "\"\\/",
    "\u{0}\u{1f}\u{7f}",
    "\n\r\t",
    "%2F%00",
    "\u{e9}",
    "e\u{301}",
    "\u{feff}",
    "\u{202e}x",
    "\u{2028}",
    "\u{1f600}",
    "\u{ffff}",
    "data",
    "\"inputs\":",
    "priority",
];

/// Names that steer the form of a REST message, or Triton's streams, and one that no gateway takes.
const STEERING: [&str; 5] =
    ["binary_data", "binary_data_size", "binary_data_output", "shared_memory_region", "triton_final_response"];

/// What the elements of a tensor are like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Style {
    /// Values as models have them; text.
    Plain,
    /// With extremes, but finite; text with every character.
    Edges,
    /// With NaN of any payload.
    Nan,
    /// With infinities; bytes that are no text.
    Anything,
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => any::<Index>().prop_map(|index| (*index.get(&WORDS)).to_owned()),
        3 => vec(any::<char>(), 0..6).prop_map(String::from_iter),
        1 => Just("n".repeat(1000)),
    ]
}

fn parameter() -> impl Strategy<Value = Parameter> {
    prop_oneof![
        any::<bool>().prop_map(Parameter::Bool),
        any::<i64>().prop_map(Parameter::Int),
        select(vec![0, -1, i64::MIN, i64::MAX, 1 << 53]).prop_map(Parameter::Int),
        (1 << 63..=u64::MAX).prop_map(Parameter::Uint),
        any::<u64>().prop_map(|bits| Parameter::Double(f64::from_bits(bits))),
        select(vec![0.0, -0.0, 1.0, -1e300, 5e-324, 1e21, 0.1]).prop_map(Parameter::Double),
        word().prop_map(Parameter::String),
        word().prop_map(Parameter::String),
    ]
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let name = prop_oneof![30 => word(), 1 => select(&STEERING[..]).prop_map(str::to_owned)];
    let some = vec((name, parameter()), 1..4).prop_map(Parameters::from_iter);
    prop_oneof![3 => Just(Parameters::new()), 2 => some]
}

fn shape() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        20 => vec(0..4_u64, 0..4),
        10 => (1..9_u64).prop_map(|length| vec![length]),
        // As many dimensions as are taken.
        1 => (0..32_usize).prop_map(|at| (0..32).map(|dimension| if dimension == at { 3 } else { 1 }).collect()),
        // No elements, whatever the other dimensions say.
        1 => select(vec![vec![0, u64::MAX], vec![1 << 62, 0], vec![1 << 63, 1 << 63, 0]]),
        // More bytes than are copied between a message's fields.
        1 => Just(vec![1100]),
    ]
}

/// A tensor with the number that sets its data, so that a failing case shrinks in its outline.
fn tensor(index: usize) -> impl Strategy<Value = Tensor> {
    let style = prop_oneof![12 => Just(Style::Plain), 6 => Just(Style::Edges), 1 => Just(Style::Nan), 1 => Just(Style::Anything)];
    let datatype = prop_oneof![
        6 => select(&DataType::ALL[..]),
        4 => select(vec![DataType::Fp32, DataType::Fp64, DataType::Int64, DataType::Uint64, DataType::Bytes]),
    ];
    (word(), datatype, shape(), parameters(), style, any::<u64>()).prop_map(
        move |(name, datatype, shape, parameters, style, seed)| {
            let count = usize::try_from(Tensor::count(&shape).unwrap()).unwrap();
            let data = elements(datatype, count, style, seed);
            // Names differ within a message: by the number they end with.
            let name = match index {
                0 => name.trim_end_matches(['1', '2']).to_owned(),
                _ => format!("{name}{index}"),
            };
            Tensor::new(name, datatype, shape, data).unwrap().with_parameters(parameters)
        },
    )
}

fn elements(datatype: DataType, count: usize, style: Style, seed: u64) -> Bytes {
    let mut chance = Chance(seed | 1);
    let mut data = Vec::new();
    for _ in 0..count {
        match datatype.size() {
            None => {
                let element = text(&mut chance, style);
                data.put_u32_le(u32::try_from(element.len()).unwrap());
                data.extend(element);
            }
            Some(size) => {
                let bits = match datatype {
                    DataType::Bool => chance.next() & 1,
                    DataType::Fp16 => float(&mut chance, style, 10, 5),
                    DataType::Bf16 => float(&mut chance, style, 7, 8),
                    DataType::Fp32 => float(&mut chance, style, 23, 8),
                    DataType::Fp64 => float(&mut chance, style, 52, 11),
                    _ => integer(&mut chance, style, size),
                };
                data.extend(&bits.to_le_bytes()[..usize::try_from(size).unwrap()]);
            }
        }
    }
    data.into()
}

fn integer(chance: &mut Chance, style: Style, size: u64) -> u64 {
    let sign = 1_u64 << (size * 8 - 1);
    match (style, chance.next() % 4) {
        (Style::Plain, _) => chance.next() % 100,
        (_, 0) => *chance.of(&[0, 1, sign, sign - 1, u64::MAX, u64::MAX - 1, (1 << 53) + 1]),
        _ => chance.next(),
    }
}

/// The bits of a float with so many bits of mantissa and exponent.
fn float(chance: &mut Chance, style: Style, mantissa: u32, exponent: u32) -> u64 {
    let most = (1_u64 << exponent) - 1;
    let fraction = chance.next() & ((1 << mantissa) - 1);
    let sign = (chance.next() & 1) << (mantissa + exponent);
    let power = match style {
        // From about 1/1000 to 1000.
        Style::Plain => (most >> 1) - 7 + chance.next() % 14,
        _ => chance.next() % most,
    };
    let finite =
        *chance.of(&[power << mantissa | fraction, power << mantissa | fraction, power << mantissa, fraction, 0]);
    let infinity = most << mantissa;
    sign | match (style, chance.next() % 3) {
        (Style::Nan | Style::Anything, 0) => infinity | fraction.max(1),
        (Style::Anything, 1) => infinity,
        _ => finite,
    }
}

fn text(chance: &mut Chance, style: Style) -> Vec<u8> {
    let length = chance.next() % 5;
    match style {
        Style::Plain => (0..length).map(|_| b'a' + chance.next().to_le_bytes()[0] % 26).collect(),
        Style::Edges | Style::Nan => (0..length).map(|_| *chance.of(&WORDS)).collect::<String>().into_bytes(),
        Style::Anything => (0..length).map(|_| chance.next().to_le_bytes()[0]).collect(),
    }
}

/// Numbers that follow from a seed (xorshift64*).
struct Chance(u64);

impl Chance {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 3
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[usize::try_from(self.next() % list.len() as u64).unwrap()]
    }
}

fn tensors() -> impl Strategy<Value = Vec<Tensor>> {
    prop_oneof![
        6 => tensor(0).prop_map(|one| vec![one]),
        3 => (tensor(0), tensor(1)).prop_map(|(one, two)| vec![one, two]),
        1 => (tensor(0), tensor(1), tensor(2)).prop_map(|(one, two, three)| vec![one, two, three]),
        1 => Just(Vec::new()),
    ]
}

/// A request; its outputs may ask for classification.
pub(crate) fn request() -> impl Strategy<Value = InferRequest> {
    let output = (word(), parameters(), proptest::option::of(1..10_i64)).prop_map(|(name, mut parameters, classes)| {
        if let Some(classes) = classes {
            parameters.set("classification", Parameter::Int(classes));
        }
        RequestedOutput { name, parameters }
    });
    let outputs = vec(output, 0..3).prop_map(|mut outputs| {
        outputs.iter_mut().enumerate().for_each(|(index, output)| output.name.push_str(&index.to_string()));
        outputs
    });
    (proptest::option::of(word()), parameters(), tensors(), outputs)
        .prop_map(|(id, parameters, inputs, outputs)| InferRequest { id, parameters, inputs, outputs })
}

/// An answer.
pub(crate) fn response() -> impl Strategy<Value = InferResponse> {
    let optional = || proptest::option::of(word());
    (word(), optional(), optional(), parameters(), tensors()).prop_map(
        |(model_name, model_version, id, parameters, outputs)| InferResponse {
            model_name,
            model_version,
            id,
            parameters,
            outputs,
        },
    )
}
