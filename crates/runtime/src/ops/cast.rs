//! `Cast`, over tract's: its own turns every 64-bit integer into a dimension of 32 bits and refuses most text.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::kernel::{Kernel, Outline, input, kernel_op, outline, plain_wires, refused};
use super::values::{numbers, tensor, texts};
use crate::describe;
use crate::engine::convert;

/// Digits of a number as text; the reference writes doubles with no more.
const DIGITS: usize = 8;

/// Chosen when the type of its input is known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cast {
    to: DatumType,
}

/// The cast between text and numbers.
#[derive(Debug)]
struct TextCast {
    to: DatumType,
}

pub(super) fn cast(_context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let number = Attributes::of(node).int("to", 0);
    let to = i32::try_from(number).ok().and_then(describe::datatype).and_then(convert::datum);
    let to = to.with_context(|| format!("casts to type number {number}, which this engine does not have"))?;
    Ok((expand(Cast { to }), vec![]))
}

impl Cast {
    // A dimension stays one, so that shapes computed from shapes stay open.
    fn target(&self, from: DatumType) -> DatumType {
        if from == TDim::datum_type() && self.to == i64::datum_type() { from } else { self.to }
    }
}

impl Expansion for Cast {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        let ([from], [to]) = (inputs, outputs) else { bail!("Cast takes one input and makes one output") };
        solver.equals(&to.shape, &from.shape)?;
        solver.given(&from.datum_type, move |solver, datum| solver.equals(&to.datum_type, self.target(datum)))
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let outlet = *inputs.first().context("Cast takes one input")?;
        let from = model.outlet_fact(outlet)?.datum_type;
        let text = String::datum_type();
        if from == text || self.to == text {
            let wires = plain_wires(model, prefix, &[outlet])?;
            return model.wire_node(prefix, kernel_op(TextCast { to: self.to }), &wires);
        }
        model.wire_node(prefix, tract_onnx::tract_core::ops::cast::cast(self.target(from)), &[outlet])
    }
}

impl TextCast {
    fn read(&self, texts: &[String], shape: &[usize]) -> TractResult<Tensor> {
        let wrong = || refused(format!("a text that is to become {:?} is not a number of that type", self.to));
        if self.to.is_integer() {
            let found: Option<Vec<i64>> = texts.iter().map(|text| text.trim().parse().ok()).collect();
            return Ok(tensor(shape, found.ok_or_else(wrong)?)?.cast_to_dt(self.to)?.into_owned());
        }
        let found: Option<Vec<f64>> = texts.iter().map(|text| text.trim().parse().ok()).collect();
        Ok(tensor(shape, found.ok_or_else(wrong)?)?.cast_to_dt(self.to)?.into_owned())
    }

    fn write(from: &Tensor) -> TractResult<Vec<String>> {
        let datum = from.datum_type();
        Ok(if datum == bool::datum_type() {
            numbers::<i64>(from)?.iter().map(ToString::to_string).collect()
        } else if datum == f64::datum_type() {
            numbers::<f64>(from)?.iter().map(|value| general(*value, DIGITS)).collect()
        } else if datum.is_float() {
            numbers::<f32>(from)?.iter().map(|value| general(f64::from(*value), DIGITS)).collect()
        } else if datum == u64::datum_type() {
            numbers::<u64>(from)?.iter().map(ToString::to_string).collect()
        } else {
            numbers::<i64>(from)?.iter().map(ToString::to_string).collect()
        })
    }
}

/// A number as C's `%.<digits>g` writes it, which is what onnxruntime puts into strings.
fn general(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "INF" } else { "-INF" }.to_owned();
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let shorten = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    let decimals = i32::try_from(digits).unwrap_or(i32::MAX).saturating_sub(1).saturating_sub(exponent);
    match usize::try_from(decimals) {
        Ok(decimals) if exponent >= -4 => shorten(&format!("{value:.decimals$}")),
        _ => format!("{}e{}{:02}", shorten(mantissa), if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

impl Kernel for TextCast {
    fn name(&self) -> &'static str {
        "Cast"
    }

    fn outline(&self, inputs: &[Outline]) -> TractResult<TVec<Outline>> {
        Ok(tvec!(Outline { datum: self.to, shape: outline(inputs, 0)?.shape.clone() }))
    }

    fn run(&self, inputs: &[&Tensor]) -> TractResult<TVec<Tensor>> {
        let from = input(inputs, 0)?;
        let text = String::datum_type();
        Ok(tvec!(match (from.datum_type() == text, self.to == text) {
            (true, true) => from.clone(),
            (true, false) => self.read(texts(from)?, from.shape())?,
            (false, _) => tensor(from.shape(), Self::write(from)?)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::general;

    #[test]
    fn numbers_as_text() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e10, "1e+10"),
            (123_456_789.0, "1.2345679e+08"),
            (0.000_012, "1.2e-05"),
            (0.000_123, "0.000123"),
            (f64::INFINITY, "INF"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(general(value, 8), text);
        }
    }
}
