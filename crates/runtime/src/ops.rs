//! Our own operators for tract: all of `ai.onnx.ml` that tabular models use, and those of `ai.onnx` that tract lacks
//! or computes otherwise than the specification says. This room must not know requests, files or threads.

mod attributes;
mod cast;
mod coupling;
mod encode;
pub(crate) mod integer_sum;
pub(crate) mod kernel;
mod label_encoder;
mod labels;
mod linear;
mod scale;
mod scores;
mod svm;
mod tree;
mod values;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// Makes an operator of a node.
pub(crate) type Builder = fn(&ParsingContext, &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// Every operator of ours, by its ONNX name. The pre-check reads this list to know what can be loaded.
pub(crate) const OURS: &[(&str, Builder)] = &[
    ("ArrayFeatureExtractor", encode::extractor),
    ("Binarizer", scale::binarizer),
    ("Cast", cast::cast),
    ("FeatureVectorizer", encode::vectorizer),
    ("Imputer", scale::imputer),
    ("LabelEncoder", label_encoder::label_encoder),
    ("LinearClassifier", linear::classifier),
    ("LinearRegressor", linear::regressor),
    ("Normalizer", scale::normalizer),
    ("OneHotEncoder", encode::one_hot),
    ("SVMClassifier", svm::classifier),
    ("SVMRegressor", svm::regressor),
    ("Scaler", scale::scaler),
    ("TreeEnsemble", tree::vote::ensemble),
    ("TreeEnsembleClassifier", tree::vote::classifier),
    ("TreeEnsembleRegressor", tree::vote::regressor),
    ("ZipMap", encode::zip_map),
];

/// Puts our operators into tract's table, over those of the same name.
pub(crate) fn register(table: &mut OnnxOpRegister) {
    for (name, builder) in OURS {
        table.insert(name, *builder);
    }
}
