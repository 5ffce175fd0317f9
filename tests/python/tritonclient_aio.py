"""Drive a server with the unchanged asyncio clients of tritonclient, over HTTP and over gRPC, many requests at once.

    pip install -r tests/python/requirements/clients.txt
    python tests/python/tritonclient_aio.py --http URL --grpc URL [--iris iris] [--small adder] [--tokens tokens]

URLs are host:port; either may be left out. `--iris` and `--small` send 16 requests concurrently over
each client; `--tokens` reads a decoupled model as a stream over gRPC. Prints what came back as one
JSON object. Exits 1 with what differed, and 2 on a mistake in the arguments.
"""

import argparse
import asyncio
import json
import sys

import small_models
import tritonclient.grpc.aio as grpc
import tritonclient.http.aio as http
import tritonclient_http as shared
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
from tritonclient_http import Mismatch, plain

AT_ONCE = 16


def ask(module, inputs, outputs):
    sent = []
    for name, array in inputs.items():
        i = module.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        i.set_data_from_numpy(array)
        sent.append(i)
    return sent, [module.InferRequestedOutput(n) for n in outputs] or None


def read(result):
    response = result.get_response()
    if isinstance(response, dict):
        return response["id"], {o["name"]: (o["datatype"], list(o["shape"]), result.as_numpy(o["name"])) for o in response["outputs"]}
    return response.id, {o.name: (o.datatype, list(o.shape), result.as_numpy(o.name)) for o in response.outputs}


async def concurrently(module, client, model, inputs, outputs, headers):
    async def one(identity):
        sent, wanted = ask(module, inputs, outputs)
        result = await client.infer(model, sent, outputs=wanted, request_id=identity, headers=dict(headers))
        back, got = read(result)
        if back != identity:
            raise Mismatch(f"request {identity} got the answer to {back}")
        return got

    answers = await asyncio.gather(*(one(f"r{i}") for i in range(AT_ONCE)))
    for other in answers[1:]:
        shared.agree(answers[0], other)
    return answers[0]


async def health(client, model, headers):
    answers = [
        await client.is_server_live(headers=dict(headers)),
        await client.is_server_ready(headers=dict(headers)),
        await client.is_model_ready(model, headers=dict(headers)),
    ]
    if answers != [True, True, True]:
        raise Mismatch(f"live, ready, model ready: {answers}")
    return True


async def tokens(client, model, headers):
    import tritonclient_grpc as unary

    async def requests():
        for identity in ("a", "b"):
            yield unary.token_request(model, identity, max_tokens=3, delay_ms=5)

    got = []
    # It ends by itself: this client closes its side after the last request, and the server then its own.
    async for result, error in client.stream_infer(requests(), stream_timeout=unary.PATIENCE, headers=dict(headers)):
        if error:
            raise error
        got.append(unary.answer(result))
    for identity in "ab":
        unary.expect(identity, unary.text(got, identity), [f"{identity} {i}" for i in range(3)])
    return got


async def drive(name, module, url, args, report, wrong):
    client = module.InferenceServerClient(url)
    outputs = [o for o in args.outputs.split(",") if o]

    async def part(what, call):
        try:
            report[f"{name} {what}"] = await call
        except Mismatch as e:
            wrong.append(f"{name} {what}: {e}")
        except InferenceServerException as e:
            wrong.append(f"{name} {what}: the server refused with {e.status()}: {e.message()}")
        except Exception as e:  # noqa: BLE001 - a client that cannot read the answer is the finding
            wrong.append(f"{name} {what}: {type(e).__name__}: {e}")

    async def iris():
        got = await concurrently(module, client, args.iris, {args.input: shared.IRIS}, outputs, args.headers)
        return {n: {"datatype": d, "shape": s, "data": plain(a)} for n, (d, s, a) in got.items()}

    async def small():
        kind, _, name = args.small.partition("=")
        wanted = [n for n, _, _ in small_models.SIGNATURES[kind][1]]
        got = await concurrently(module, client, name or kind, small_models.example_inputs(kind), wanted, args.headers)
        shared.check_small(kind, got)
        return {n: plain(a) for n, (_, _, a) in got.items()}

    if model := args.iris or args.small and args.small.rpartition("=")[2]:
        await part("health", health(client, model, args.headers))
    if args.iris:
        await part("iris", iris())
    if args.small:
        await part("small", small())
    if args.tokens and module is grpc:
        await part("tokens", tokens(client, args.tokens, args.headers))
    await client.close()


async def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--http", help="host:port")
    cli.add_argument("--grpc", help="host:port")
    cli.add_argument("--iris", metavar="MODEL")
    cli.add_argument("--small", metavar="NAME[=MODEL]", help="a model of small_models.py")
    cli.add_argument("--tokens", metavar="MODEL", help="over gRPC only")
    cli.add_argument("--input", default="features", help="the name of iris' input")
    cli.add_argument("--outputs", default="", help="ask iris for these outputs by name")
    cli.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="sent with every call")
    args = cli.parse_args()
    if not (args.http or args.grpc):
        cli.error("give --http, --grpc or both")
    if args.small and args.small.partition("=")[0] not in small_models.FUNCTIONS:
        cli.error(f"--small knows {', '.join(sorted(small_models.FUNCTIONS))}")
    try:
        args.headers = {k.strip(): v.strip() for k, v in (h.split(":", 1) for h in args.header)}
    except ValueError:
        cli.error("--header wants NAME:VALUE")
    report, wrong = {}, []
    for name, module, url in (("http", http, args.http), ("grpc", grpc, args.grpc)):
        if url:
            await drive(name, module, url, args, report, wrong)
    print(json.dumps(report, sort_keys=True, ensure_ascii=False, allow_nan=False))
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    asyncio.run(main())
