"""Drive a server with the unchanged tritonclient.grpc and print what came back as one JSON object.

    pip install -r tests/python/requirements/clients.txt
    python tests/python/tritonclient_grpc.py URL --about iris --iris iris --outputs label,probabilities
    python tests/python/tritonclient_grpc.py URL --echo echo --small strings=text_model --tokens tokens --sequence sequence

URL is host:port. Each option names the model it asks and gives the report a part of that name:

    --about       health, metadata, configuration, statistics and repository index
    --echo        a model that answers every input with an output of the same name, datatype, shape and data
    --iris, --digits   the quickstart's classifiers
    --small       NAME or NAME=MODEL: one of small_models.py
    --tokens      the decoupled model of the Triton test server
    --sequence    the stateful one, unary and as a stream
    --slow        a model that sleeps the seconds in its first FP32 value: the deadline must hold
    --refusals    a model with one FP32 input of rank 2 and `--input`'s name: requests that should
                  fail; what a server answers instead is told as it is

Inferences are sent in each of these modes:

    raw         raw contents, outputs as the server likes (the client's default)
    raw-named   outputs asked for by name
    typed       typed contents, as other clients send them; never for FP16 and BF16, which have none
    gzip, deflate   `raw` in compressed messages
    async       `raw` through async_infer
    stream      `raw` through ModelStreamInfer

Exits 1 with what differed if something did not do as expected, and 2 on a mistake in the arguments.
Where servers may differ (configuration, statistics, index, refusals) the answer is reported as it is.
"""

import argparse
import json
import queue
import sys

import grpc as grpcio
import numpy as np
import small_models
import tritonclient.grpc as grpc
import tritonclient_http as shared
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype
from tritonclient_http import Mismatch, plain

MODES = ["raw", "raw-named", "typed", "gzip", "deflate", "async", "stream"]
PATIENCE = 60
CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}


class Server:
    def __init__(self, url, metadata):
        self.url, self.metadata = url, metadata
        self.client = grpc.InferenceServerClient(url)
        self.channel = grpcio.insecure_channel(url)
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def raw_call(self, request):
        """A request the client's own classes would not build."""
        return self.stub.ModelInfer(request, timeout=PATIENCE, metadata=tuple(self.metadata.items()))

    def streamed(self, *requests, answers, headers=None):
        """The first `answers` answers to requests sent in one stream, each a result or an exception."""
        got = queue.Queue()
        with grpc.InferenceServerClient(self.url) as client:
            client.start_stream(lambda result, error: got.put(error or result), headers={**self.metadata, **(headers or {})})
            for request in requests:
                client.async_stream_infer(**request)
            out = []
            while len(out) < answers:
                try:
                    out.append(got.get(timeout=PATIENCE))
                except queue.Empty:
                    raise Mismatch(f"{len(out)} answers came in {PATIENCE} seconds, expected {answers}") from None
            client.stop_stream()
            # What the stream still had to say belongs to the finding.
            while not got.empty():
                out.append(got.get())
        return out


def tensors(inputs):
    sent = []
    for name, array in inputs.items():
        i = grpc.InferInput(name, list(array.shape), datatype(array))
        i.set_data_from_numpy(array)
        sent.append(i)
    return sent


def datatype(array):
    return np_to_triton_dtype(array.dtype)


def typed_request(model, version, inputs, outputs, identity):
    request = pb.ModelInferRequest(model_name=model, model_version=version, id=identity)
    for name, array in inputs.items():
        i = request.inputs.add(name=name, datatype=datatype(array), shape=array.shape)
        getattr(i.contents, CONTENTS[i.datatype]).extend(array.reshape(-1).tolist())
    for name in outputs or []:
        request.outputs.add(name=name)
    return request


def read(result, output):
    """The array of an output. tritonclient itself reads raw contents only: of typed ones it makes empty arrays."""
    if result.get_response().raw_output_contents:
        return result.as_numpy(output.name)
    values = getattr(output.contents, CONTENTS[output.datatype])
    kind = object if output.datatype == "BYTES" else triton_to_np_dtype(output.datatype)
    return np.array(list(values), kind).reshape(list(output.shape))


def infer(server, model, inputs, outputs, mode, version=""):
    """One request in one mode; {name: (datatype, shape, array)} and the form of the answer."""
    identity = f"mode-{mode}"
    wanted = [grpc.InferRequestedOutput(n) for n in outputs or list(inputs)] if outputs or mode == "raw-named" else None
    ask = dict(model_name=model, inputs=tensors(inputs), model_version=version, outputs=wanted, request_id=identity)
    if mode == "typed":
        result = grpc.InferResult(server.raw_call(typed_request(model, version, inputs, outputs, identity)))
    elif mode == "stream":
        results = server.streamed(ask, answers=1)
        if len(results) != 1:
            raise Mismatch(f"{len(results)} answers to one request")
        if isinstance(results[0], Exception):
            raise results[0]
        result = results[0]
    elif mode == "async":
        got = queue.Queue()
        server.client.async_infer(callback=lambda result, error: got.put(error or result), headers=server.metadata, **ask)
        result = got.get(timeout=PATIENCE)
        if isinstance(result, Exception):
            raise result
    else:
        more = {"compression_algorithm": mode} if mode in ("gzip", "deflate") else {}
        result = server.client.infer(headers=server.metadata, client_timeout=PATIENCE, **ask, **more)
    response = result.get_response()
    if response.id != identity:
        raise Mismatch(f"the request id came back as {response.id!r}")
    if response.model_name != model:
        raise Mismatch(f"the model name came back as {response.model_name!r}")
    got = {o.name: (o.datatype, list(o.shape), read(result, o)) for o in response.outputs}
    return got, "raw" if response.raw_output_contents else "typed"


def echo_inputs(mode, finite):
    inputs = shared.echo_inputs("binary", finite)
    if mode == "typed":
        inputs.pop("fp16")
    return inputs


def in_every_mode(modes, run, known=False):
    """The answers of all modes, which must agree unless `run` knows them, and the form each came in."""
    report, first = {}, None
    for mode in modes:
        try:
            got, form = run(mode)
            first = first or got
            if not known:
                shared.agree(first, got)
        except (Mismatch, InferenceServerException, grpcio.RpcError) as e:
            raise Mismatch(f"{mode}: {explain(e)}") from e
        report[mode] = {
            "form": form,
            "outputs": {n: {"datatype": d, "shape": s, "data": plain(a)} for n, (d, s, a) in got.items()},
        }
    return report


def bf16(server, model, version):
    """Echoed by the raw call: numpy has no such type, and tritonclient makes one from FP32 only with more packages."""
    request = pb.ModelInferRequest(model_name=model, model_version=version, id="bf16")
    request.inputs.add(name="bf16", datatype="BF16", shape=[4])
    raw = np.array([0x3F80, 0x8000, 0x7FC0, 0x0001], np.uint16).tobytes()
    request.raw_input_contents.append(raw)
    response = server.raw_call(request)
    found = [(o.name, o.datatype, list(o.shape)) for o in response.outputs]
    if found != [("bf16", "BF16", [4])] or list(response.raw_output_contents) != [raw]:
        raise Mismatch(f"{found} {[c.hex() for c in response.raw_output_contents]}, expected BF16 {raw.hex()}")
    return raw.hex()


def echo(server, model, args):
    def run(mode):
        inputs = echo_inputs(mode, args.finite)
        got, form = infer(server, model, inputs, None, mode, args.version)
        shared.check_echo(inputs, got)
        return got, form

    report = in_every_mode(args.modes, run, known=True)
    if not args.finite and not args.no_bf16:
        report["bf16"] = bf16(server, model, args.version)
    return report


def small(server, name, model, args):
    def run(mode):
        inputs = small_models.example_inputs(name)
        got, form = infer(server, model, inputs, [n for n, _, _ in small_models.SIGNATURES[name][1]], mode, args.version)
        shared.check_small(name, got)
        return got, form

    return in_every_mode(args.modes, run)


def classifier(server, model, rows, args):
    outputs = [o for o in args.outputs.split(",") if o]
    modes = [m for m in args.modes if m != "raw-named" or outputs]
    return in_every_mode(modes, lambda mode: infer(server, model, {args.input: rows}, outputs, mode, args.version))


def explain(e):
    if isinstance(e, grpcio.RpcError):
        return f"{e.code().name}: {e.details()}"
    if isinstance(e, InferenceServerException):
        return f"{e.status()}: {e.message()}"
    return str(e)


def refused(call, may_answer=False):
    """The status and message of a call that must fail, or may."""
    try:
        call()
    except grpcio.RpcError as e:
        told = {"status": f"StatusCode.{e.code().name}", "message": e.details()}
    except InferenceServerException as e:
        told = {"status": e.status(), "message": e.message()}
    else:
        if may_answer:
            return {"status": "answered"}
        raise Mismatch("the request was answered, and should have been refused")
    if "failed to connect" in told["message"]:
        raise Mismatch(f"the server is gone: {told['message']}")
    return told


def or_refusal(call):
    try:
        return call()
    except InferenceServerException as e:
        return {"status": e.status(), "message": e.message()}


def about(server, model, args):
    client, more = server.client, {"headers": server.metadata, "client_timeout": PATIENCE}
    live, ready = client.is_server_live(**more), client.is_server_ready(**more)
    model_ready = client.is_model_ready(model, args.version, **more)
    if (live, ready, model_ready) != (True, True, True):
        raise Mismatch(f"live {live}, ready {ready}, model ready {model_ready}")
    metadata = client.get_model_metadata(model, args.version, as_json=True, **more)
    if metadata.get("name") != model:
        raise Mismatch(f"metadata names {metadata.get('name')!r}")
    return {
        "server_metadata": client.get_server_metadata(as_json=True, **more),
        "model_metadata": metadata,
        "unknown_model_ready": or_refusal(lambda: client.is_model_ready("no-such-model", **more)),
        "unknown_model_metadata": or_refusal(lambda: client.get_model_metadata("no-such-model", **more)),
        "config": or_refusal(lambda: client.get_model_config(model, args.version, as_json=True, **more)),
        "statistics": or_refusal(lambda: client.get_inference_statistics(model, args.version, as_json=True, **more)),
        "statistics_of_all": or_refusal(lambda: client.get_inference_statistics(as_json=True, **more)),
        "index": or_refusal(lambda: client.get_model_repository_index(as_json=True, **more)),
    }


def token_request(model, identity, final=False, **given):
    inputs = {"prompt": np.array([identity.encode()], object)}
    inputs |= {name: np.array([value], np.int32) for name, value in given.items()}
    more = {"enable_empty_final_response": True} if final else {}
    return dict(model_name=model, inputs=tensors(inputs), request_id=identity, **more)


def answer(result):
    """An answer in a stream: its id, token and parameters, or its error."""
    if isinstance(result, InferenceServerException):
        return {"error": result.message(), "status": result.status()}
    r = result.get_response()
    parameters = {k: MessageToDict(v) for k, v in r.parameters.items()}
    out = {"id": r.id, "parameters": parameters}
    if r.outputs:
        token = shared.as_bytes(result.as_numpy("token")[0]).decode()
        out |= {"token": token, "index": int(result.as_numpy("index")[0])}
    return out


def expect(what, found, wanted):
    if found != wanted:
        raise Mismatch(f"{what}: {found}, expected {wanted}")


def text(answers, identity=None):
    return [a.get("token", "error" if "error" in a else None) for a in answers if identity in (None, a.get("id"))]


def tokens(server, model, args):
    stream = lambda *requests, **more: [answer(r) for r in server.streamed(*requests, **more)]  # noqa: E731
    report = {}
    report["plain"] = stream(token_request(model, "a", max_tokens=3), answers=3)
    expect("plain", text(report["plain"]), ["a 0", "a 1", "a 2"])
    report["final"] = stream(token_request(model, "b", True, max_tokens=2), answers=3)
    expect("final", text(report["final"]), ["b 0", "b 1", None])
    flags = [a["parameters"].get("triton_final_response", {}).get("boolParam", False) for a in report["final"]]
    expect("final flags", flags, [False, False, True])
    report["none"] = stream(token_request(model, "c", True, max_tokens=0), answers=1)
    expect("none", text(report["none"]), [None])
    # Two at once: each in its own order, whatever order they come in between them.
    both = stream(token_request(model, "d", True, max_tokens=3, delay_ms=5), token_request(model, "e", True, max_tokens=3, delay_ms=5), answers=8)
    for identity in "de":
        expect(f"of two, {identity}", text(both, identity), [f"{identity} {i}" for i in range(3)] + [None])
    report["error_in_band"] = stream(token_request(model, "f", True, max_tokens=3, fail_at=1), answers=4)
    expect("error in band", text(report["error_in_band"]), ["f 0", "error", "f 2", None])
    strict = stream(token_request(model, "g", True, max_tokens=2, fail_at=1), answers=2, headers={"triton_grpc_error": "true"})
    expect("error as status", text(strict), ["g 0", "error"])
    report["error_as_status"] = strict
    # The stream outlives a request that fails before it reaches a model.
    unknown = stream(token_request("no-such-model", "h"), token_request(model, "i", max_tokens=1), answers=2)
    report["unknown_model_then_good"] = sorted(unknown, key=lambda a: "token" in a)
    expect("after an unknown model", sorted(text(unknown)), ["error", "i 0"])
    report["unary"] = refused(lambda: server.client.infer(headers=server.metadata, **token_request(model, "j")))
    report["cancelled"] = cancelled(server, model)
    return report


def cancelled(server, model):
    """Leaves in the middle; what comes back then is the client's own word for it."""
    got = queue.Queue()
    with grpc.InferenceServerClient(server.url) as client:
        client.start_stream(lambda result, error: got.put(error or result), headers=dict(server.metadata))
        client.async_stream_infer(**token_request(model, "k", max_tokens=1000, delay_ms=20))
        first = answer(got.get(timeout=PATIENCE))
        client.stop_stream(cancel_requests=True)
    expect("before the end", first.get("token"), "k 0")
    count = 1
    while not got.empty():
        count += "token" in answer(got.get())
    if count > 900:
        raise Mismatch("the stream went on to its end")
    return first


def sequence(server, model, args):
    def request(step):
        key, start, end, value = step
        inputs = tensors({"x": np.array([value], np.int64)})
        return dict(model_name=model, inputs=inputs, sequence_id=key, sequence_start=start, sequence_end=end)

    unary = [shared.told(server.client.infer(headers=server.metadata, client_timeout=PATIENCE, **request(s))) for s in shared.SEQUENCE]
    # Answers of different sequences may pass each other; those of one may not.
    results = server.streamed(*(request(s) for s in shared.SEQUENCE), answers=len(shared.SEQUENCE))
    for e in results:
        if isinstance(e, Exception):
            raise e
    streamed = [shared.told(r) for r in results]
    wanted = [{"seen": shared.seen(s), "total": t} for s, t in zip(shared.SEQUENCE, shared.TOTALS)]
    for key in dict.fromkeys(key for key, *_ in shared.SEQUENCE):
        of = lambda told: [t for t in told if t["seen"].split(":")[1] == str(key)]  # noqa: E731, B023
        expect(f"stream, {key}", of(streamed), of(wanted))
    middle = refused(lambda: server.client.infer(headers=server.metadata, client_timeout=PATIENCE, **request(("never started", False, False, 1))))
    return {"unary": shared.check_sequence(unary), "stream": streamed, "refusal_not_started": middle}


def slow(server, model, args):
    inputs = tensors({"seconds": np.array([5], np.float32)})
    late = refused(lambda: server.client.infer(model, inputs, headers=server.metadata, client_timeout=0.4))
    expect("the deadline", late["status"], "StatusCode.DEADLINE_EXCEEDED")
    return {"deadline": late}


def refusals(server, model, args):
    good = {args.input: shared.IRIS}

    def call(**changes):
        ask = {"model_name": model, "inputs": tensors(good), "headers": server.metadata, "client_timeout": PATIENCE} | changes
        return lambda: server.client.infer(**ask)

    def built(change):
        request = typed_request(model, args.version, good, [], "x")
        change(request)
        return lambda: server.raw_call(request)

    def mixed(request):
        request.raw_input_contents.append(shared.IRIS.tobytes())

    def short(request):
        request.inputs[0].ClearField("contents")
        request.raw_input_contents.append(shared.IRIS.tobytes()[:-1])

    def surplus(request):
        request.inputs[0].contents.fp32_contents.append(1.0)

    def wrong_field(request):
        request.inputs[0].contents.int_contents.append(1)
        request.inputs[0].contents.ClearField("fp32_contents")

    def datatype(request):
        request.inputs[0].datatype = "FP33"

    def told(call):
        return refused(call, may_answer=True)

    return {
        "unknown_model": told(call(model_name="no-such-model")),
        "unknown_version": told(call(model_version="987654")),
        "wrong_shape": told(call(inputs=tensors({args.input: shared.IRIS[:, :3].copy()}))),
        "wrong_type": told(call(inputs=tensors({args.input: np.array([[b"a"] * 4], object)}))),
        "raw_and_typed": told(built(mixed)),
        "raw_too_short": told(built(short)),
        "typed_too_long": told(built(surplus)),
        "wrong_contents_field": told(built(wrong_field)),
        "unknown_datatype": told(built(datatype)),
    }


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("url", help="host:port")
    for part in ("about", "echo", "iris", "digits", "tokens", "sequence", "slow", "refusals"):
        cli.add_argument(f"--{part}", metavar="MODEL")
    cli.add_argument("--small", action="append", default=[], metavar="NAME[=MODEL]")
    cli.add_argument("--modes", default=",".join(MODES), help="comma-separated; default: all")
    cli.add_argument("--input", default="features", help="the name of the classifiers' input")
    cli.add_argument("--outputs", default="", help="ask the classifiers for these outputs by name in every mode")
    cli.add_argument("--version", default="", help="the model version to ask for")
    cli.add_argument("--metadata", action="append", default=[], metavar="NAME:VALUE", help="sent with every call")
    cli.add_argument("--finite", action="store_true", help="echo only what a server that knows JSON alone can carry")
    cli.add_argument("--no-bf16", action="store_true", help="leave BF16 out of the echo: not every server knows it")
    args = cli.parse_args()
    args.modes = args.modes.split(",")
    if unknown := set(args.modes) - set(MODES):
        cli.error(f"unknown modes: {', '.join(sorted(unknown))}")
    try:
        metadata = {k.strip(): v.strip() for k, v in (m.split(":", 1) for m in args.metadata)}
    except ValueError:
        cli.error("--metadata wants NAME:VALUE")
    server = Server(args.url, metadata)

    report, wrong = {}, []

    def part(name, call):
        try:
            report[name] = call()
        except Mismatch as e:
            wrong.append(f"{name}: {e}")
        except (InferenceServerException, grpcio.RpcError) as e:
            wrong.append(f"{name}: the server refused with {explain(e)}")
        except Exception as e:  # noqa: BLE001 - a client that cannot read the answer is the finding
            wrong.append(f"{name}: {type(e).__name__}: {e}")

    parts = {
        "about": about, "echo": echo, "tokens": tokens, "sequence": sequence, "slow": slow, "refusals": refusals,
        "iris": lambda s, m, a: classifier(s, m, shared.IRIS, a),
        "digits": lambda s, m, a: classifier(s, m, shared.digits(), a),
    }
    for name, run in parts.items():
        if model := getattr(args, name):
            part(name, lambda: run(server, model, args))
    for entry in args.small:
        name, _, model = entry.partition("=")
        if name not in small_models.FUNCTIONS:
            cli.error(f"--small knows {', '.join(sorted(small_models.FUNCTIONS))}")
        part(name, lambda: small(server, name, model or name, args))

    print(json.dumps(report, sort_keys=True, ensure_ascii=False, allow_nan=False))
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
