//! Class labels: integers or strings, as a classifier node lists them.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::values::tensor;

/// The labels of a classifier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Labels {
    Ints(Vec<i64>),
    Strings(Vec<String>),
}

impl Labels {
    /// Reads `classlabels_strings` and `classlabels_<ints>`; strings win where both are given.
    pub(crate) fn read(attributes: Attributes<'_>, ints: &str) -> TractResult<Self> {
        let strings = attributes.strings("classlabels_strings")?;
        if !strings.is_empty() {
            return Ok(Self::Strings(strings));
        }
        let ints = attributes.ints(ints);
        ensure!(!ints.is_empty(), "has no class labels");
        Ok(Self::Ints(ints))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(labels) => labels.len(),
            Self::Strings(labels) => labels.len(),
        }
    }

    pub(crate) fn datum(&self) -> DatumType {
        match self {
            Self::Ints(_) => i64::datum_type(),
            Self::Strings(_) => String::datum_type(),
        }
    }

    /// One label a row, by the index of the class.
    pub(crate) fn tensor(&self, classes: &[usize]) -> TractResult<Tensor> {
        let missing = || format_err!("a class has no label");
        match self {
            Self::Ints(labels) => {
                let found: Option<Vec<i64>> = classes.iter().map(|class| labels.get(*class).copied()).collect();
                tensor(&[classes.len()], found.ok_or_else(missing)?)
            }
            Self::Strings(labels) => {
                let found: Option<Vec<String>> = classes.iter().map(|class| labels.get(*class).cloned()).collect();
                tensor(&[classes.len()], found.ok_or_else(missing)?)
            }
        }
    }
}
