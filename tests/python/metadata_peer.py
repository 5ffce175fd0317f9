"""A gRPC server that shows what metadata reached it, and a client that shows what came back.

    pip install -r tests/python/requirements/clients.txt
    python tests/python/metadata_peer.py serve --port P
    python tests/python/metadata_peer.py call URL MODEL [--id ID] [--timeout SECONDS] [--metadata NAME:VALUE ...]

Neither is part of the gateway; both are grpcio with tritonclient's stubs. The server answers ModelInfer with two outputs
of BYTES, `names` and `values`, what it received (values of `-bin` names in hexadecimal), and `seconds`, the time it was
given. Around the answer it puts metadata of its own, and some that no client must see. A request of the id `fail` fails
with a status that has details, one of the id `address` with details that name an address.

The client prints one JSON object: the answer, or code and message, and the initial and trailing metadata. Its values of
`-bin` names are hexadecimal, too.
"""

import argparse
import json
import math
from concurrent import futures

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

HEAD = (("x-first", "one"), ("x-first", "two"), ("x-first-bin", b"\x00\xff\x10"), ("set-cookie", "secret"),
        ("x-sluicegate-model", "forged"), ("sluicegate-version", "forged"), ("x-forwarded-for", "10.0.0.1"))
TRAILERS = (("x-last", "three"), ("x-last-bin", b"\xfe\x00"), ("authorization", "secret"))
SIZES = [("grpc.max_metadata_size", 1 << 17), ("grpc.absolute_max_metadata_size", 1 << 17)]


def shown(metadata):
    return [[k, v.hex() if isinstance(v, bytes) else v] for k, v in metadata or ()]


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):
    def ServerMetadata(self, request, context):
        return pb.ServerMetadataResponse(name="metadata-peer", version="1")

    def ModelReady(self, request, context):
        return pb.ModelReadyResponse(ready=True)

    def ModelInfer(self, request, context):
        context.send_initial_metadata(HEAD)
        if request.id in ("fail", "address"):
            details = b"\x08\x03\x12\x04nope" if request.id == "fail" else b"\x08\x03\x12\x10at 10.1.2.3:8001 "
            context.set_trailing_metadata((*TRAILERS, ("grpc-status-details-bin", details)))
            context.abort(grpc.StatusCode.OUT_OF_RANGE, "100% für nichts\n")
        context.set_trailing_metadata(TRAILERS)
        pairs = shown(context.invocation_metadata())
        seconds = context.time_remaining()
        answer = pb.ModelInferResponse(model_name=request.model_name, model_version="1", id=request.id)
        for name, values in (("names", [k for k, _ in pairs]), ("values", [v for _, v in pairs])):
            output = answer.outputs.add(name=name, datatype="BYTES", shape=[len(values)])
            output.contents.bytes_contents.extend(v.encode() for v in values)
        output = answer.outputs.add(name="seconds", datatype="FP64", shape=[1])
        output.contents.fp64_contents.append(math.inf if seconds is None else seconds)
        return answer


def serve(args):
    server = grpc.server(futures.ThreadPoolExecutor(4), options=SIZES)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Servicer(), server)
    if server.add_insecure_port(f"127.0.0.1:{args.port}") != args.port:
        raise SystemExit("the port is taken")
    server.start()
    server.wait_for_termination()


def raw(answer, name):
    at = [o.name for o in answer.outputs].index(name)
    data, texts = answer.raw_output_contents[at], []
    while data:
        length = int.from_bytes(data[:4], "little")
        texts.append(data[4:4 + length].decode())
        data = data[4 + length:]
    return texts


def call(args):
    channel = grpc.insecure_channel(args.url, options=SIZES)
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    pairs = [pair.split(":", 1) for pair in args.metadata]
    metadata = [(k, bytes.fromhex(v) if k.endswith("-bin") else v) for k, v in pairs]
    request = pb.ModelInferRequest(model_name=args.model, id=args.id)
    report = {}
    try:
        answer, ended = stub.ModelInfer.with_call(request, metadata=metadata, timeout=args.timeout)
        report["received"] = [list(pair) for pair in zip(raw(answer, "names"), raw(answer, "values"))]
        import numpy as np

        at = [o.name for o in answer.outputs].index("seconds")
        report["seconds"] = float(np.frombuffer(answer.raw_output_contents[at])[0])
    except grpc.RpcError as error:
        ended = error
    report |= {"code": ended.code().name, "message": ended.details() or "",
               "initial": shown(ended.initial_metadata()), "trailing": shown(ended.trailing_metadata())}
    print(json.dumps(report, indent=1))


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    what = cli.add_subparsers(required=True)
    server = what.add_parser("serve")
    server.add_argument("--port", type=int, required=True)
    server.set_defaults(run=serve)
    client = what.add_parser("call")
    client.add_argument("url", help="host:port")
    client.add_argument("model")
    client.add_argument("--id", default="")
    client.add_argument("--timeout", type=float, default=60)
    client.add_argument("--metadata", action="append", default=[], metavar="NAME:VALUE", help="a -bin value in hexadecimal")
    client.set_defaults(run=call)
    args = cli.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
