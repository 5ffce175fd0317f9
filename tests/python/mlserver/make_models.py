"""Lay out a folder that the real MLServer serves.

    pip install -r tests/python/requirements/mlserver.txt
    python tests/python/mlserver/make_models.py OUTDIR --http-port P --grpc-port P [--metrics-port P] [--models A,B]
    mlserver start OUTDIR

Models: `iris` and `digits`, the classifiers of the quickstart as scikit-learn itself serves them
(outputs `predict` and `predict_proba`, by request); `echo`, which answers with what it was sent;
`slow`, which sleeps the seconds in its first FP32 value and answers with them; `broken`, which fails
on every request; `strings`, `adder` and `image` as tests/python/small_models.py has them. All of
them, or those of `--models`: without the classifiers making them and starting is quick.
"""

import argparse
import importlib.util
import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
QUICKSTART = HERE.parents[2] / "examples/quickstart/models/train.py"


sys.path.insert(0, str(HERE.parent))
import small_models  # noqa: E402


def trained(wanted):
    if not wanted & {"iris", "digits"}:
        return {}
    spec = importlib.util.spec_from_file_location("train", QUICKSTART)
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    makers = {"iris": train.iris, "digits": train.digits}
    return {name: make()[0] for name, make in makers.items() if name in wanted}


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("out", type=Path)
    cli.add_argument("--host", default="127.0.0.1")
    cli.add_argument("--http-port", type=int, required=True)
    cli.add_argument("--grpc-port", type=int, required=True)
    cli.add_argument("--metrics-port", type=int, help="serve metrics there; off without it")
    ours = {"echo": "Echo", "slow": "Slow", "broken": "Broken"} | dict.fromkeys(small_models.FUNCTIONS, "Small")
    cli.add_argument("--models", default=",".join(["iris", "digits", *ours]))
    args = cli.parse_args()
    wanted = set(args.models.split(","))

    def write(path, value):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=2) + "\n")

    settings = {
        "host": args.host, "http_port": args.http_port, "grpc_port": args.grpc_port,
        "parallel_workers": 0, "debug": False, "metrics_endpoint": None,
    }
    if args.metrics_port:
        settings |= {"metrics_endpoint": "/metrics", "metrics_port": args.metrics_port}
    write(args.out / "settings.json", settings)

    for name, features, label, classes in (("iris", 4, "BYTES", 3), ("digits", 64, "INT64", 10)):
        if name not in wanted:
            continue
        write(args.out / name / "model-settings.json", {
            "name": name, "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": "./model.joblib", "version": "1"},
            "platform": "sklearn", "versions": ["1"],
            "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, features]}],
            "outputs": [
                {"name": "predict", "datatype": label, "shape": [-1, 1]},
                {"name": "predict_proba", "datatype": "FP32", "shape": [-1, classes]},
            ],
        })
    for name, model in trained(wanted).items():
        import joblib

        joblib.dump(model, args.out / name / "model.joblib")

    def tensors(listed):
        return [{"name": n, "datatype": d, "shape": shape} for n, d, shape in listed]

    for name, runtime in ours.items():
        if name not in wanted:
            continue
        inputs, outputs = small_models.SIGNATURES.get(name, ([], []))
        signature = {"inputs": tensors(inputs), "outputs": tensors(outputs)} if inputs else {}
        write(args.out / name / "model-settings.json", {
            "name": name, "implementation": f"runtimes.{runtime}", "parameters": {"version": "1"}, **signature,
        })
        shutil.copy(HERE / "runtimes.py", args.out / name / "runtimes.py")
        shutil.copy(HERE.parent / "small_models.py", args.out / name / "small_models.py")


if __name__ == "__main__":
    main()
