"""Train the three quickstart models and export them to ONNX.

    pip install -r tests/python/requirements/train.txt
    python examples/quickstart/models/train.py [OUTPUT_DIR]

The data ships inside scikit-learn, so nothing is downloaded. With the pinned
requirements the exported files are the same bytes on every run of one machine.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

INPUT = "features"


def split(data, target):
    """The same three quarters / one quarter split for every model."""
    return train_test_split(
        data.astype(np.float32), target, test_size=0.25, random_state=0, stratify=target
    )


def iris():
    """Logistic regression on scaled flower measurements, string labels."""
    d = load_iris()
    parts = split(d.data, d.target_names[d.target])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(parts[0], parts[2])
    about = (
        "Iris species from sepal length, sepal width, petal length and petal width "
        "in centimetres. StandardScaler and logistic regression."
    )
    return model, parts, about


def breast_cancer():
    """Gradient boosted trees on 30 cell measurements, string labels."""
    d = load_breast_cancer()
    parts = split(d.data, d.target_names[d.target])
    model = GradientBoostingClassifier(n_estimators=60, max_depth=3, random_state=0)
    model.fit(parts[0], parts[2])
    about = (
        "Malignant or benign from 30 measurements of cell nuclei. "
        "Gradient boosted trees. A demonstration, not a medical device."
    )
    return model, parts, about


def digits():
    """A neural network on 8x8 images of handwritten digits, integer labels."""
    d = load_digits()
    parts = split(d.data, d.target.astype(np.int64))
    model = make_pipeline(
        StandardScaler(), MLPClassifier((48,), max_iter=400, alpha=1e-3, random_state=0)
    )
    model.fit(parts[0], parts[2])
    about = (
        "Handwritten digit from an 8x8 image: 64 pixels, row by row, each 0 to 16. "
        "StandardScaler and a neural network with one hidden layer of 48."
    )
    return model, parts, about


MODELS = {"iris": iris, "breast-cancer": breast_cancer, "digits": digits}


def export(name, model, row, about):
    """The model as ONNX bytes, with a row to try it on in its metadata."""
    from onnx import helper
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    proto = to_onnx(
        model,
        name=name,
        initial_types=[(INPUT, FloatTensorType([None, row.shape[1]]))],
        options={id(model): {"zipmap": False}},
        target_opset={"": 15, "ai.onnx.ml": 3},
    )
    assert [o.name for o in proto.graph.output] == ["label", "probabilities"]
    # The first dimension is the batch, under one name everywhere.
    for value in list(proto.graph.input) + list(proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    # The exporter leaves these in hash order, some of them twice.
    opsets = sorted({(o.domain, o.version) for o in proto.opset_import})
    del proto.opset_import[:]
    proto.opset_import.extend(helper.make_opsetid(d, v) for d, v in opsets)
    proto.doc_string = about
    helper.set_model_props(
        proto,
        {
            "class_names": json.dumps([str(c) for c in model.classes_]),
            "description": about,
            "example_input": json.dumps({INPUT: shortest(row)}),
            "example_shape": json.dumps({INPUT: list(row.shape)}),
        },
    )
    return proto.SerializeToString(deterministic=True)


def shortest(rows):
    """Rows of float32 as the shortest decimals that read back as the same float32."""
    return [[float(str(v)) for v in row] for row in rows]


def main():
    import onnxruntime

    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    expected = {}
    for name, build in MODELS.items():
        model, (_, held_x, _, held_y), about = build()
        blob = export(name, model, held_x[:1], about)
        (out / f"{name}.onnx").write_bytes(blob)

        session = onnxruntime.InferenceSession(blob, providers=["CPUExecutionProvider"])
        labels, probabilities = session.run(None, {INPUT: held_x})
        accuracy = float(np.mean(labels == held_y))
        assert abs(accuracy - model.score(held_x, held_y)) < 0.01
        # The first held-out row of up to three classes.
        rows = np.unique(held_y, return_index=True)[1][:3]
        expected[name] = {
            "inputs": {INPUT: shortest(held_x[rows])},
            "outputs": {
                "label": labels[rows].tolist(),
                "probabilities": probabilities[rows].tolist(),
            },
            "truth": held_y[rows].tolist(),
            "held_out_accuracy": round(accuracy, 4),
            "held_out_rows": len(held_y),
        }
        print(f"{name}: {len(blob)} bytes, accuracy {accuracy:.4f} on {len(held_y)} held-out rows")
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
