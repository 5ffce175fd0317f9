"""Lay out a folder that the real Triton serves.

    python tests/python/triton/make_models.py OUTDIR [--models iris,echo,...]
    python tests/python/triton/run.py OUTDIR --http-port P --grpc-port P --metrics-port P

Needs Python alone. Models:

    iris, digits      the quickstart's ONNX files on onnxruntime: names, shapes and answers are those files'
    iris_batched      the same with a batch that Triton gathers itself, and class names for classification
    strings, adder, image   as tests/python/small_models.py has them
    echo              an input of every datatype and kind of shape, each optional; what is sent comes back
    versions          versions 1 and 2: `y` is `x` times the version
    slow              sleeps the seconds in its first value and answers with them; negative is an error
    broken            fails: as unavailable, or with an exception if `how` is `raise`
    sequence          stateful: `total` of a sequence so far, and `seen`: type, id and flags of the request
    tokens            decoupled: `max_tokens` answers, then the empty final one
"""

import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
QUICKSTART = HERE.parents[2] / "examples/quickstart/models"

INTS = [f"{sign}INT{bits}" for bits in (8, 16, 32, 64) for sign in ("", "U")]
# name, datatype, rank: what tests/python/tritonclient_http.py and tritonclient_grpc.py send.
ECHO = [
    ("bool", "BOOL", 1), ("fp16", "FP16", 1), ("fp32", "FP32", 2), ("fp64", "FP64", 1), ("bf16", "BF16", 1),
    ("bytes", "BYTES", 2), ("rank_5", "INT32", 5), ("fp32_empty", "FP32", 2), ("int64_empty", "INT64", 2),
    ("bytes_empty", "BYTES", 1), ("int64_beyond_double", "INT64", 1), ("fp32_special", "FP32", 1),
    ("fp64_special", "FP64", 1), ("bytes_not_utf8", "BYTES", 1), *((i.lower(), i, 1) for i in INTS),
]


def tensor(name, datatype, dims, more=""):
    datatype = "STRING" if datatype == "BYTES" else datatype
    return f'{{ name: "{name}" data_type: TYPE_{datatype} dims: [{", ".join(map(str, dims))}]{more} }}'


def config(inputs, outputs, more="", batch=0):
    return f"""backend: "python"
max_batch_size: {batch}
input [{", ".join(tensor(*i) for i in inputs)}]
output [{", ".join(tensor(*o) for o in outputs)}]
{more}
"""


def classifier(features, label, classes):
    return config([("features", "FP32", [-1, features])], [("label", label, [-1]), ("probabilities", "FP32", [-1, classes])])


OPTIONAL = " optional: true"
CONFIGS = {
    "iris": classifier(4, "BYTES", 3),
    "digits": classifier(64, "INT64", 10),
    "iris_batched": config(
        [("features", "FP32", [4])],
        [("label", "BYTES", [1]), ("probabilities", "FP32", [3], ' label_filename: "classes.txt"')],
        "dynamic_batching { max_queue_delay_microseconds: 200 }", batch=32,
    ),
    "echo": config([(n, d, [-1] * r, OPTIONAL) for n, d, r in ECHO], [(n, d, [-1] * r) for n, d, r in ECHO]),
    "versions": config([("x", "FP32", [-1])], [("y", "FP32", [-1])], "version_policy { all {} }"),
    "slow": config([("seconds", "FP32", [-1])], [("seconds", "FP32", [-1])]),
    "broken": config([("how", "BYTES", [1])], [("never", "BYTES", [1])]),
    "sequence": config(
        [("x", "INT64", [1])], [("total", "INT64", [1]), ("seen", "BYTES", [1])],
        "sequence_batching { max_sequence_idle_microseconds: 30000000 oldest { max_candidate_sequences: 16 } }",
    ),
    "tokens": config(
        [("prompt", "BYTES", [1]), *((n, "INT32", [1], OPTIONAL) for n in ("max_tokens", "delay_ms", "fail_at"))],
        [("token", "BYTES", [1]), ("index", "INT32", [1])],
        "model_transaction_policy { decoupled: true }",
    ),
}


def small_configs():
    sys.path.insert(0, str(HERE.parent))
    # Without numpy there is no small_models; the signatures are all that is needed.
    text = (HERE.parent / "small_models.py").read_text()
    start = text.index("SIGNATURES = ")
    scope = {}
    exec(text[start:text.index("\n}\n", start) + 3], scope)  # noqa: S102 - our own file
    return {name: config(*signature) for name, signature in scope["SIGNATURES"].items()}


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("out", type=Path)
    configs = CONFIGS | small_configs()
    cli.add_argument("--models", default=",".join(sorted(configs)), help="comma-separated; default: all")
    args = cli.parse_args()
    for name in args.models.split(","):
        if name not in configs:
            cli.error(f"there is no model {name}; there are: {', '.join(sorted(configs))}")
        folder = args.out / "models" / name
        for version in ("1", "2") if name == "versions" else ("1",):
            (folder / version).mkdir(parents=True, exist_ok=True)
            # Beside it what it imports: Python inside Triton may not look at PYTHONPATH.
            for source in (HERE / "model.py", HERE.parent / "small_models.py"):
                shutil.copy(source, folder / version / source.name)
        (folder / "config.pbtxt").write_text(configs[name])
        onnx = QUICKSTART / f"{name.removesuffix('_batched')}.onnx"
        if onnx.exists():
            shutil.copy(onnx, folder / "1/model.onnx")
        if name == "iris_batched":
            (folder / "classes.txt").write_text("setosa\nversicolor\nvirginica\n")


if __name__ == "__main__":
    main()
