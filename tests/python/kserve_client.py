"""Drive a server with KServe's own clients, over REST and over gRPC, and print what came back as one JSON object.

    pip install -r tests/python/requirements/clients.txt
    python tests/python/kserve_client.py --http URL --grpc URL --iris iris --small strings --small adder=model

URLs are host:port; either may be left out. Models are those of tests/python/kserve/serve.py. Each is
asked in these modes:

    http-json          JSON both ways
    http-binary        binary inputs and outputs
    http-binary-in     binary inputs, JSON outputs
    http-dict          a plain object in place of the client's request class, without an id
    grpc-raw           raw contents
    grpc-typed         typed contents

Exits 1 with what differed, and 2 on a mistake in the arguments. `--no-health` leaves out the health
calls over REST, whose answers this client wants as JSON: not every server has a body there.
"""

import argparse
import asyncio
import json
import sys

import grpc
import httpx
import numpy as np
import small_models
import tritonclient_http as shared
from tritonclient.utils import np_to_triton_dtype
from tritonclient_http import Mismatch, plain

# KServe reads the arguments of whoever imports it.
ours, sys.argv = sys.argv, sys.argv[:1]
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig  # noqa: E402
from kserve.errors import InferenceError, InvalidInput  # noqa: E402
from kserve.protocol.infer_type import RequestedOutput  # noqa: E402

sys.argv = ours

HTTP_MODES = ["http-json", "http-binary", "http-binary-in", "http-dict"]
GRPC_MODES = ["grpc-raw", "grpc-typed"]


def request(model, inputs, outputs, mode):
    sent = []
    for name, array in inputs.items():
        i = InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        i.set_data_from_numpy(array, binary_data=mode in ("http-binary", "http-binary-in", "grpc-raw"))
        sent.append(i)
    wanted = [RequestedOutput(n) for n in outputs]
    if mode.startswith("http"):
        wanted = [RequestedOutput(n, {"binary_data": mode == "http-binary"}) for n in outputs]
    return InferRequest(model, sent, request_id=f"mode-{mode}", request_outputs=wanted or None)


def as_dict(inputs):
    def flat(array):
        return [v.decode() if isinstance(v, bytes) else v for v in array.reshape(-1).tolist()]

    return {"inputs": [
        {"name": n, "shape": list(a.shape), "datatype": np_to_triton_dtype(a.dtype), "data": flat(a)} for n, a in inputs.items()
    ]}


async def ask(clients, model, inputs, outputs, mode, headers):
    """{name: (datatype, shape, array)} of one request."""
    if mode == "http-dict":
        response = await clients["http"].infer(clients["base"], as_dict(inputs), model_name=model, headers=dict(headers))
    elif mode.startswith("http"):
        ours = request(model, inputs, outputs, mode)
        response = await clients["http"].infer(clients["base"], ours, model_name=model, headers=dict(headers))
    else:
        response = await clients["grpc"].infer(request(model, inputs, outputs, mode), headers=tuple(headers.items()))
    if mode != "http-dict" and response.id != f"mode-{mode}":
        raise Mismatch(f"{mode}: the request id came back as {response.id!r}")
    if response.model_name != model:
        raise Mismatch(f"{mode}: the model name came back as {response.model_name!r}")
    return {o.name: (o.datatype, list(o.shape), as_array(o)) for o in response.outputs}


def as_array(output):
    array = output.as_numpy().reshape(output.shape)
    if output.datatype == "BYTES":
        # JSON and typed answers are text for this client, binary ones bytes.
        values = [shared.as_bytes(v) for v in array.reshape(-1).tolist()]
        array = np.array([*values, None], object)[:-1].reshape(output.shape)
    return array


async def health(clients, model, headers):
    told = []
    if "http" in clients:
        told += [
            await clients["http"].is_server_live(clients["base"], headers=headers),
            await clients["http"].is_server_ready(clients["base"], headers=headers),
            await clients["http"].is_model_ready(clients["base"], model, headers=headers),
            not await clients["http"].is_model_ready(clients["base"], "no-such-model", headers=headers),
        ]
    if "grpc" in clients:
        pairs = tuple(headers.items())
        told += [
            await clients["grpc"].is_server_live(headers=pairs), await clients["grpc"].is_server_ready(headers=pairs),
            await clients["grpc"].is_model_ready(model, headers=pairs),
        ]
    if told != [True] * len(told):
        raise Mismatch(f"health: {told}")
    return told


async def refusals(clients, model, args):
    report = {}
    bad = {args.input: shared.IRIS[:, :3].copy()}
    for name, asked, inputs in (("unknown_model", "no-such-model", {args.input: shared.IRIS}), ("wrong_shape", model, bad)):
        for mode in (m for m in ("http-json", "grpc-raw") if m.split("-")[0] in clients):
            try:
                await ask(clients, asked, inputs, [], mode, args.headers)
                raise Mismatch(f"{mode}, {name}: answered, and should have been refused")
            except httpx.HTTPStatusError as e:
                report[f"{mode} {name}"] = {"status": e.response.status_code, "body": e.response.text}
            except grpc.RpcError as e:
                report[f"{mode} {name}"] = {"status": e.code().name, "message": e.details()}
    return report


async def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--http", help="host:port")
    cli.add_argument("--grpc", help="host:port")
    cli.add_argument("--iris", metavar="MODEL")
    cli.add_argument("--digits", metavar="MODEL")
    cli.add_argument("--small", action="append", default=[], metavar="NAME[=MODEL]")
    cli.add_argument("--input", default="features", help="the name of the classifiers' input")
    cli.add_argument("--outputs", default="label,probabilities", help="the classifiers' outputs")
    cli.add_argument("--modes", default=",".join(HTTP_MODES + GRPC_MODES), help="comma-separated; default: all")
    cli.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="sent with every call")
    cli.add_argument("--no-health", action="store_true")
    cli.add_argument("--skip-refusals", action="store_true", help="send nothing that must fail")
    args = cli.parse_args()
    if not (args.http or args.grpc):
        cli.error("give --http, --grpc or both")
    try:
        args.headers = {k.strip(): v.strip() for k, v in (h.split(":", 1) for h in args.header)}
    except ValueError:
        cli.error("--header wants NAME:VALUE")

    clients, modes = {}, []
    if args.http:
        clients |= {"http": InferenceRESTClient(RESTConfig(protocol="v2", retries=0)), "base": f"http://{args.http}"}
        modes += HTTP_MODES
    if args.grpc:
        clients["grpc"] = InferenceGRPCClient(args.grpc, retries=0)
        modes += GRPC_MODES
    asked = args.modes.split(",")
    if unknown := set(asked) - set(HTTP_MODES + GRPC_MODES):
        cli.error(f"unknown modes: {', '.join(sorted(unknown))}")
    modes = [m for m in modes if m in asked]

    report, wrong = {}, []

    async def part(name, call):
        try:
            report[name] = await call
        except Mismatch as e:
            wrong.append(f"{name}: {e}")
        except grpc.RpcError as e:
            wrong.append(f"{name}: the server refused with {e.code().name}: {e.details()}")
        except (httpx.HTTPError, InferenceError, InvalidInput) as e:
            wrong.append(f"{name}: {e}")
        except Exception as e:  # noqa: BLE001 - a client that cannot read the answer is the finding
            wrong.append(f"{name}: {type(e).__name__}: {e}")

    async def every_mode(model, inputs, outputs, check):
        told, first = {}, None
        for mode in modes:
            try:
                got = await ask(clients, model, inputs, outputs, mode, args.headers)
            except (httpx.HTTPError, InferenceError, InvalidInput, ValueError, TypeError) as e:
                raise Mismatch(f"{mode}: {type(e).__name__}: {e}") from e
            check(got)
            if first:
                shared.agree(first, got)
            first = first or got
            told[mode] = {n: {"datatype": d, "shape": s, "data": plain(a)} for n, (d, s, a) in got.items()}
        return told

    outputs = [o for o in args.outputs.split(",") if o]
    for name, rows in (("iris", shared.IRIS), ("digits", None)):
        if model := getattr(args, name):
            rows = shared.digits() if rows is None else rows
            await part(name, every_mode(model, {args.input: rows}, outputs, lambda got: None))
    for entry in args.small:
        name, _, model = entry.partition("=")
        if name not in small_models.FUNCTIONS:
            cli.error(f"--small knows {', '.join(sorted(small_models.FUNCTIONS))}")
        wanted = [n for n, _, _ in small_models.SIGNATURES[name][1]]
        check = lambda got: shared.check_small(name, got)  # noqa: E731, B023
        await part(name, every_mode(model or name, small_models.example_inputs(name), wanted, check))
    if args.iris and not args.no_health:
        await part("health", health(clients, args.iris, args.headers))
    if args.iris and not args.skip_refusals:
        await part("refusals", refusals(clients, args.iris, args))
    for name in ("http", "grpc"):
        if name in clients:
            await clients[name].close()

    print(json.dumps(report, sort_keys=True, ensure_ascii=False, allow_nan=False))
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    asyncio.run(main())
