"""Build a sentence encoder of MiniLM's shape as one ONNX file, and reference answers for it.

    pip install -r tests/python/requirements/train.txt
    python tests/python/make_minilm.py CACHE_DIR [--reference tests/python/minilm.json]
                                                 [--weights model.safetensors]

The graph is BERT as `all-MiniLM-L6-v2` has it: 6 layers, 12 heads, hidden size 384, feed-forward
1536, 30522 tokens, 512 positions; 90 MB of float32. Inputs `input_ids`, `attention_mask` and
`token_type_ids` INT64 [batch, seq], output `last_hidden_state` FP32 [batch, seq, 384].

The weights are drawn from a fixed seed, so nothing is downloaded: the file loads, computes and
weighs what the trained one does, but its embeddings mean nothing. `--weights` takes the trained
ones from a safetensors file in the naming of the original instead.

The answers are onnxruntime's, and are checked here against BERT written out in numpy.
"""

import argparse
import json
import math
import struct
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

LAYERS, HEADS, HIDDEN, INNER, VOCAB, POSITIONS = 6, 12, 384, 1536, 30522, 512
EPSILON = 1e-12
SEED = 20
# Three rows of token ids, padded with 0 to one length: [CLS] is 101, [SEP] is 102.
ROWS = [
    [101, 1996, 4937, 2938, 2006, 1996, 13523, 102],
    [101, 1037, 18401, 2003, 5777, 1999, 1996, 3103, 2279, 2000, 1996, 3332, 102],
    [101, 4518, 3006, 2445, 1012, 102],
]


def shapes():
    yield "embeddings.word_embeddings.weight", (VOCAB, HIDDEN)
    yield "embeddings.position_embeddings.weight", (POSITIONS, HIDDEN)
    yield "embeddings.token_type_embeddings.weight", (2, HIDDEN)
    norms = ["embeddings.LayerNorm"]
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        for part, out, into in (
            ("attention.self.query", HIDDEN, HIDDEN), ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN), ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", INNER, HIDDEN), ("output.dense", HIDDEN, INNER),
        ):
            yield f"{at}{part}.weight", (out, into)
            yield f"{at}{part}.bias", (out,)
        norms += [f"{at}attention.output.LayerNorm", f"{at}output.LayerNorm"]
    for name in norms:
        yield f"{name}.weight", (HIDDEN,)
        yield f"{name}.bias", (HIDDEN,)


def seeded():
    r = np.random.default_rng(SEED)
    weights = {}
    for name, shape in shapes():
        w = r.standard_normal(shape, dtype=np.float32) * np.float32(0.06)
        weights[name] = w + np.float32(1) if name.endswith("LayerNorm.weight") else w
    return weights


def safetensors(path):
    blob = Path(path).read_bytes()
    (n,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8:8 + n])
    weights = {}
    for name, shape in shapes():
        entry = header.get(name) or header[f"bert.{name}"]
        if entry["dtype"] != "F32" or tuple(entry["shape"]) != shape:
            raise SystemExit(f"{name}: expected F32 {shape}, found {entry['dtype']} {entry['shape']}")
        a, b = entry["data_offsets"]
        weights[name] = np.frombuffer(blob[8 + n + a:8 + n + b], "<f4").reshape(shape)
    return weights


def build(weights):
    nodes, initializers, made = [], [], set()

    def op(kind, inputs, out, **attributes):
        nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))
        return out

    def const(name, array):
        if name not in made:
            made.add(name)
            initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def scalar(x):
        return const(f"const_{x}", np.float32(x))

    def linear(x, name):
        w = const(f"{name}.weight.T", weights[f"{name}.weight"].T)
        y = op("MatMul", [x, w], f"{name}/matmul")
        return op("Add", [y, const(f"{name}.bias", weights[f"{name}.bias"])], f"{name}/out")

    def norm(x, name):
        mean = op("ReduceMean", [x], f"{name}/mean", axes=[-1], keepdims=1)
        d = op("Sub", [x, mean], f"{name}/centred")
        square = op("Mul", [d, d], f"{name}/square")
        variance = op("ReduceMean", [square], f"{name}/variance", axes=[-1], keepdims=1)
        root = op("Sqrt", [op("Add", [variance, scalar(EPSILON)], f"{name}/safe")], f"{name}/root")
        y = op("Div", [d, root], f"{name}/normal")
        y = op("Mul", [y, const(f"{name}.weight", weights[f"{name}.weight"])], f"{name}/scaled")
        return op("Add", [y, const(f"{name}.bias", weights[f"{name}.bias"])], f"{name}/out")

    def table(name):
        return const(name, weights[name])

    # Embeddings: the word, the place and the segment.
    words = op("Gather", [table("embeddings.word_embeddings.weight"), "input_ids"], "embeddings/words")
    kinds = op("Gather", [table("embeddings.token_type_embeddings.weight"), "token_type_ids"], "embeddings/kinds")
    shape = op("Shape", ["input_ids"], "embeddings/shape")
    seq = op("Gather", [shape, const("one_index", np.array([1], np.int64))], "embeddings/seq", axis=0)
    places = op("Slice", [table("embeddings.position_embeddings.weight"), const("zero_index", np.array([0], np.int64)), seq, const("axis_0", np.array([0], np.int64))], "embeddings/places")
    x = op("Add", [op("Add", [words, kinds], "embeddings/words_kinds"), places], "embeddings/sum")
    x = norm(x, "embeddings.LayerNorm")

    # Zero where a token stands, a very low number where padding does.
    mask = op("Cast", ["attention_mask"], "mask/float", to=TensorProto.FLOAT)
    mask = op("Mul", [op("Sub", [scalar(1.0), mask], "mask/inverted"), scalar(-10000.0)], "mask/low")
    mask = op("Unsqueeze", [mask, const("mask_axes", np.array([1, 2], np.int64))], "mask/out")

    apart = const("heads_apart", np.array([0, 0, HEADS, HIDDEN // HEADS], np.int64))
    together = const("heads_together", np.array([0, 0, HIDDEN], np.int64))
    for i in range(LAYERS):
        at = f"encoder.layer.{i}"

        def heads(part, perm):
            y = op("Reshape", [linear(x, f"{at}.attention.self.{part}"), apart], f"{at}.{part}/apart")
            return op("Transpose", [y], f"{at}.{part}/turned", perm=perm)

        q, k, v = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
        scores = op("MatMul", [q, k], f"{at}.scores")
        scores = op("Div", [scores, scalar(float(np.float32(math.sqrt(HIDDEN // HEADS))))], f"{at}.scores/scaled")
        share = op("Softmax", [op("Add", [scores, mask], f"{at}.scores/masked")], f"{at}.share", axis=-1)
        y = op("Transpose", [op("MatMul", [share, v], f"{at}.context")], f"{at}.context/turned", perm=[0, 2, 1, 3])
        y = linear(op("Reshape", [y, together], f"{at}.context/together"), f"{at}.attention.output.dense")
        x = norm(op("Add", [y, x], f"{at}.attention/residual"), f"{at}.attention.output.LayerNorm")
        y = linear(x, f"{at}.intermediate.dense")
        erf = op("Erf", [op("Div", [y, scalar(float(np.float32(math.sqrt(2))))], f"{at}.gelu/div")], f"{at}.gelu/erf")
        y = op("Mul", [op("Mul", [y, op("Add", [erf, scalar(1.0)], f"{at}.gelu/add")], f"{at}.gelu/mul"), scalar(0.5)], f"{at}.gelu")
        y = linear(y, f"{at}.output.dense")
        x = norm(op("Add", [y, x], f"{at}.output/residual"), f"{at}.output.LayerNorm")
    op("Identity", [x], "last_hidden_state")

    graph = helper.make_graph(
        nodes, "minilm",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "seq"]) for n in ("input_ids", "attention_mask", "token_type_ids")],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, ["batch", "seq", HIDDEN])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], producer_name="sluicegate-tests")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def bert(weights, ids, attention, kinds):
    """The same in numpy and double precision, to check the graph against."""
    w = {k: v.astype(np.float64) for k, v in weights.items()}
    erf = np.vectorize(math.erf)

    def linear(x, n):
        return x @ w[f"{n}.weight"].T + w[f"{n}.bias"]

    def norm(x, n):
        d = x - x.mean(-1, keepdims=True)
        return d / np.sqrt((d * d).mean(-1, keepdims=True) + EPSILON) * w[f"{n}.weight"] + w[f"{n}.bias"]

    e = "embeddings."
    x = w[e + "word_embeddings.weight"][ids] + w[e + "token_type_embeddings.weight"][kinds] + w[e + "position_embeddings.weight"][: ids.shape[1]]
    x = norm(x, e + "LayerNorm")
    low = ((1 - attention) * -10000.0)[:, None, None, :]
    for i in range(LAYERS):
        at = f"encoder.layer.{i}."
        q, k, v = (linear(x, f"{at}attention.self.{p}").reshape(*ids.shape, HEADS, -1).transpose(0, 2, 1, 3) for p in ("query", "key", "value"))
        s = q @ k.transpose(0, 1, 3, 2) / math.sqrt(HIDDEN // HEADS) + low
        s = np.exp(s - s.max(-1, keepdims=True))
        y = (s / s.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(*ids.shape, HIDDEN)
        x = norm(linear(y, at + "attention.output.dense") + x, at + "attention.output.LayerNorm")
        y = linear(x, at + "intermediate.dense")
        x = norm(linear(y * 0.5 * (1 + erf(y / math.sqrt(2))), at + "output.dense") + x, at + "output.LayerNorm")
    return x


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("out", type=Path, help="folder to write minilm.onnx into")
    cli.add_argument("--reference", type=Path, help="also write the reference answers there")
    cli.add_argument("--weights", help="trained weights, as safetensors, in place of seeded ones")
    args = cli.parse_args()

    weights = safetensors(args.weights) if args.weights else seeded()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "minilm.onnx"
    path.write_bytes(build(weights).SerializeToString(deterministic=True))

    width = max(map(len, ROWS))
    ids = np.array([r + [0] * (width - len(r)) for r in ROWS], np.int64)
    attention = np.array([[1] * len(r) + [0] * (width - len(r)) for r in ROWS], np.int64)
    feed = {"input_ids": ids, "attention_mask": attention, "token_type_ids": np.zeros_like(ids)}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (hidden,) = session.run(None, feed)
    far = np.abs(hidden - bert(weights, ids, attention, feed["token_type_ids"]))[attention == 1].max()
    if far > 1e-3:
        raise SystemExit(f"the graph is not BERT: {far} away from the numpy form")
    pooled = (hidden * attention[:, :, None]).sum(1) / attention.sum(1, keepdims=True)
    print(f"{path}: {path.stat().st_size} bytes, at most {far:.2e} away from the numpy form")
    if args.reference:
        record = {
            "model": "minilm.onnx",
            "weights": f"given: {Path(args.weights).name}" if args.weights else f"seeded: {SEED}",
            "inputs": [{"name": n, "datatype": "INT64", "shape": list(a.shape), "data": a.reshape(-1).tolist()} for n, a in feed.items()],
            "output_shape": list(hidden.shape),
            "mean_pooled_first_32": [[float(v) for v in row[:32]] for row in pooled],
            "last_hidden_state_samples": [
                {"index": [i, j, k], "value": float(hidden[i, j, k])}
                for i, row in enumerate(ROWS) for j in (0, len(row) - 1) for k in (0, 191, 383)
            ],
        }
        text = json.dumps(record, allow_nan=False)
        for key in ("weights", "inputs", "output_shape", "mean_pooled_first_32", "last_hidden_state_samples"):
            text = text.replace(f', "{key}"', f',\n "{key}"')
        args.reference.write_text(text.replace("], [", "],\n  [").replace('}, {"', '},\n  {"') + "\n")


if __name__ == "__main__":
    main()
