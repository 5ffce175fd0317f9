"""Make one small ONNX file for each corner of an operator, and what onnxruntime answers for it.

    pip install -r tests/python/requirements/train.txt
    python crates/runtime/tests/operators/make.py

All go into one file, `operators.jsonl`: one case a line, in the form that ../models/make.py describes, with
the model itself in hexadecimal. Here stands what real exports seldom show: the conventions for two classes,
every branch mode, every type of label encoder, casts to and from text.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
import make  # noqa: E402

KINDS = {
    np.dtype("float32"): TensorProto.FLOAT, np.dtype("float64"): TensorProto.DOUBLE,
    np.dtype("int64"): TensorProto.INT64, np.dtype("int32"): TensorProto.INT32,
    np.dtype("bool"): TensorProto.BOOL, np.dtype("O"): TensorProto.STRING, np.dtype("int8"): TensorProto.INT8,
    np.dtype("float16"): TensorProto.FLOAT16, np.dtype("uint8"): TensorProto.UINT8,
}
F, I, S, D = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.DOUBLE
CASES = []


def f(*rows):
    return np.array(rows, np.float32)


def s(*rows):
    return np.array(rows, object)


def one(name, op, inputs, outputs, domain="ai.onnx.ml", ml=3, opset=15, constants=(), **attributes):
    """A graph of one node. `inputs` by name; the first dimension stays open. `outputs`: kinds."""
    names = [f"y{i}" for i in range(len(outputs))]
    node = helper.make_node(op, [*inputs, *[c.name for c in constants]], names, domain=domain, **attributes)
    infos = [
        helper.make_tensor_value_info(k, KINDS[v.dtype], ["n", *v.shape[1:]] if v.ndim else [])
        for k, v in inputs.items()
    ]
    outs = [helper.make_tensor_value_info(n, kind, None) for n, kind in zip(names, outputs)]
    graph = helper.make_graph([node], "one", infos, outs, list(constants))
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    CASES.append({
        "name": name,
        "model": model.hex(),
        "inputs": [make.tensor(i.name, i.type, inputs[i.name]) for i in session.get_inputs()],
        "outputs": [make.result(o.name, o.type, a) for o, a in zip(session.get_outputs(), session.run(None, inputs))],
    })


def stump(prefix, weights, ids, nodes=(1, 2), **more):
    """One branch on feature 0 at 0, two leaves."""
    return {
        "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
        "nodes_values": [0.0, 0.0, 0.0], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
        f"{prefix}_treeids": [0] * len(weights), f"{prefix}_nodeids": list(nodes), f"{prefix}_ids": ids,
        f"{prefix}_weights": weights, **more,
    }


X = {"x": f([-1], [1], [0.5])}
POSTS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]


def trees():
    for post in POSTS:
        for base_name, base in [("", {}), ("-base1", {"base_values": [0.25]}), ("-base2", {"base_values": [0.1, 0.2]})]:
            for kind, weights, ids, nodes in [
                ("both", [0.7, 0.3, 0.2, 0.8], [0, 1, 0, 1], (1, 1, 2, 2)),
                ("first", [0.7, 0.3], [0, 0], (1, 2)),
                ("first-signed", [0.7, -0.3], [0, 0], (1, 2)),
                ("second", [0.7, 0.3], [1, 1], (1, 2)),
                ("second-signed", [0.7, -0.3], [1, 1], (1, 2)),
            ]:
                name = f"tree-binary-{kind}-{post.lower().replace('_', '-')}{base_name}"
                one(name, "TreeEnsembleClassifier", X, [I, F], post_transform=post, classlabels_int64s=[5, 9],
                    **stump("class", weights, ids, nodes), **base)
        one(f"tree-three-{post.lower().replace('_', '-')}", "TreeEnsembleClassifier", X, [S, F], post_transform=post,
            classlabels_strings=["a", "b", "c"], **stump("class", [-0.7, -0.3, -0.2, -0.8], [0, 1, 1, 2], (1, 1, 2, 2)))
    one("tree-binary-both-strings", "TreeEnsembleClassifier", X, [S, F], classlabels_strings=["a", "b"],
        **stump("class", [0.7, 0.3, 0.2, 0.8], [0, 1, 0, 1], (1, 1, 2, 2)))
    for aggregate in ["SUM", "AVERAGE", "MIN", "MAX"]:
        for post in ["NONE", "LOGISTIC", "SOFTMAX"]:
            for targets, weights, ids, nodes, base in [
                (1, [0.7, -0.3], [0, 0], (1, 2), [0.5]), (2, [0.7, 0.3, 0.2, -0.8], [0, 1, 0, 1], (1, 1, 2, 2), [0.1, 0.2]),
            ]:
                one(f"tree-regressor-{aggregate.lower()}-{post.lower()}-{targets}", "TreeEnsembleRegressor", X, [F],
                    n_targets=targets, aggregate_function=aggregate, post_transform=post, base_values=base,
                    **stump("target", weights, ids, nodes))
    for mode in ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"]:
        for tracks in [0, 1]:
            tree = stump("target", [1.0, 2.0], [0, 0])
            tree["nodes_modes"] = [f"BRANCH_{mode}", "LEAF", "LEAF"]
            one(f"tree-mode-{mode.lower()}-{tracks}", "TreeEnsembleRegressor", {"x": f([-1], [0], [1], [np.nan])}, [F],
                n_targets=1, nodes_missing_value_tracks_true=[tracks, 0, 0], **tree)
    for kind in [np.float64, np.int64, np.int32]:
        name = np.dtype(kind).name
        rows = np.array([[-1], [0], [3]], kind)
        one(f"tree-classifier-{name}", "TreeEnsembleClassifier", {"x": rows}, [I, F], classlabels_int64s=[5, 9, 11],
            **stump("class", [0.7, 0.3, 0.2], [0, 1, 2], (1, 2, 2)))
    fine = stump("target", [], [])
    for key in ["nodes_values", "target_weights"]:
        del fine[key]
    fine.update(
        target_treeids=[0, 0], target_nodeids=[1, 2], target_ids=[0, 0],
        nodes_values_as_tensor=numpy_helper.from_array(np.array([1 + 1e-12, 0, 0]), "v"),
        target_weights_as_tensor=numpy_helper.from_array(np.array([1.5, 2.5]), "w"),
    )
    one("tree-regressor-double", "TreeEnsembleRegressor", {"x": np.array([[1.0], [1 + 1e-9]])}, [F], n_targets=1, **fine)


def linear():
    for post in POSTS:
        name = post.lower().replace("_", "-")
        one(f"linear-one-score-{name}", "LinearClassifier", X, [I, F], coefficients=[0.4], intercepts=[0.3],
            classlabels_ints=[5, 9], post_transform=post)
        one(f"linear-two-scores-{name}", "LinearClassifier", X, [S, F], coefficients=[0.4, 0.2], intercepts=[0.3, 0.1],
            classlabels_strings=["a", "b"], post_transform=post)
        one(f"linear-regressor-{name}", "LinearRegressor", X, [F], coefficients=[0.4, 0.2], intercepts=[0.3, 0.1],
            targets=2, post_transform=post)
        for proba in [{}, {"prob_a": [-1.5], "prob_b": [0.1]}]:
            one(f"svm-binary-{name}{'-probability' if proba else ''}", "SVMClassifier", X, [I, F],
                coefficients=[0.5, -0.4], kernel_params=[0.5, 0.0, 3.0], kernel_type="RBF", rho=[0.1],
                support_vectors=[1.0, -1.0], vectors_per_class=[1, 1], classlabels_ints=[5, 9], post_transform=post, **proba)
    one("linear-regressor-one-logistic", "LinearRegressor", X, [F], coefficients=[0.4], intercepts=[0.3], post_transform="LOGISTIC")
    one("linear-int64", "LinearClassifier", {"x": np.array([[-1], [3]])}, [I, F], coefficients=[0.4, 0.2],
        intercepts=[0.3, 0.1], classlabels_ints=[5, 9])
    rows = {"x": f([1, 2], [-1, 0.5])}
    for kernel in ["LINEAR", "POLY", "RBF", "SIGMOID"]:
        one(f"svm-three-{kernel.lower()}", "SVMClassifier", rows, [I, F], coefficients=[0.5, -0.4, 0.3, 0.2, -0.6, 0.7],
            kernel_params=[0.5, 0.25, 3.0], kernel_type=kernel, rho=[0.1, -0.2, 0.3],
            support_vectors=[1.0, -1.0, 0.5, 0.25, -2.0, 1.0], vectors_per_class=[1, 1, 1], classlabels_ints=[5, 9, 11])
        for once in [0, 1]:
            one(f"svr-{kernel.lower()}-{once}", "SVMRegressor", rows, [F], coefficients=[0.5, -0.4], n_supports=2,
                kernel_params=[0.5, 0.25, 3.0], kernel_type=kernel, rho=[0.1], support_vectors=[1.0, -1.0, 0.5, 0.25], one_class=once)
    one("svm-linear-mode", "SVMClassifier", rows, [I, F], kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], coefficients=[0.5, -0.4, 0.3, 0.2, -0.6, 0.7], rho=[0.1],
        classlabels_ints=[5, 9, 11])
    for name, weights in [("signed", [0.5, -0.4, 0.3, 0.2]), ("positive", [0.5, 0.4, 0.3, 0.2])]:
        one(f"svm-linear-mode-two-{name}", "SVMClassifier", rows, [I, F], kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], coefficients=weights, rho=[0.1], classlabels_ints=[5, 9])
    one("svr-linear-mode", "SVMRegressor", rows, [F], kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], coefficients=[0.5, -0.4], rho=[0.1])


def encoders():
    text, ints, floats = s("b", "a", "zz"), np.array([3, 1, 99]), f(1.5, np.nan, 7)
    keys = {"strings": ["a", "b"], "int64s": [1, 3], "floats": [1.5, float("nan")]}
    values = {"strings": ["x", "y"], "int64s": [10, 20], "floats": [0.25, 0.5]}
    kinds = {"strings": S, "int64s": I, "floats": F}
    for key, rows in [("strings", text), ("int64s", ints), ("floats", floats)]:
        for value in values:
            one(f"labels-{key}-{value}", "LabelEncoder", {"x": rows}, [kinds[value]], ml=2,
                **{f"keys_{key}": keys[key], f"values_{value}": values[value]})
    one("labels-defaults", "LabelEncoder", {"x": text}, [F], ml=2, keys_strings=["a"], values_floats=[1.0], default_float=9.5)
    one("labels-tensors", "LabelEncoder", {"x": text}, [I], ml=4, opset=17,
        keys_tensor=numpy_helper.from_array(np.array(["a", "b"], object), "k"),
        values_tensor=numpy_helper.from_array(np.array([7, 8]), "v"),
        default_tensor=numpy_helper.from_array(np.array([-5]), "d"))
    one("labels-tensors-double", "LabelEncoder", {"x": np.array([0.5, -0.0, np.nan])}, [D], ml=4, opset=17,
        keys_tensor=numpy_helper.from_array(np.array([0.0, np.nan]), "k"),
        values_tensor=numpy_helper.from_array(np.array([1.25, 2.5]), "v"),
        default_tensor=numpy_helper.from_array(np.array([-0.5]), "d"))
    one("labels-first-form", "LabelEncoder", {"x": text}, [I], ml=1, classes_strings=["a", "b"], default_int64=-7)
    one("onehot-strings", "OneHotEncoder", {"x": s(["b"], ["a"], ["zz"])}, [F], cats_strings=["a", "b"])
    one("onehot-floats", "OneHotEncoder", {"x": f([2], [1], [7.9])}, [F], cats_int64s=[1, 2, 7])
    one("imputer-int64", "Imputer", {"x": np.array([[1, -9], [-9, 4]])}, [I], imputed_value_int64s=[100, 200], replaced_value_int64=-9)
    one("imputer-one-for-all", "Imputer", {"x": f([1, np.nan], [np.nan, 4])}, [F], imputed_value_floats=[0.5], replaced_value_float=float("nan"))
    one("imputer-zero", "Imputer", {"x": f([1, 0], [0, 4])}, [F], imputed_value_floats=[0.5, 0.75], replaced_value_float=0.0)
    one("scaler-int64", "Scaler", {"x": np.array([[1, 2], [3, 4]])}, [F], offset=[1.0, 0.5], scale=[2.0, 0.25])
    one("scaler-one-for-all", "Scaler", {"x": f([1, 2], [3, 4])}, [F], offset=[1.0], scale=[2.0])
    one("binarizer-at-threshold", "Binarizer", {"x": f([1, 2], [3, 2.5])}, [F], threshold=2.0)
    for norm in ["MAX", "L1", "L2"]:
        one(f"normalizer-signed-{norm.lower()}", "Normalizer", {"x": f([-1, -2, -4], [0, 0, 0], [3, -4, 0])}, [F], norm=norm)
    one("vectorizer", "FeatureVectorizer", {"a": f([1, 2], [3, 4]), "b": f([5], [6])}, [F], inputdimensions=[2, 1])
    picks = numpy_helper.from_array(np.array([2, 0, 2]), "i")
    for name, rows, kind in [("strings", s(["a", "b", "c"], ["d", "e", "f"]), S), ("int64", np.arange(6).reshape(2, 3), I)]:
        one(f"extractor-{name}", "ArrayFeatureExtractor", {"x": rows}, [kind], constants=[picks])
    one("extractor-row", "ArrayFeatureExtractor", {"x": f(1, 2, 3)}, [F], constants=[picks])


def standard():
    def plain(name, op, inputs, outputs, **more):
        one(name, op, inputs, outputs, domain="", **more)

    numbers = f(0, 1, -1.5, 0.1, 1e10, 123456789, 1.2e-5, np.nan)
    plain("cast-float-string", "Cast", {"x": numbers}, [S], to=S)
    plain("cast-double-string", "Cast", {"x": np.array([0.1, 1e22, -2.5])}, [S], to=S)
    plain("cast-int64-string", "Cast", {"x": np.array([2**62 + 1, -3])}, [S], to=S)
    plain("cast-string-float", "Cast", {"x": s("1.5", "-2", "1e3", "NaN")}, [F], to=F)
    plain("cast-string-int64", "Cast", {"x": s("15", "-2")}, [I], to=I)
    plain("cast-float-int64-large", "Cast", {"x": f(3e9, -5e10, 2.7, -2.7)}, [I], to=I)
    plain("cast-int64-int64-large", "Cast", {"x": np.array([2**62 + 1, -(2**40)])}, [I], to=I)
    plain("cast-int64-float", "Cast", {"x": np.array([2**40 + 1, -3])}, [F], to=F)
    plain("cast-bool-int64", "Cast", {"x": np.array([True, False])}, [I], to=I)
    plain("cast-int64-bool", "Cast", {"x": np.array([0, 5, -1])}, [TensorProto.BOOL], to=TensorProto.BOOL)

    def const(name, *values):
        return numpy_helper.from_array(np.array(values), name)

    most = 2**63 - 1
    plain("slice-to-the-end", "Slice", {"x": np.arange(12).reshape(4, 3)}, [I], constants=[const("s", 1), const("e", most), const("a", 0)])
    plain("slice-backwards", "Slice", {"x": np.arange(12).reshape(4, 3)}, [I],
          constants=[const("s", -1), const("e", -most), const("a", 1), const("t", -1)])
    plain("gather-strings", "Gather", {"x": s(["a", "b", "c"], ["d", "e", "f"])}, [S], constants=[const("i", 2, 0)], axis=1)
    plain("concat-strings", "Concat", {"a": s(["a"], ["b"]), "b": s(["c"], ["d"])}, [S], axis=1)
    plain("argmax-tie", "ArgMax", {"x": f([1, 3, 3], [2, 2, 1])}, [I], axis=1, keepdims=0)
    plain("topk-smallest", "TopK", {"x": f([1, 3, 2], [5, 4, 6])}, [F, I], constants=[const("k", 2)], axis=1, largest=0)
    plain("where", "Where", {"c": np.array([[True, False]]), "a": f([1, 2]), "b": f([3, 4])}, [F])
    plain("reduce-sum-int64", "ReduceSum", {"x": np.array([[2**40, 1], [3, 4]])}, [I], constants=[const("a", 1)], keepdims=0)
    plain("reduce-prod-int64", "ReduceProd", {"x": np.array([[2**40, 3]])}, [I], axes=[1])
    plain("reduce-max-int64", "ReduceMax", {"x": np.array([[2**53, 2**53 + 1]])}, [I], axes=[1])
    plain("reduce-sum-int32", "ReduceSum", {"x": np.array([[2**20, 1], [3, -4]], np.int32)}, [TensorProto.INT32], constants=[const("a", 0)])
    plain("cumsum-int64", "CumSum", {"x": np.array([[2**53, 1]])}, [I], constants=[numpy_helper.from_array(np.array(1), "a")])
    plain("max-int64", "Max", {"a": np.array([2**53]), "b": np.array([2**53 + 1])}, [I])
    plain("less-int64-large", "Less", {"a": np.array([2**53]), "b": np.array([2**53 + 1])}, [TensorProto.BOOL])
    plain("sign-abs-neg", "Neg", {"x": np.array([2**53 + 1, -4])}, [I])
    plain("add-int64-large", "Add", {"a": np.array([2**62, 1]), "b": np.array([1, 2])}, [I])
    plain("equal-int64-large", "Equal", {"a": np.array([2**53, 2**53 + 1]), "b": np.array([2**53, 2**53])}, [TensorProto.BOOL])
    plain("mod-negative", "Mod", {"a": np.array([-7, 7]), "b": np.array([3, -3])}, [I])
    plain("div-int64", "Div", {"a": np.array([-7, 7]), "b": np.array([2, 2])}, [I])
    plain("pow-int-exponent", "Pow", {"x": f(2, 3)}, [F], constants=[const("e", 3)])
    plain("clip-min-only", "Clip", {"x": f(-2, 0.5, 3)}, [F], constants=[numpy_helper.from_array(np.float32(0), "m")])
    plain("expand", "Expand", {"x": f([1], [2])}, [F], constants=[const("s", 2, 3)])
    plain("tile", "Tile", {"x": f([1, 2])}, [F], constants=[const("r", 2, 2)])
    plain("one-hot", "OneHot", {"x": np.array([0, 2, -1])}, [F],
          constants=[numpy_helper.from_array(np.array(3), "d"), numpy_helper.from_array(np.array([0, 1], np.float32), "v")])
    plain("softmax-axis-0", "Softmax", {"x": f([1, 2], [3, 4])}, [F], axis=0)
    plain("not-a-number", "IsNaN", {"x": f(1, np.nan)}, [TensorProto.BOOL])
    plain("shape", "Shape", {"x": f([1, 2], [3, 4])}, [I])
    plain("size", "Size", {"x": f([1, 2], [3, 4])}, [I])
    plain("cumsum", "CumSum", {"x": f([1, 2], [3, 4])}, [F], constants=[numpy_helper.from_array(np.array(1), "a")])


def bombs():
    """Models that load, and requests that would make them compute far more than they are sent."""

    def bomb(name, nodes, inputs, constants=()):
        infos = [helper.make_tensor_value_info(n, kind, dims) for n, kind, dims, _, _ in inputs]
        out = helper.make_tensor_value_info("y", {"range-int64": I}.get(name, F), None)
        graph = helper.make_graph([helper.make_node(op, a, b, **k) for op, a, b, k in nodes], name, infos, [out], list(constants))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
        sent = [{"name": n, "datatype": {F: "FP32", I: "INT64"}[kind], "shape": shape, "fill": fill} for n, kind, _, shape, fill in inputs]
        return {"name": name, "model": model.SerializeToString(deterministic=True).hex(), "inputs": sent}

    def const(name, value):
        return numpy_helper.from_array(np.array(value), name)

    pair = [("a", F, ["n", 1], [4000, 1], 1), ("b", F, [1, "m"], [1, 4000], 1)]
    # Each product is read again after all of them were summed, so that all stay.
    fan = [("Mul", ["x", f"k{i}"], [f"v{i}"], {}) for i in range(12)] + [("Sum", [f"v{i}" for i in range(12)], ["s"], {})]
    fan += [("Mul", ["s", f"v{i}"], [f"w{i}"], {}) for i in range(12)] + [("Sum", [f"w{i}" for i in range(12)], ["y"], {})]
    return [
        bomb("range-int64", [("Range", ["z", "n", "o"], ["y"], {})], [("n", I, [], [], 2**36)], [const("z", 0), const("o", 1)]),
        bomb("range-float", [("Range", ["z", "n", "o"], ["y"], {})], [("n", F, [], [], 1e12)],
             [const("z", np.float32(0)), const("o", np.float32(1))]),
        bomb("outer-sum", [("Add", ["a", "b"], ["y"], {})], pair),
        bomb("outer-product", [("MatMul", ["a", "b"], ["y"], {})], pair),
        bomb("shape-times-many", [("Shape", ["x"], ["s"], {}), ("Mul", ["s", "k"], ["t"], {}), ("ConstantOfShape", ["t"], ["y"], {})],
             [("x", F, ["n"], [100], 1)], [const("k", [1 << 30])]),
        bomb("many-at-once", fan, [("x", F, ["n"], [2_000_000], 1)], [const(f"k{i}", np.float32(i + 2)) for i in range(12)]),
    ]


if __name__ == "__main__":
    lines = [json.dumps(bomb) + "\n" for bomb in bombs()]
    Path(__file__).with_name("bombs.jsonl").write_text("".join(lines))
    for part in [trees, linear, encoders, standard]:
        part()
    lines = [json.dumps(case, allow_nan=False) + "\n" for case in CASES]
    Path(__file__).with_name("operators.jsonl").write_text("".join(lines))
    x, y = (helper.make_tensor_value_info(name, F, ["n", 2]) for name in "xy")
    echo = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "echo", [x], [y])
    echo = helper.make_model(echo, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    Path(__file__).with_name("echo.onnx").write_bytes(echo.SerializeToString(deterministic=True))
    print(f"{len(lines)} cases made")
