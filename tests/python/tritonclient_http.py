"""Drive a server with the unchanged tritonclient.http and print what came back as one JSON object.

    pip install -r tests/python/requirements/client.txt
    python tests/python/tritonclient_http.py URL MODEL --echo
    python tests/python/tritonclient_http.py URL MODEL --iris [--outputs label,probabilities]
    python tests/python/tritonclient_http.py URL MODEL --digits [--outputs label,probabilities]
    python tests/python/tritonclient_http.py URL MODEL --small strings
    python tests/python/tritonclient_http.py URL MODEL --sequence

URL is host:port. `--echo` expects a model that answers every input with an output of the same name,
datatype, shape and data; `--iris` and `--digits` one of the quickstart's classifiers; `--small` one
of small_models.py by its name there; `--sequence` the stateful one of the Triton test server. Each
mode is a way tritonclient can put tensors on the wire:

    binary         binary inputs, all outputs binary by `binary_data_output` (the client's default)
    binary-named   binary inputs, every output asked for by name as binary
    json           JSON inputs and outputs
    json-in        JSON inputs, binary outputs
    json-out       binary inputs, JSON outputs
    gzip, deflate  `binary` with both directions compressed
    async          `binary` through async_infer

Exits 1 with what differed if a mode, or the health and metadata calls, did not do as expected, and
2 on a mistake in the arguments. NaN and infinities go out in binary modes only, for JSON has no
word for them, and so does FP16, which tritonclient refuses to send as JSON.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import small_models
import tritonclient.http as http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

MODES = ["binary", "binary-named", "json", "json-in", "json-out", "gzip", "deflate", "async"]
JSON_IN, JSON_OUT = {"json", "json-in"}, {"json", "json-out"}


def echo_inputs(mode, finite):
    inputs = {
        "bool": np.array([True, False, True]),
        "fp32": np.array([[0.1, -0.0, 1e-45], [3.4028235e38, -3.4028235e38, 16777217]], np.float32),
        "fp64": np.array([0.1, -0.0, 5e-324, 1.7976931348623157e308, 1 / 3], np.float64),
        "bytes": np.array([[b"", b"plain"], ["grüße 🌍".encode(), b'quote " back \\ line \n nul \0']], object),
        "fp32_empty": np.zeros((0, 3), np.float32),
        "int64_empty": np.zeros((2, 0), np.int64),
        "bytes_empty": np.zeros((0,), object),
        "rank_5": np.arange(24, dtype=np.int32).reshape(1, 2, 3, 4, 1),
    }
    for bits in (8, 16, 32, 64):
        for kind in ("int", "uint"):
            t = np.dtype(f"{kind}{bits}")
            i = np.iinfo(t)
            inputs[t.name] = np.array([i.min, i.max, 0, 1, i.max - 1], t)
    inputs["int64_beyond_double"] = np.array([2**53 + 1, -(2**53) - 1], np.int64)
    if mode not in JSON_IN and mode not in JSON_OUT and not finite:
        inputs["fp32_special"] = np.array([np.nan, np.inf, -np.inf], np.float32)
        inputs["fp64_special"] = np.array([np.nan, np.inf, -np.inf], np.float64)
        inputs["bytes_not_utf8"] = np.array([b"\xff\xfe", b"\0\0"], object)
    if mode not in JSON_IN and mode not in JSON_OUT:
        inputs["fp16"] = np.array([0.1, -0.0, 1.5, -65504, 6e-8] if finite else [0.1, np.nan, np.inf, -65504, 6e-8], np.float16)
    return inputs


IRIS = np.array([[5.1, 3.4, 1.5, 0.2], [6.0, 2.7, 5.1, 1.6], [6.3, 3.3, 6.0, 2.5]], np.float32)


def digits():
    """The rows of the quickstart's reference answers."""
    path = Path(__file__).parents[2] / "examples/quickstart/models/expected.json"
    return np.array(json.loads(path.read_text())["digits"]["inputs"]["features"], np.float32)


def check_small(name, got):
    """What a model of small_models.py must answer to its example."""
    wanted = small_models.FUNCTIONS[name](**small_models.example_inputs(name))
    signature = {n: d for n, d, _ in small_models.SIGNATURES[name][1]}
    if sorted(got) != sorted(wanted):
        raise Mismatch(f"outputs {sorted(got)}, expected {sorted(wanted)}")
    for output, array in wanted.items():
        datatype, shape, found = got[output]
        if datatype != signature[output] or list(shape) != list(array.shape):
            raise Mismatch(f"{output}: {datatype} {shape}, expected {signature[output]} {list(array.shape)}")
        if [as_bytes(v) for v in found.reshape(-1).tolist()] != array.reshape(-1).tolist():
            raise Mismatch(f"{output}: {plain(found)}, expected {plain(array)}")


# Two sequences in turn, one known by an integer that a double cannot hold, one by a string, then one of a single
# request, which has an id of its own: a server may take a sequence that starts as another ends at the same time.
# Id, start, end, value.
BIG = 2**53 + 1
SEQUENCE = [
    (BIG, True, False, 5), ("order-7", True, False, 100), (BIG, False, False, 7),
    ("order-7", False, True, -1), (BIG, False, True, 2**53), (8, True, True, 1),
]
TOTALS = [5, 100, 12, 99, 12 + 2**53, 1]


def seen(step):
    """What the server's model tells it saw of a step."""
    key, start, end, _ = step
    return f"{type(key).__name__}:{key}:{'start' if start else ''}:{'end' if end else ''}"


def check_sequence(got):
    wanted = [{"seen": seen(step), "total": total} for step, total in zip(SEQUENCE, TOTALS)]
    if got != wanted:
        raise Mismatch(f"{got}, expected {wanted}")
    return got


def told(result):
    (text,) = result.as_numpy("seen").reshape(-1).tolist()
    return {"seen": as_bytes(text).decode(), "total": int(result.as_numpy("total").reshape(-1)[0])}


def sequence(client, model, mode, headers):
    got = []
    for key, start, end, value in SEQUENCE:
        i = http.InferInput("x", [1], "INT64")
        i.set_data_from_numpy(np.array([value], np.int64), binary_data=mode not in JSON_IN)
        outputs = [http.InferRequestedOutput(n, binary_data=mode not in JSON_OUT) for n in ("total", "seen")]
        result = client.infer(model, [i], outputs=outputs, sequence_id=key, sequence_start=start, sequence_end=end, headers=dict(headers))
        got.append(told(result))
    return check_sequence(got)


def plain(array):
    """An array as flat JSON values; NaN and infinities as strings, bytes as text or \\x."""
    out = []
    for v in np.asarray(array).reshape(-1).tolist():
        if isinstance(v, bytes):
            v = v.decode("utf-8", "backslashreplace")
        elif isinstance(v, float) and not np.isfinite(v):
            v = str(v)
        out.append(v)
    return out


def infer(client, model, inputs, outputs, mode, version="", headers=None):
    """One request in one mode; {name: (datatype, shape, array)}."""
    sent = []
    for name, array in inputs.items():
        i = http.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        i.set_data_from_numpy(array, binary_data=mode not in JSON_IN)
        sent.append(i)
    wanted = None
    if mode != "binary" and mode not in ("gzip", "deflate", "async") or outputs:
        names = outputs or list(inputs)
        wanted = [http.InferRequestedOutput(n, binary_data=mode not in JSON_OUT) for n in names]
    more = {}
    if mode in ("gzip", "deflate"):
        more = {"request_compression_algorithm": mode, "response_compression_algorithm": mode}
    call = client.async_infer if mode == "async" else client.infer
    result = call(model, sent, model_version=version, outputs=wanted, request_id=f"mode-{mode}", headers=dict(headers or {}), **more)  # the client adds to them
    if mode == "async":
        result = result.get_result()
    response = result.get_response()
    if response.get("id") != f"mode-{mode}":
        raise Mismatch(f"the request id came back as {response.get('id')!r}")
    if response.get("model_name") != model:
        raise Mismatch(f"the model name came back as {response.get('model_name')!r}")
    got = {}
    for o in response["outputs"]:
        in_json = "data" in o
        if in_json != (mode in JSON_OUT):
            raise Mismatch(f"output {o['name']} came back {'as JSON' if in_json else 'in binary'}")
        got[o["name"]] = (o["datatype"], o["shape"], result.as_numpy(o["name"]))
    return got


class Mismatch(Exception):
    pass


def as_bytes(v):
    return v.encode() if isinstance(v, str) else v


def check_echo(inputs, got):
    if sorted(got) != sorted(inputs):
        raise Mismatch(f"outputs {sorted(got)}, expected {sorted(inputs)}")
    for name, sent in inputs.items():
        datatype, shape, array = got[name]
        if datatype != np_to_triton_dtype(sent.dtype):
            raise Mismatch(f"{name}: datatype {datatype}, expected {np_to_triton_dtype(sent.dtype)}")
        if list(shape) != list(sent.shape) or list(array.shape) != list(sent.shape):
            raise Mismatch(f"{name}: shape {shape}, expected {list(sent.shape)}")
        if sent.size == 0:
            continue  # tritonclient gives an empty array of any type
        if datatype == "BYTES":
            same = [as_bytes(v) for v in array.reshape(-1)] == list(sent.reshape(-1))
        else:
            # Bit for bit, but for which NaN it is.
            number = sent.dtype.kind == "f"
            nan = np.isnan(sent) if number else np.zeros(sent.shape, bool)
            same = array.dtype == sent.dtype and array[~nan].tobytes() == sent[~nan].tobytes()
            same = same and (not number or bool(np.isnan(array[nan]).all()))
        if not same:
            raise Mismatch(f"{name}: {plain(array)}, expected {plain(sent)}")


def agree(first, got):
    """Every mode must carry the same answer."""
    if sorted(first) != sorted(got):
        raise Mismatch(f"outputs {sorted(got)}, another mode had {sorted(first)}")
    for name in first:
        a, b = first[name], got[name]
        if a[:2] != b[:2]:
            raise Mismatch(f"{name}: {b[:2]}, another mode had {a[:2]}")
        left, right = ([as_bytes(v) for v in x[2].reshape(-1).tolist()] for x in (a, b))
        if left != right:
            raise Mismatch(f"{name}: {right}, another mode had {left}")


def refusal(url, call):
    """What a client of its own makes of a request that must fail; some servers hang up after one."""
    client = http.InferenceServerClient(url, connection_timeout=20, network_timeout=60)
    try:
        call(client)
    except InferenceServerException as e:
        return {"status": e.status(), "message": e.message()}
    finally:
        client.close()
    raise Mismatch("the request was answered, and should have been refused")


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("url", help="host:port")
    cli.add_argument("model")
    what = cli.add_mutually_exclusive_group(required=True)
    what.add_argument("--echo", action="store_true")
    what.add_argument("--iris", action="store_true")
    what.add_argument("--digits", action="store_true")
    what.add_argument("--small", choices=sorted(small_models.FUNCTIONS))
    what.add_argument("--sequence", action="store_true", help="modes that do not compress, one request at a time")
    cli.add_argument("--modes", default=",".join(MODES), help="comma-separated; default: all")
    cli.add_argument("--input", default="features", help="the name of iris' input")
    cli.add_argument("--outputs", default="", help="ask for these outputs by name in every mode")
    cli.add_argument("--version", default="", help="the model version to ask for")
    cli.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="sent with every health and metadata call and inference")
    cli.add_argument("--finite", action="store_true", help="echo only what a server that knows JSON alone can carry")
    cli.add_argument("--skip-refusals", action="store_true", help="send nothing that must fail")
    args = cli.parse_args()
    modes = args.modes.split(",")
    if unknown := set(modes) - set(MODES):
        cli.error(f"unknown modes: {', '.join(sorted(unknown))}")
    outputs = [o for o in args.outputs.split(",") if o]
    if args.small and not outputs:
        outputs = [name for name, _, _ in small_models.SIGNATURES[args.small][1]]
    if (args.iris or args.digits) and not outputs and set(modes) & {"binary-named", "json", "json-in", "json-out"}:
        cli.error("--iris and --digits need --outputs for modes that ask for outputs by name")

    client = http.InferenceServerClient(args.url, connection_timeout=20, network_timeout=60)
    try:
        headers = {k.strip(): v.strip() for k, v in (h.split(":", 1) for h in args.header)}
    except ValueError:
        cli.error("--header wants NAME:VALUE")

    report, wrong = {}, []

    def step(name, call):
        try:
            report[name] = call()
        except Mismatch as e:
            wrong.append(f"{name}: {e}")
        except InferenceServerException as e:
            wrong.append(f"{name}: the server refused with status {e.status()}: {e.message()}")
        except Exception as e:  # noqa: BLE001 - a client that cannot read the answer is the finding
            wrong.append(f"{name}: {type(e).__name__}: {e}")

    def true(call):
        def check():
            if call() is not True:
                raise Mismatch("not so")
            return True
        return check

    def model_metadata():
        m = client.get_model_metadata(args.model, args.version, headers=headers)
        if m.get("name") != args.model or not all(k in m for k in ("platform", "inputs", "outputs")):
            raise Mismatch(f"incomplete: {m}")
        return m

    def server_metadata():
        m = client.get_server_metadata(headers=headers)
        if not all(k in m for k in ("name", "version", "extensions")):
            raise Mismatch(f"incomplete: {m}")
        return m

    step("server_live", true(lambda: client.is_server_live(headers=headers)))
    step("server_ready", true(lambda: client.is_server_ready(headers=headers)))
    step("model_ready", true(lambda: client.is_model_ready(args.model, args.version, headers=headers)))
    step("server_metadata", server_metadata)
    step("model_metadata", model_metadata)

    first = None
    for mode in modes:
        def run(mode=mode):
            nonlocal first
            if args.sequence:
                return sequence(client, args.model, mode, headers)
            if args.echo:
                inputs = echo_inputs(mode, args.finite)
            elif args.small:
                inputs = small_models.example_inputs(args.small)
            else:
                inputs = {args.input: digits() if args.digits else IRIS}
            got = infer(client, args.model, inputs, outputs, mode, args.version, headers)
            if args.echo:
                check_echo(inputs, got)
            elif args.small:
                check_small(args.small, got)
            else:
                agree(first or got, got)
                first = first or got
            return {n: {"datatype": d, "shape": s, "data": plain(a)} for n, (d, s, a) in got.items()}
        step(mode, run)

    if not args.skip_refusals:
        mode = modes[0]
        ask = {args.input: IRIS}
        step("refusal_unknown_model", lambda: refusal(args.url, lambda client: infer(client, "no-such-model", ask, outputs or ["x"], mode, "", headers)))
        step("refusal_unknown_version", lambda: refusal(args.url, lambda client: infer(client, args.model, ask, outputs or ["x"], mode, "987654", headers)))
        if args.iris:
            step("refusal_wrong_shape", lambda: refusal(args.url, lambda client: infer(client, args.model, {args.input: IRIS[:, :3].copy()}, outputs, mode, args.version, headers)))
            step("refusal_wrong_type", lambda: refusal(args.url, lambda client: infer(client, args.model, {args.input: np.array([[b"a"] * 4], object)}, outputs, mode, args.version, headers)))
    client.close()

    print(json.dumps(report, sort_keys=True, ensure_ascii=False, allow_nan=False))
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
