"""How long onnxruntime takes for one model on one thread, to set beside our own numbers.

    python tests/python/onnx_latency.py MODEL.onnx REFERENCE.json [--batch N] [--seconds S]

REFERENCE.json names the inputs as the files of crates/runtime/tests/models do: a list "inputs" of
{"name", "datatype", "shape", "data"}. Prints one JSON object; times are microseconds.
"""

import argparse
import json
import statistics
import time

import numpy as np
import onnxruntime

NUMPY = {
    "BOOL": np.bool_, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "BYTES": np.object_,
}


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("model")
    cli.add_argument("reference")
    cli.add_argument("--batch", type=int, help="take or repeat rows to this many (default: 1; 0: as they stand)", default=1)
    cli.add_argument("--seconds", type=float, default=2.0)
    args = cli.parse_args()

    feed = {}
    with open(args.reference) as f:
        for i in json.load(f)["inputs"]:
            data = [np.nan if v is None else v for v in i["data"]]
            a = np.array(data, NUMPY[i["datatype"]]).reshape(i["shape"])
            if args.batch and a.ndim:
                a = np.resize(a, (args.batch, *a.shape[1:]))
            feed[i["name"]] = a

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    began = time.perf_counter()
    session = onnxruntime.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
    load = time.perf_counter() - began

    for _ in range(20):
        session.run(None, feed)
    times, end = [], time.perf_counter() + args.seconds
    while time.perf_counter() < end or len(times) < 50:
        began = time.perf_counter_ns()
        session.run(None, feed)
        times.append((time.perf_counter_ns() - began) / 1000)
    times.sort()
    print(json.dumps({
        "model": args.model, "batch": args.batch or None, "runs": len(times), "load_ms": round(load * 1000, 2),
        "median_us": round(statistics.median(times), 2), "p95_us": round(times[int(len(times) * 0.95)], 2),
        "min_us": round(times[0], 2), "onnxruntime": onnxruntime.__version__,
    }))


if __name__ == "__main__":
    main()
