"""Make the ONNX files the runtime is tested with, and what onnxruntime answers for them.

    pip install -r tests/python/requirements/train.txt
    python crates/runtime/tests/models/make.py [NAME ...]

Every `<name>.onnx` has a `<name>.json` beside it:

    {"model": "<name>.onnx", "about": "...", "ops": ["ai.onnx.ml:Scaler", ...],
     "inputs":  [{"name", "datatype", "shape", "data"}, ...],
     "outputs": [{"name", "datatype", "shape", "data"}, ...]}

`datatype` is the name the open inference protocol gives the type, `data` is flat, row by row.
Strings stand for BYTES. Floats are written so that they read back as the same value; JSON has no
word for NaN, so `null` stands for it. A model that answers with a sequence of maps, which no
protocol tensor can hold, has {"name", "sequence_of_maps": [[[key, value], ...], ...]} instead.
"""

import json
import math
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn import cluster, datasets, decomposition, ensemble, linear_model, naive_bayes
from sklearn import neighbors, neural_network, svm, tree
from sklearn import preprocessing as pre
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

warnings.filterwarnings("ignore")
HERE = Path(__file__).parent
OPSET = {"": 15, "ai.onnx.ml": 3}
OIP = {
    "tensor(float)": "FP32", "tensor(double)": "FP64", "tensor(float16)": "FP16",
    "tensor(int64)": "INT64", "tensor(int32)": "INT32", "tensor(int16)": "INT16",
    "tensor(int8)": "INT8", "tensor(uint8)": "UINT8", "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32", "tensor(uint64)": "UINT64", "tensor(bool)": "BOOL",
    "tensor(string)": "BYTES",
}
CASES = {}

# skl2onnx 1.20 hands numpy integers and booleans to onnx, which onnx 1.23 refuses.
_make_attribute = helper.make_attribute


def plain_attribute(key, value, *rest, **more):
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        value = [v.item() if isinstance(v, np.generic) else v for v in value]
        value = [int(v) if isinstance(v, bool) else v for v in value]
    return _make_attribute(key, value, *rest, **more)


helper.make_attribute = plain_attribute


def case(name):
    """Register a function that returns (model, inputs, about)."""
    def keep(build):
        CASES[name] = build
        return build
    return keep


# ---- writing ---------------------------------------------------------------------------------

def scalar(value, datatype):
    if datatype == "BYTES":
        return value.decode() if isinstance(value, bytes) else str(value)
    if datatype == "BOOL":
        return bool(value)
    if datatype.startswith("FP"):
        value = float(value)
        assert not math.isinf(value), "no word for infinity in these files"
        return None if math.isnan(value) else value
    return int(value)


def tensor(name, kind, array):
    array = np.asarray(array)
    datatype = OIP[kind]
    return {
        "name": name, "datatype": datatype, "shape": list(array.shape),
        "data": [scalar(v, datatype) for v in array.reshape(-1).tolist()],
    }


def result(name, kind, value):
    if kind.startswith("seq(map("):
        return {"name": name, "sequence_of_maps": [[[k, float(v)] for k, v in m.items()] for m in value]}
    return tensor(name, kind, value)


def ops(graph):
    found = set()
    for node in graph.node:
        found.add(f"{node.domain or 'ai.onnx'}:{node.op_type}")
        for a in node.attribute:
            if a.type == onnx.AttributeProto.GRAPH:
                found |= ops(a.g)
    return found


def write(name, model, inputs, about):
    path = HERE / f"{name}.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answers = session.run(None, inputs)
    record = {
        "model": path.name,
        "about": about,
        "ops": sorted(ops(onnx.load(path, load_external_data=False).graph)),
        "inputs": [tensor(i.name, i.type, inputs[i.name]) for i in session.get_inputs()],
        "outputs": [result(o.name, o.type, a) for o, a in zip(session.get_outputs(), answers)],
    }
    text = json.dumps(record, allow_nan=False).replace('}, {"name"', '},\n {"name"')
    text = text.replace(', "inputs"', ',\n "inputs"').replace(', "outputs"', ',\n "outputs"')
    (HERE / f"{name}.json").write_text(text + "\n")
    return path.stat().st_size, answers


# ---- fitted estimators -----------------------------------------------------------------------

def f32(d):
    return d.data.astype(np.float32), d.target


IRIS_X, IRIS_Y = f32(datasets.load_iris())
IRIS_NAMES = datasets.load_iris().target_names[IRIS_Y]
CANCER_X, CANCER_Y = f32(datasets.load_breast_cancer())
CANCER_NAMES = datasets.load_breast_cancer().target_names[CANCER_Y]
WINE_X, WINE_Y = f32(datasets.load_wine())
DIGITS_X, DIGITS_Y = f32(datasets.load_digits())
DIABETES_X, DIABETES_Y = f32(datasets.load_diabetes())


def some(x, n=5):
    """Rows from all over the data set."""
    return x[np.linspace(0, len(x) - 1, n).astype(int)]


def sk(name, model, x, y=None, about="", rows=None, options="auto", opset=OPSET):
    """Fit, export with the input named `features`, and check against scikit-learn itself."""
    def build():
        model.fit(x, y) if y is not None else model.fit(x)
        last = model.steps[-1][1] if hasattr(model, "steps") else model
        opts = {id(last): {"zipmap": False}} if options == "auto" and hasattr(last, "classes_") and hasattr(last, "predict") else (options if options != "auto" else None)
        onx = to_onnx(
            model, name=name, target_opset=opset, options=opts,
            initial_types=[("features", FloatTensorType([None, x.shape[1]]))],
        )
        feed = some(x) if rows is None else rows
        agrees_with_sklearn(onx, model, feed)
        return onx, {"features": feed}, about or type(last).__name__
    CASES[name] = build


def agrees_with_sklearn(onx, model, rows):
    answers = onnxruntime.InferenceSession(onx.SerializeToString()).run(None, {"features": rows})
    if not hasattr(model, "predict"):
        np.testing.assert_allclose(answers[0], model.transform(rows), rtol=1e-3, atol=1e-4)
        return
    said = model.predict(rows)
    if said.dtype.kind in "OUi":
        assert answers[0].reshape(-1).tolist() == said.reshape(-1).tolist(), "labels differ from scikit-learn's"
    else:
        np.testing.assert_allclose(answers[0].reshape(said.shape), said, rtol=1e-3, atol=1e-3)
    if hasattr(model, "predict_proba") and isinstance(answers[1], np.ndarray):
        np.testing.assert_allclose(answers[1], model.predict_proba(rows), rtol=1e-3, atol=1e-4)


LOGREG = dict(max_iter=2000)
sk("iris-logreg", make_pipeline(pre.StandardScaler(), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_NAMES, "StandardScaler, LogisticRegression, string labels")
sk("iris-logreg-int", linear_model.LogisticRegression(**LOGREG), IRIS_X, IRIS_Y, "LogisticRegression without a scaler, integer labels")
sk("cancer-logreg-binary", make_pipeline(pre.StandardScaler(), linear_model.LogisticRegression(**LOGREG)), CANCER_X, CANCER_NAMES, "binary LogisticRegression, string labels")
sk("robust-scaler", make_pipeline(pre.RobustScaler(), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y)
sk("minmax-scaler", make_pipeline(pre.MinMaxScaler(), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y)
sk("minmax-scaler-clip", make_pipeline(pre.MinMaxScaler(clip=True), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y, rows=np.concatenate([some(IRIS_X, 3), [[99, -99, 0, 50]]]).astype(np.float32))
sk("maxabs-scaler", make_pipeline(pre.MaxAbsScaler(), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y)
for norm in ("l1", "l2", "max"):
    sk(f"normalizer-{norm}", make_pipeline(pre.Normalizer(norm), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y)
sk("binarizer", make_pipeline(pre.Binarizer(threshold=2.0), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y)

HOLES = IRIS_X.copy()
HOLES[np.random.default_rng(0).random(HOLES.shape) < 0.15] = np.nan
HOLES_ROWS = np.concatenate([HOLES[np.isnan(HOLES).any(1)][:4], HOLES[~np.isnan(HOLES).any(1)][:2]])
sk("imputer-mean", make_pipeline(SimpleImputer(), linear_model.LogisticRegression(**LOGREG)), HOLES, IRIS_Y, "SimpleImputer over missing values (NaN)", rows=HOLES_ROWS)
sk("imputer-median-scaled", make_pipeline(SimpleImputer(strategy="median"), pre.StandardScaler(), linear_model.LogisticRegression(**LOGREG)), HOLES, IRIS_Y, rows=HOLES_ROWS)
sk("polynomial-ridge", make_pipeline(pre.PolynomialFeatures(2), linear_model.Ridge()), IRIS_X, IRIS_X[:, 0] * IRIS_X[:, 1])
sk("kbins", make_pipeline(pre.KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform"), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y)
sk("pca-logreg", make_pipeline(pre.StandardScaler(), decomposition.PCA(6, random_state=0), linear_model.LogisticRegression(**LOGREG)), WINE_X, WINE_Y, "StandardScaler, PCA, LogisticRegression")
sk("pca-only", decomposition.PCA(3, random_state=0), IRIS_X)

sk("tree-clf", tree.DecisionTreeClassifier(max_depth=5, random_state=0), IRIS_X, IRIS_Y)
sk("tree-reg", tree.DecisionTreeRegressor(max_depth=5, random_state=0), DIABETES_X, DIABETES_Y)
sk("forest-clf-int", ensemble.RandomForestClassifier(15, max_depth=5, random_state=0), IRIS_X, IRIS_Y)
sk("forest-clf-string", ensemble.RandomForestClassifier(15, max_depth=5, random_state=0), IRIS_X, IRIS_NAMES)
sk("forest-clf-binary-string", ensemble.RandomForestClassifier(15, max_depth=5, random_state=0), CANCER_X, CANCER_NAMES)
sk("forest-clf-odd-labels", ensemble.RandomForestClassifier(9, max_depth=4, random_state=0), IRIS_X, np.array([-7, 40, 2**40])[IRIS_Y], "integer labels that are not 0, 1, 2")
sk("forest-clf-scaled", make_pipeline(pre.StandardScaler(), ensemble.RandomForestClassifier(9, max_depth=4, random_state=0)), WINE_X, WINE_Y)
sk("forest-reg", ensemble.RandomForestRegressor(15, max_depth=5, random_state=0), DIABETES_X, DIABETES_Y)
sk("forest-reg-two-targets", ensemble.RandomForestRegressor(8, max_depth=4, random_state=0), DIABETES_X, np.stack([DIABETES_Y, DIABETES_Y ** 0.5], 1), "a regressor with two targets")
sk("extra-trees-clf", ensemble.ExtraTreesClassifier(15, max_depth=5, random_state=0), IRIS_X, IRIS_Y)
sk("extra-trees-reg", ensemble.ExtraTreesRegressor(15, max_depth=5, random_state=0), DIABETES_X, DIABETES_Y)
sk("boosting-clf-binary", ensemble.GradientBoostingClassifier(n_estimators=20, random_state=0), CANCER_X, CANCER_Y)
sk("boosting-clf-multi", ensemble.GradientBoostingClassifier(n_estimators=15, random_state=0), WINE_X, WINE_Y)
sk("boosting-reg", ensemble.GradientBoostingRegressor(n_estimators=20, random_state=0), DIABETES_X, DIABETES_Y)
sk("hist-boosting-clf-missing", ensemble.HistGradientBoostingClassifier(max_iter=12, max_depth=4), HOLES, IRIS_Y, "HistGradientBoosting that learnt where missing values go", rows=HOLES_ROWS)
sk("hist-boosting-clf-binary", ensemble.HistGradientBoostingClassifier(max_iter=15, max_depth=4), CANCER_X, CANCER_Y)
sk("hist-boosting-reg", ensemble.HistGradientBoostingRegressor(max_iter=15, max_depth=4), DIABETES_X, DIABETES_Y)
sk("adaboost-clf", ensemble.AdaBoostClassifier(n_estimators=6, random_state=0), IRIS_X, IRIS_Y)
sk("bagging-clf", ensemble.BaggingClassifier(n_estimators=4, random_state=0), IRIS_X, IRIS_Y)
sk("voting-clf", ensemble.VotingClassifier([("a", linear_model.LogisticRegression(**LOGREG)), ("b", tree.DecisionTreeClassifier(max_depth=3, random_state=0))], voting="soft", flatten_transform=False), IRIS_X, IRIS_Y)
sk("isolation-forest", ensemble.IsolationForest(n_estimators=8, max_samples=64, random_state=0), IRIS_X, options=None)
sk("digits-forest", ensemble.RandomForestClassifier(30, max_depth=8, random_state=0), DIGITS_X, DIGITS_Y, "30 trees over 64 pixels: the one to compare speed on")

sk("linear-svc", svm.LinearSVC(random_state=0, max_iter=20000), IRIS_X, IRIS_Y, options=None)
sk("svc-rbf-probability", make_pipeline(pre.StandardScaler(), svm.SVC(probability=True, random_state=0)), IRIS_X, IRIS_NAMES)
sk("svc-rbf-binary", make_pipeline(pre.StandardScaler(), svm.SVC(probability=True, random_state=0)), CANCER_X, CANCER_Y)
sk("svc-poly", svm.SVC(kernel="poly", degree=2), IRIS_X, IRIS_Y)
sk("svr", make_pipeline(pre.StandardScaler(), svm.SVR(C=10.0)), DIABETES_X[:200], DIABETES_Y[:200])
sk("linear-regression", linear_model.LinearRegression(), DIABETES_X, DIABETES_Y)
sk("ridge", linear_model.Ridge(), DIABETES_X, DIABETES_Y)
sk("elastic-net", make_pipeline(pre.StandardScaler(), linear_model.ElasticNet(alpha=0.1, random_state=0)), DIABETES_X, DIABETES_Y)
sk("sgd-clf", make_pipeline(pre.StandardScaler(), linear_model.SGDClassifier(loss="log_loss", random_state=0)), IRIS_X, IRIS_Y)
sk("poisson-reg", linear_model.PoissonRegressor(max_iter=500), DIABETES_X, DIABETES_Y)
sk("mlp-clf", make_pipeline(pre.StandardScaler(), neural_network.MLPClassifier((24,), max_iter=600, random_state=0)), WINE_X, WINE_Y)
sk("mlp-clf-binary-tanh", make_pipeline(pre.StandardScaler(), neural_network.MLPClassifier((16, 8), activation="tanh", max_iter=400, random_state=0)), CANCER_X, CANCER_NAMES)
sk("mlp-reg", make_pipeline(pre.StandardScaler(), neural_network.MLPRegressor(hidden_layer_sizes=(24,), max_iter=800, random_state=0)), DIABETES_X, DIABETES_Y / 100)
sk("kmeans", cluster.KMeans(3, n_init=3, random_state=0), IRIS_X)
sk("gaussian-nb", naive_bayes.GaussianNB(), IRIS_X, IRIS_Y)
sk("knn-clf", neighbors.KNeighborsClassifier(3), IRIS_X[::3], IRIS_Y[::3])
sk("knn-reg", neighbors.KNeighborsRegressor(3), DIABETES_X[::10], DIABETES_Y[::10])
sk("zipmap", make_pipeline(pre.StandardScaler(), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y, "probabilities as a sequence of maps, integer keys", options=None)
sk("zipmap-string", linear_model.LogisticRegression(**LOGREG), IRIS_X, IRIS_NAMES, "probabilities as a sequence of maps, string keys", options=None)
sk("opset-17-logreg", make_pipeline(pre.StandardScaler(), linear_model.LogisticRegression(**LOGREG)), IRIS_X, IRIS_Y, opset={"": 17, "ai.onnx.ml": 3})


# ---- several inputs, strings -----------------------------------------------------------------

def people():
    """A made-up table: town and pet decide, age and pay nudge."""
    r = np.random.default_rng(0)
    n = 300
    town = r.choice(["bern", "köln", "oslo"], n).astype(object)
    pet = r.choice(["cat", "dog", "none"], n).astype(object)
    age = r.integers(18, 90, n).astype(np.float32)
    pay = (r.normal(50, 12, n)).astype(np.float32)
    y = ((town == "oslo") * 2.0 + (pet == "cat") + age / 60 + pay / 80 + r.normal(0, 0.3, n)) > 2.7
    return town, pet, age, pay, np.where(y, "yes", "no")


TABLE_TYPES = [
    ("town", StringTensorType([None, 1])), ("pet", StringTensorType([None, 1])),
    ("age", FloatTensorType([None, 1])), ("pay", FloatTensorType([None, 1])),
]


def table(encoder, last):
    """A pipeline over two string columns and two numbers, by column number."""
    town, pet, age, pay, y = people()
    x = np.stack([town, pet, age.astype(object), pay.astype(object)], 1)
    model = make_pipeline(
        ColumnTransformer([("words", encoder, [0, 1]), ("numbers", pre.StandardScaler(), [2, 3])]), last
    ).fit(x, y)
    words = np.stack([town, pet], 1)[:6].copy()
    numbers = np.stack([age, pay], 1)[:6]
    return model, words, numbers, y


def mixed(name, encoder, last, about, unknown=False):
    def build():
        model, words, numbers, _ = table(encoder, last)
        if unknown:
            words[0, 0] = "atlantis"
        onx = to_onnx(
            model, name=name, target_opset=OPSET, options={id(last): {"zipmap": False}},
            initial_types=[("words", StringTensorType([None, 2])), ("numbers", FloatTensorType([None, 2]))],
        )
        return onx, {"words": words, "numbers": numbers}, about
    CASES[name] = build


mixed("columns-onehot", pre.OneHotEncoder(handle_unknown="ignore"), linear_model.LogisticRegression(**LOGREG), "two string columns one-hot, two numbers scaled; two graph inputs; a word never seen in training", unknown=True)
mixed("columns-onehot-forest", pre.OneHotEncoder(handle_unknown="ignore", sparse_output=False), ensemble.RandomForestClassifier(9, max_depth=4, random_state=0), "the same columns into a forest")
mixed("columns-ordinal", pre.OrdinalEncoder(), ensemble.RandomForestClassifier(9, max_depth=4, random_state=0), "OrdinalEncoder on strings")


@case("columns-four-inputs")
def _():
    town, pet, age, pay, y = people()
    cols = [0, 1], [2], [3]
    x = np.stack([town, pet, age.astype(object), pay.astype(object)], 1)
    last = linear_model.LogisticRegression(**LOGREG)
    model = make_pipeline(ColumnTransformer([
        ("words", pre.OneHotEncoder(handle_unknown="ignore"), cols[0]),
        ("age", pre.StandardScaler(), cols[1]), ("pay", pre.MinMaxScaler(), cols[2])]), last).fit(x, y)
    onx = to_onnx(model, name="columns-four-inputs", target_opset=OPSET, options={id(last): {"zipmap": False}}, initial_types=TABLE_TYPES)
    rows = slice(0, 6)
    return onx, {"town": town[rows, None], "pet": pet[rows, None], "age": age[rows, None], "pay": pay[rows, None]}, "every column a graph input of its own"


@case("onehot-int64")
def _():
    x = np.array([[0, 10], [1, 20], [2, 10], [1, 30], [0, 20], [2, 30]] * 5, np.int64)
    y = (x[:, 0] + x[:, 1] // 10) % 2
    last = linear_model.LogisticRegression(**LOGREG)
    model = make_pipeline(pre.OneHotEncoder(handle_unknown="ignore"), last).fit(x, y)
    onx = to_onnx(model, name="onehot-int64", target_opset=OPSET, options={id(last): {"zipmap": False}}, initial_types=[("codes", Int64TensorType([None, 2]))])
    return onx, {"codes": np.concatenate([x[:4], [[7, 10]]])}, "one-hot over integers, one of them unknown"


@case("label-encoder")
def _():
    towns = people()[0]
    model = pre.LabelEncoder().fit(towns)
    onx = to_onnx(model, name="label-encoder", target_opset=OPSET, initial_types=[("town", StringTensorType([None]))])
    return onx, {"town": towns[:6]}, "LabelEncoder, strings to integers"


# ---- XGBoost and LightGBM --------------------------------------------------------------------

def boosted(name, make, convert_from, x, y, about):
    def build():
        from onnxmltools.convert import convert_lightgbm, convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType as Float
        model = make().fit(x, y)
        types = [("features", Float([None, x.shape[1]]))]
        if convert_from == "xgboost":
            onx = convert_xgboost(model, name=name, initial_types=types, target_opset=15)
        else:
            onx = convert_lightgbm(model, name=name, initial_types=types, target_opset=15, zipmap=False)
        if "clf" in name:
            inputs = {"features": some(x)}
            session = onnxruntime.InferenceSession(onx.SerializeToString())
            np.testing.assert_allclose(session.run(None, inputs)[1], model.predict_proba(some(x)), atol=1e-4)
        return onx, {"features": some(x)}, about
    CASES[name] = build


def xgb(cls, **kw):
    def make():
        import xgboost
        return getattr(xgboost, cls)(n_estimators=12, max_depth=4, n_jobs=1, random_state=0, **kw)
    return make


def lgbm(cls, **kw):
    def make():
        import lightgbm
        return getattr(lightgbm, cls)(n_estimators=12, num_leaves=8, n_jobs=1, random_state=0, verbose=-1, **kw)
    return make


boosted("xgboost-clf-binary", xgb("XGBClassifier"), "xgboost", CANCER_X, CANCER_Y, "XGBoost binary classifier")
boosted("xgboost-clf-multi", xgb("XGBClassifier"), "xgboost", IRIS_X, IRIS_Y, "XGBoost classifier of three classes")
boosted("xgboost-reg", xgb("XGBRegressor"), "xgboost", DIABETES_X, DIABETES_Y, "XGBoost regressor")
boosted("lightgbm-clf-binary", lgbm("LGBMClassifier"), "lightgbm", CANCER_X, CANCER_Y, "LightGBM binary classifier")
boosted("lightgbm-clf-multi", lgbm("LGBMClassifier"), "lightgbm", IRIS_X, IRIS_Y, "LightGBM classifier of three classes")
boosted("lightgbm-reg", lgbm("LGBMRegressor"), "lightgbm", DIABETES_X, DIABETES_Y, "LightGBM regressor")


# ---- built by hand ---------------------------------------------------------------------------

def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(name, nodes, inputs, outputs, initializers=(), opset=15, ml=None, ir=8):
    opsets = [helper.make_opsetid("", opset)]
    if ml:
        opsets.append(helper.make_opsetid("ai.onnx.ml", ml))
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=opsets, producer_name="sluicegate-tests")
    model.ir_version = ir
    onnx.checker.check_model(model)
    return model


def const(array, name):
    return numpy_helper.from_array(np.asarray(array), name)


@case("types-identity")
def _():
    """One Identity for every type, with the extremes of the integers."""
    kinds = {
        "fp16": (TensorProto.FLOAT16, np.array([0, 1.5, -65504], np.float16)),
        "fp32": (TensorProto.FLOAT, np.array([1.1, np.nan, -3.4028235e38], np.float32)),
        "fp64": (TensorProto.DOUBLE, np.array([0.1, np.nan, 1.7976931348623157e308], np.float64)),
        "bool": (TensorProto.BOOL, np.array([True, False, True])),
    }
    for bits in (8, 16, 32, 64):
        for sign in ("int", "uint"):
            t = np.dtype(f"{sign}{bits}")
            i = np.iinfo(t)
            kinds[t.name] = (helper.np_dtype_to_tensor_dtype(t), np.array([i.min, 1, i.max], t))
    ins = [value(f"{n}_in", k, ["n"]) for n, (k, _) in kinds.items()]
    outs = [value(f"{n}_out", k, ["n"]) for n, (k, _) in kinds.items()]
    nodes = [helper.make_node("Identity", [f"{n}_in"], [f"{n}_out"]) for n in kinds]
    return model_of("types-identity", nodes, ins, outs), {f"{n}_in": a for n, (_, a) in kinds.items()}, "every numeric type in and out unchanged"


@case("string-identity")
def _():
    m = model_of("string-identity", [helper.make_node("Identity", ["text"], ["same"])],
                 [value("text", TensorProto.STRING, ["n", "m"])], [value("same", TensorProto.STRING, ["n", "m"])])
    return m, {"text": np.array([["", "plain"], ["grüße 🌍", "line\nbreak"], ["quote\"", "\u0001"]], object)}, "strings in and out unchanged"


@case("fp16-linear")
def _():
    r = np.random.default_rng(0)
    m = model_of("fp16-linear", [helper.make_node("MatMul", ["x", "w"], ["xw"]), helper.make_node("Add", ["xw", "b"], ["y"])],
                 [value("x", TensorProto.FLOAT16, ["n", 4])], [value("y", TensorProto.FLOAT16, ["n", 2])],
                 [const(r.normal(size=(4, 2)).astype(np.float16), "w"), const(np.array([0.5, -0.5], np.float16), "b")])
    return m, {"x": r.normal(size=(3, 4)).astype(np.float16)}, "half precision in and out"


@case("types-arithmetic")
def _():
    nodes = [
        helper.make_node("Cast", ["flag"], ["flag32"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["small"], ["small32"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["byte"], ["byte32"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["precise"], ["precise32"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["flag32", "small32"], ["a"]),
        helper.make_node("Add", ["byte32", "precise32"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Add", ["precise", "precise"], ["twice"]),
        helper.make_node("Not", ["flag"], ["not_flag"]),
    ]
    n = ["n"]
    m = model_of("types-arithmetic", nodes,
                 [value("flag", TensorProto.BOOL, n), value("small", TensorProto.INT8, n), value("byte", TensorProto.UINT8, n), value("precise", TensorProto.DOUBLE, n)],
                 [value("sum", TensorProto.FLOAT, n), value("twice", TensorProto.DOUBLE, n), value("not_flag", TensorProto.BOOL, n)])
    return m, {"flag": np.array([True, False, True]), "small": np.array([-128, 0, 127], np.int8), "byte": np.array([0, 128, 255], np.uint8), "precise": np.array([0.1, -2.5, 1e15])}, "BOOL, INT8, UINT8 and FP64 inputs"


@case("dense-int64")
def _():
    m = model_of("dense-int64", [helper.make_node("Mul", ["x", "two"], ["y"])],
                 [value("x", TensorProto.INT64, ["n", 2])], [value("y", TensorProto.INT64, ["n", 2])], [const(np.int64(2), "two")])
    return m, {"x": np.array([[1, -1], [2**53 + 1, -(2**53) - 1], [2**62 - 1, -(2**62)]], np.int64)}, "integers that a double cannot hold"


@case("scalar-and-empty")
def _():
    m = model_of("scalar-and-empty", [helper.make_node("Identity", ["x"], ["same"]), helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0)],
                 [value("x", TensorProto.FLOAT, ["n", 3])], [value("same", TensorProto.FLOAT, ["n", 3]), value("total", TensorProto.FLOAT, [])])
    return m, {"x": np.zeros((0, 3), np.float32)}, "a batch of none, and an output of rank 0"


@case("default-input")
def _():
    """An initializer that is also a graph input: optional, overridable."""
    m = model_of("default-input", [helper.make_node("Mul", ["x", "scale"], ["y"])],
                 [value("x", TensorProto.FLOAT, ["n"]), value("scale", TensorProto.FLOAT, [1])],
                 [value("y", TensorProto.FLOAT, ["n"])], [const(np.array([3.0], np.float32), "scale")])
    return m, {"x": np.array([1, 2, 4], np.float32)}, "an input with a default value need not be sent"


@case("conditional")
def _():
    then = helper.make_graph([helper.make_node("Add", ["x", "one"], ["t"])], "then", [], [value("t", TensorProto.FLOAT, ["n"])])
    other = helper.make_graph([helper.make_node("Sub", ["x", "one"], ["e"])], "else", [], [value("e", TensorProto.FLOAT, ["n"])])
    m = model_of("conditional", [helper.make_node("If", ["up"], ["y"], then_branch=then, else_branch=other)],
                 [value("up", TensorProto.BOOL, []), value("x", TensorProto.FLOAT, ["n"])], [value("y", TensorProto.FLOAT, ["n"])], [const(np.float32(1), "one")])
    return m, {"up": np.array(True), "x": np.array([1, 2, 3], np.float32)}, "If with a scalar condition"


def below(threshold):
    """The largest float32 that is not above: `x <= threshold` keeps its meaning."""
    near = np.float32(threshold)
    return float(near if near <= threshold else np.nextafter(near, np.float32(-np.inf)))


def tree5(name, model, x, n_targets, aggregate, member=False):
    """A scikit-learn tree or forest as the TreeEnsemble of ai.onnx.ml 5."""
    roots, feature, split, yes, no, yes_leaf, no_leaf, target, weight = ([] for _ in range(9))
    trees = [e.tree_ for e in getattr(model, "estimators_", [model])]

    def leaf(t, i):
        target.append(0)
        weight.append(float(t.value[i].reshape(-1)[0]))
        return len(target) - 1

    def node(t, i):
        at = len(feature)
        for column, v in ((feature, int(t.feature[i])), (split, below(t.threshold[i])), (yes, 0), (no, 0), (yes_leaf, 0), (no_leaf, 0)):
            column.append(v)
        for child, to, is_leaf in ((t.children_left[i], yes, yes_leaf), (t.children_right[i], no, no_leaf)):
            end = t.children_left[child] < 0
            is_leaf[at] = int(end)
            to[at] = leaf(t, child) if end else node(t, child)
        return at

    for t in trees:
        roots.append(node(t, 0))
    n = len(feature)
    made = helper.make_node(
        "TreeEnsemble", ["features"], ["scores"], domain="ai.onnx.ml",
        tree_roots=roots, n_targets=n_targets, aggregate_function=aggregate, post_transform=0,
        nodes_featureids=feature, nodes_truenodeids=yes, nodes_falsenodeids=no,
        nodes_trueleafs=yes_leaf, nodes_falseleafs=no_leaf, leaf_targetids=target,
        nodes_splits=helper.make_tensor("splits", TensorProto.FLOAT, [n], split),
        nodes_modes=helper.make_tensor("modes", TensorProto.UINT8, [n], [0] * n),
        leaf_weights=helper.make_tensor("weights", TensorProto.FLOAT, [len(weight)], weight),
    )
    return model_of(name, [made], [value("features", TensorProto.FLOAT, ["batch", x.shape[1]])],
                    [value("scores", TensorProto.FLOAT, ["batch", n_targets])], opset=17, ml=5, ir=10)


@case("tree-ensemble-5")
def _():
    forest = ensemble.RandomForestRegressor(10, max_depth=5, random_state=0).fit(DIABETES_X, DIABETES_Y)
    m = tree5("tree-ensemble-5", forest, DIABETES_X, 1, 0)
    session = onnxruntime.InferenceSession(m.SerializeToString())
    got = session.run(None, {"features": DIABETES_X})[0][:, 0]
    np.testing.assert_allclose(got, forest.predict(DIABETES_X), rtol=1e-4)
    return m, {"features": some(DIABETES_X)}, "TreeEnsemble of ai.onnx.ml 5, the average of ten trees"


@case("tree-ensemble-5-modes")
def _():
    """Two trees by hand: <= then set membership; > then ==. Sum of both."""
    made = helper.make_node(
        "TreeEnsemble", ["features"], ["scores"], domain="ai.onnx.ml",
        tree_roots=[0, 2], n_targets=2, aggregate_function=1, post_transform=0,
        nodes_featureids=[0, 1, 0, 1], nodes_truenodeids=[1, 1, 3, 4], nodes_falsenodeids=[0, 2, 3, 5],
        nodes_trueleafs=[0, 1, 0, 1], nodes_falseleafs=[1, 1, 1, 1],
        leaf_targetids=[0, 1, 0, 1, 0, 1],
        nodes_splits=helper.make_tensor("s", TensorProto.FLOAT, [4], [0.5, 0.0, 0.25, 7.0]),
        nodes_modes=helper.make_tensor("m", TensorProto.UINT8, [4], [0, 6, 3, 4]),
        membership_values=helper.make_tensor("v", TensorProto.FLOAT, [3], [3.0, 7.0, np.nan]),
        leaf_weights=helper.make_tensor("w", TensorProto.FLOAT, [6], [1, 10, 100, 1000, 0.25, 0.5]),
    )
    m = model_of("tree-ensemble-5-modes", [made], [value("features", TensorProto.FLOAT, ["batch", 2])],
                 [value("scores", TensorProto.FLOAT, ["batch", 2])], opset=17, ml=5, ir=10)
    return m, {"features": np.array([[0.1, 3], [0.4, 7], [0.4, 5], [0.9, 7], [0.9, 3]], np.float32)}, "TreeEnsemble 5 with BRANCH_LEQ, BRANCH_MEMBER, BRANCH_GT and BRANCH_EQ"


# ---- a convolutional network, trained here ---------------------------------------------------

def patches(x):
    """3x3 neighbourhoods with a border of zeros: [n, c, h, w] -> [n, h, w, c*9]."""
    n, c, h, w = x.shape
    p = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.stack([p[:, :, i:i + h, j:j + w] for i in range(3) for j in range(3)], 2).reshape(n, c * 9, h, w).transpose(0, 2, 3, 1)


def unpatch(g, c):
    n, h, w, _ = g.shape
    g = g.transpose(0, 3, 1, 2).reshape(n, c, 9, h, w)
    p = np.zeros((n, c, h + 2, w + 2), g.dtype)
    for k in range(9):
        p[:, :, k // 3:k // 3 + h, k % 3:k % 3 + w] += g[:, :, k]
    return p[:, :, 1:-1, 1:-1]


def pool(x):
    n, c, h, w = x.shape
    blocks = x.reshape(n, c, h // 2, 2, w // 2, 2)
    top = blocks.max((3, 5))
    won = blocks == top[:, :, :, None, :, None]
    return top, won


def train_cnn(x, y, epochs=25):
    """conv 8, pool, conv 16, pool, dense: plain numpy and Adam."""
    r = np.random.default_rng(0)
    p = [r.normal(0, (2 / 9) ** .5, (9, 8)), np.zeros(8), r.normal(0, (2 / 72) ** .5, (72, 16)), np.zeros(16), r.normal(0, (1 / 64) ** .5, (64, 10)), np.zeros(10)]
    m, v, step = [np.zeros_like(a) for a in p], [np.zeros_like(a) for a in p], 0
    for _ in range(epochs):
        for at in np.array_split(r.permutation(len(x)), len(x) // 32):
            b = x[at]
            c1 = patches(b)
            z1 = (c1 @ p[0] + p[1]).transpose(0, 3, 1, 2)
            a1, won1 = pool(np.maximum(z1, 0))
            c2 = patches(a1)
            z2 = (c2 @ p[2] + p[3]).transpose(0, 3, 1, 2)
            a2, won2 = pool(np.maximum(z2, 0))
            f = a2.reshape(len(b), 64)
            s = f @ p[4] + p[5]
            e = np.exp(s - s.max(1, keepdims=True))
            d = e / e.sum(1, keepdims=True)
            d[np.arange(len(b)), y[at]] -= 1
            d /= len(b)
            g4, g5 = f.T @ d, d.sum(0)
            d2 = ((d @ p[4].T).reshape(a2.shape)[:, :, :, None, :, None] * won2).reshape(z2.shape) * (z2 > 0)
            d2 = d2.transpose(0, 2, 3, 1)
            g2, g3 = np.tensordot(c2, d2, ((0, 1, 2), (0, 1, 2))), d2.sum((0, 1, 2))
            d1 = (unpatch(d2 @ p[2].T, 8)[:, :, :, None, :, None] * won1).reshape(z1.shape) * (z1 > 0)
            d1 = d1.transpose(0, 2, 3, 1)
            g0, g1 = np.tensordot(c1, d1, ((0, 1, 2), (0, 1, 2))), d1.sum((0, 1, 2))
            step += 1
            for i, g in enumerate((g0, g1, g2, g3, g4, g5)):
                m[i] = .9 * m[i] + .1 * g
                v[i] = .999 * v[i] + .001 * g * g
                p[i] = p[i] - .004 * (m[i] / (1 - .9 ** step)) / ((v[i] / (1 - .999 ** step)) ** .5 + 1e-8)
    return [a.astype(np.float32) for a in p]


@case("digits-cnn")
def _():
    x, y = (DIGITS_X / 16).reshape(-1, 1, 8, 8), DIGITS_Y
    held = np.arange(len(x)) % 4 == 3
    w = train_cnn(x[~held].astype(np.float64), y[~held])
    # patches() orders a column as channel, then row, then column of the kernel; so does Conv.
    nodes = [
        helper.make_node("Conv", ["image", "k1", "b1"], ["c1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p1", "k2", "b2"], ["c2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("MaxPool", ["r2"], ["p2"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p2"], ["flat"]),
        helper.make_node("Gemm", ["flat", "k3", "b3"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    weights = [const(w[0].T.reshape(8, 1, 3, 3), "k1"), const(w[1], "b1"), const(w[2].T.reshape(16, 8, 3, 3), "k2"), const(w[3], "b2"), const(w[4], "k3"), const(w[5], "b3")]
    m = model_of("digits-cnn", nodes, [value("image", TensorProto.FLOAT, ["batch", 1, 8, 8])], [value("probabilities", TensorProto.FLOAT, ["batch", 10])], weights)
    session = onnxruntime.InferenceSession(m.SerializeToString())
    accuracy = np.mean(session.run(None, {"image": x[held]})[0].argmax(1) == y[held])
    assert accuracy > 0.95, accuracy
    return m, {"image": x[held][:4]}, f"convolutional network on 8x8 digits, accuracy {accuracy:.3f} on {held.sum()} held-out images"


# ---- weights in a file of their own ----------------------------------------------------------

def external(tensor_proto, location, offset=None, length=None):
    """Move a tensor's bytes out of the model; returns them."""
    raw = tensor_proto.raw_data
    tensor_proto.ClearField("raw_data")
    tensor_proto.data_location = TensorProto.EXTERNAL
    for key, v in (("location", location), ("offset", offset), ("length", len(raw) if length is None else length)):
        if v is not None:
            tensor_proto.external_data.add(key=key, value=str(v))
    return raw


def linear_with_weights(location, **where):
    r = np.random.default_rng(0)
    m = model_of("external", [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
                 [value("x", TensorProto.FLOAT, ["n", 4])], [value("y", TensorProto.FLOAT, ["n", 3])],
                 [const(r.normal(size=(4, 3)).astype(np.float32), "w"), const(r.normal(size=3).astype(np.float32), "b")])
    w, b = m.graph.initializer
    blob = external(w, location, **where)
    blob += external(b, location, offset=len(blob))
    return m, blob


@case("external-weights")
def _():
    m, blob = linear_with_weights("external-weights.weights", offset=0)
    (HERE / "external-weights.weights").write_bytes(blob)
    return m.SerializeToString(), {"x": np.arange(8, dtype=np.float32).reshape(2, 4)}, "the weights stand in external-weights.weights"


# ---- files that mean harm --------------------------------------------------------------------

HOSTILE = {}


def hostile(name, about):
    def keep(build):
        HOSTILE[name] = (build, about)
        return build
    return keep


def loose(name, nodes, inputs, outputs, initializers=(), opset=15, ml=None):
    """model_of without the checker, which these would not pass."""
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid("ai.onnx.ml", ml)] if ml else [])
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    m = helper.make_model(graph, opset_imports=opsets, producer_name="sluicegate-tests")
    m.ir_version = 8
    return m


X = [value("x", TensorProto.FLOAT, ["n"])]
Y = [value("y", TensorProto.FLOAT, ["n"])]
ANY = [value("y", TensorProto.FLOAT, None)]

for _name, _location, _why in (
    ("external-parent", "../secret", "external data one folder up"),
    ("external-deep-parent", "weights/../../secret", "external data that climbs out through a folder"),
    ("external-absolute", "/etc/hostname", "external data at an absolute path"),
    ("external-backslash", "..\\secret", "external data one folder up, written the Windows way"),
    ("external-url", "http://127.0.0.1:1/secret", "external data at a URL"),
    ("external-empty", "", "external data with an empty location"),
    ("external-missing", "not-there.weights", "external data in a file that does not exist"),
    ("external-symlink", "link.weights", "external data in `link.weights`, which a test makes a symbolic link"),
    ("external-self", "external-self.onnx", "external data in the model file itself"),
    ("external-device", "../../../../../../../../dev/zero", "external data in an endless device"),
):
    hostile(_name, _why)(lambda location=_location: linear_with_weights(location, offset=0)[0])


@hostile("external-past-end", "external data whose offset and length run past the end of the file")
def _():
    return linear_with_weights("external-weights.weights", offset=2**40, length=2**50)[0]


@hostile("external-negative", "external data with a negative offset and length")
def _():
    return linear_with_weights("external-weights.weights", offset=-8, length=-1)[0]


@hostile("truncated", "the first two thirds of a good model")
def _():
    blob = (HERE / "forest-clf-int.onnx").read_bytes()
    return blob[: len(blob) * 2 // 3]


@hostile("random", "4096 random bytes")
def _():
    return np.random.default_rng(0).bytes(4096)


@hostile("empty", "no bytes at all")
def _():
    return b""


@hostile("text", "a page of HTML, as a proxy would answer in place of the file")
def _():
    return b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n"


@hostile("bit-flips", "a good model with one bit in every 97 bytes turned over")
def _():
    blob = bytearray((HERE / "iris-logreg.onnx").read_bytes())
    for i in range(5, len(blob), 97):
        blob[i] ^= 1 << (i % 8)
    return bytes(blob)


@hostile("no-graph", "a model without a graph")
def _():
    m = onnx.ModelProto(ir_version=8)
    m.opset_import.append(helper.make_opsetid("", 15))
    return m


def bad_initializer(dims, raw=b""):
    m = loose("bad", [helper.make_node("Add", ["x", "w"], ["y"])], X, ANY)
    m.graph.initializer.append(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=raw))
    return m


hostile("huge-initializer", "an initializer that claims 2^40 floats and brings none")(lambda: bad_initializer([2**40]))
hostile("overflow-initializer", "an initializer whose dimensions multiply to more than 64 bits")(lambda: bad_initializer([2**33, 2**33, 4]))
hostile("negative-initializer", "an initializer with a dimension of -1")(lambda: bad_initializer([-1]))
hostile("short-initializer", "an initializer of 100 floats with the bytes of one")(lambda: bad_initializer([100], b"\0\0\0\0"))
hostile("unknown-type-initializer", "an initializer of a type number that does not exist")(
    lambda: (lambda m: (m.graph.initializer[0].__setattr__("data_type", 99), m)[1])(bad_initializer([1], b"\0\0\0\0")))


@hostile("bomb-constant", "64 GB of zeros asked for by a constant shape: at load by a constant folder, else at the first run")
def _():
    return loose("bomb", [helper.make_node("ConstantOfShape", ["shape"], ["y"])], [], ANY, [const(np.array([2**34], np.int64), "shape")])


@hostile("bomb-input", "ConstantOfShape over an input: a request for [17179869184] asks for 64 GB")
def _():
    return loose("bomb", [helper.make_node("ConstantOfShape", ["shape"], ["y"])], [value("shape", TensorProto.INT64, ["rank"])], ANY)


@hostile("bomb-expand", "one float of the request expanded to 64 GB")
def _():
    return loose("bomb", [helper.make_node("Expand", ["x", "shape"], ["y"])], [value("x", TensorProto.FLOAT, [1])], ANY, [const(np.array([2**34], np.int64), "shape")])


@hostile("bomb-doubling", "40 Concat nodes, each doubling the input: 2^40 times the request")
def _():
    nodes = [helper.make_node("Concat", [f"d{i}"] * 2, [f"d{i + 1}"], axis=0) for i in range(40)]
    nodes[0].input[:] = ["x", "x"]
    nodes[-1].output[:] = ["y"]
    return loose("bomb", nodes, X, ANY)


@hostile("bomb-range", "Range up to 2^40 from a constant limit")
def _():
    return loose("bomb", [helper.make_node("Range", ["zero", "limit", "one"], ["y"])], [], [value("y", TensorProto.INT64, None)],
                 [const(np.int64(0), "zero"), const(np.int64(2**40), "limit"), const(np.int64(1), "one")])


@hostile("endless-loop", "a Loop with no end: loads, and never answers")
def _():
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["acc", "acc"], ["acc_out"])], "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("acc", TensorProto.FLOAT, ["n"])],
        [value("go_on", TensorProto.BOOL, []), value("acc_out", TensorProto.FLOAT, ["n"])])
    return loose("loop", [helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)], X, Y, [const(np.bool_(True), "true")])


@hostile("cycle", "two nodes that wait for each other")
def _():
    return loose("cycle", [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Add", ["x", "a"], ["b"]), helper.make_node("Identity", ["b"], ["y"])], X, Y)


@hostile("dangling", "a node that reads a value nobody makes")
def _():
    return loose("dangling", [helper.make_node("Add", ["x", "nowhere"], ["y"])], X, Y)


@hostile("unmade-output", "a graph output nobody makes")
def _():
    return loose("unmade", [helper.make_node("Identity", ["x"], ["z"])], X, Y)


@hostile("unknown-op", "an operator that does not exist")
def _():
    return loose("unknown", [helper.make_node("Frobnicate", ["x"], ["y"])], X, Y)


@hostile("unknown-domain", "an operator of a domain nobody knows")
def _():
    m = loose("unknown", [helper.make_node("Thing", ["x"], ["y"], domain="com.example")], X, Y)
    m.opset_import.append(helper.make_opsetid("com.example", 1))
    return m


@hostile("future-opset", "operator set 9999")
def _():
    return loose("future", [helper.make_node("Identity", ["x"], ["y"])], X, Y, opset=9999)


@hostile("wrong-types", "a string fed to an addition of floats")
def _():
    return loose("types", [helper.make_node("Add", ["x", "s"], ["y"])], X + [value("s", TensorProto.STRING, ["n"])], Y)


@hostile("gather-out-of-range", "loads, and reads index 1000000 of the input at run time")
def _():
    return loose("gather", [helper.make_node("Gather", ["x", "at"], ["y"])], X, ANY, [const(np.array([10**6], np.int64), "at")])


@hostile("many-dims", "an input of 5000 dimensions")
def _():
    return loose("dims", [helper.make_node("Identity", ["x"], ["y"])], [value("x", TensorProto.FLOAT, [1] * 5000)], ANY)


def bad_tree(**change):
    a = dict(
        nodes_treeids=[0, 0, 0], nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_values=[0.5, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0], target_weights=[1.0, 2.0], n_targets=1)
    a.update(change)
    return loose("tree", [helper.make_node("TreeEnsembleRegressor", ["features"], ["y"], domain="ai.onnx.ml", **a)],
                 [value("features", TensorProto.FLOAT, ["n", 2])], [value("y", TensorProto.FLOAT, ["n", 1])], ml=3)


hostile("tree-cycle", "a tree whose branch leads back to itself")(lambda: bad_tree(nodes_modes=["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0]))
hostile("tree-self-cycle", "a tree whose root is its own child")(lambda: bad_tree(nodes_truenodeids=[0, 0, 0], nodes_falsenodeids=[0, 0, 0]))
hostile("tree-missing-child", "a tree whose branch leads to a node that is not there")(lambda: bad_tree(nodes_truenodeids=[77, 0, 0]))
hostile("tree-feature-out-of-range", "a tree that reads feature 1000000 of two")(lambda: bad_tree(nodes_featureids=[10**6, 0, 0]))
hostile("tree-negative-feature", "a tree that reads feature -1")(lambda: bad_tree(nodes_featureids=[-1, 0, 0]))
hostile("tree-target-out-of-range", "a leaf that votes for target 1000000 of one")(lambda: bad_tree(target_ids=[10**6, 0]))
hostile("tree-huge-targets", "a tree that claims 2^40 targets")(lambda: bad_tree(n_targets=2**40))
hostile("tree-uneven", "a tree whose attribute lists differ in length")(lambda: bad_tree(nodes_values=[0.5]))
hostile("tree-unknown-mode", "a tree with a branch mode that does not exist")(lambda: bad_tree(nodes_modes=["BRANCH_MAYBE", "LEAF", "LEAF"]))


@hostile("scaler-uneven", "a Scaler with three offsets for two features")
def _():
    return loose("scaler", [helper.make_node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", offset=[1.0, 2.0, 3.0], scale=[1.0, 2.0])],
                 [value("x", TensorProto.FLOAT, ["n", 2])], [value("y", TensorProto.FLOAT, ["n", 2])], ml=3)


@hostile("linear-uneven", "a LinearClassifier with too few coefficients")
def _():
    return loose("linear", [helper.make_node("LinearClassifier", ["x"], ["l", "y"], domain="ai.onnx.ml", coefficients=[1.0], intercepts=[0.0] * 3, classlabels_ints=[0, 1, 2])],
                 [value("x", TensorProto.FLOAT, ["n", 2])], [value("l", TensorProto.INT64, ["n"]), value("y", TensorProto.FLOAT, ["n", 3])], ml=3)


def field(number, body):
    """A length-delimited protobuf field."""
    out = bytes([number << 3 | 2])
    n = len(body)
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n]) + body


def nested(levels):
    """`If` inside `If`, written as bytes: protobuf libraries refuse to write it this deep."""
    cond, leaf_out = b"c", b"o"
    tail = field(12, field(1, leaf_out))  # graph.output
    graph = field(1, field(1, cond) + field(2, leaf_out) + field(4, b"Identity")) + field(2, b"g") + tail
    for _ in range(levels):
        def attr(name, g):
            return field(5, field(1, name) + field(6, g) + bytes([20 << 3 & 127 | 128, 1, 5]))
        # the other branch is small, so the file grows with the depth and no faster
        other = field(1, field(1, cond) + field(2, leaf_out) + field(4, b"Identity")) + field(2, b"g") + tail
        node = field(1, cond) + field(2, leaf_out) + field(4, b"If") + attr(b"then_branch", graph) + attr(b"else_branch", other)
        graph = field(1, node) + field(2, b"g") + tail
    graph += field(11, value("c", TensorProto.BOOL, []).SerializeToString())
    return b"\x08\x08" + field(7, graph) + field(8, b"\x0a\x00\x10\x0f")


hostile("nested-25", "25 If nodes inside one another")(lambda: nested(25))
hostile("nested-500", "500 If nodes inside one another: the parser's recursion")(lambda: nested(500))


@hostile("long-chain", "1500 nodes in a row: a recursive optimiser's stack")
def _():
    nodes = [helper.make_node("Neg", [f"v{i}"], [f"v{i + 1}"]) for i in range(1500)]
    nodes[0].input[:] = ["x"]
    nodes[-1].output[:] = ["y"]
    return loose("chain", nodes, X, Y)


def make_hostile():
    out = HERE / "hostile"
    out.mkdir(exist_ok=True)
    lines = ["# Files that mean harm", "", "Made by `../make.py`. None may crash, hang or exhaust the process that loads or runs it; what each is:", ""]
    for name, (build, about) in HOSTILE.items():
        made = build()
        blob = made if isinstance(made, bytes) else made.SerializeToString(deterministic=True)
        (out / f"{name}.onnx").write_bytes(blob)
        lines.append(f"- `{name}.onnx`: {about}")
    _, blob = linear_with_weights("external-weights.weights", offset=0)
    (out / "external-weights.weights").write_bytes(blob)
    lines.append("- `external-weights.weights`: the honest weights that `external-past-end` and `external-negative` misread")
    (out / "README.md").write_text("\n".join(lines) + "\n")


def main():
    if os.environ.get("PYTHONHASHSEED") != "0":  # the exporters write sets in hash order
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    only = sys.argv[1:]
    total, failed, seen = 0, [], set()
    for name, build in CASES.items():
        if only and name not in only:
            continue
        try:
            size, _ = write(name, *build())
        except Exception as e:  # noqa: BLE001 - report them all, then fail
            failed.append(name)
            (HERE / f"{name}.onnx").unlink(missing_ok=True)
            print(f"{name}: FAILED {type(e).__name__}: {str(e)[:300]}")
            continue
        total += size
        seen |= set(json.loads((HERE / f"{name}.json").read_text())["ops"])
        print(f"{name}: {size}")
    if not only:
        make_hostile()
    print(f"{total} bytes; operators: {' '.join(sorted(seen))}")
    sys.exit(f"failed: {failed}" if failed else 0)


if __name__ == "__main__":
    main()
