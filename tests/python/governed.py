"""Ask a gateway for a model in unchanged clients of two protocols, with a key, and print what became of it as one JSON object.

    pip install -r tests/python/requirements/clients.txt
    python tests/python/governed.py URL MODEL --key KEY [--version VERSION] [--features N]

URL is host:port. Sends N zeros as the model's first input over REST and gRPC. The report has, for each, `ready`, `infer`
(`ok` or the client's error), `version` as the answer tells it, and `index`: the models and versions that are listed.
"""

import argparse
import json

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http
from tritonclient.utils import InferenceServerException


def told(ask):
    try:
        return ask()
    except InferenceServerException as e:
        return f"{e.status() or ''} {e.message()}".strip()


def drive(client, module, args, headers):
    # Each call has headers of its own: the client over REST writes into them.
    def infer():
        about = client.get_model_metadata(args.model, args.version, headers=dict(headers), **(
            {"as_json": True} if module is grpc else {}))
        name = about["inputs"][0]["name"]
        tensor = module.InferInput(name, [1, args.features], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, args.features), dtype=np.float32))
        answer = client.infer(args.model, [tensor], model_version=args.version, headers=dict(headers))
        response = answer.get_response(as_json=True) if module is grpc else answer.get_response()
        return {"version": response["model_version"]}

    def index():
        listed = client.get_model_repository_index(headers=dict(headers), **({"as_json": True} if module is grpc else {}))
        entries = listed.get("models", []) if module is grpc else listed
        return sorted(f"{entry['name']}@{entry['version']}" for entry in entries)

    return {
        "ready": told(lambda: client.is_model_ready(args.model, args.version, headers=dict(headers))),
        "infer": told(infer),
        "index": told(index),
    }


parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("model")
parser.add_argument("--key")
parser.add_argument("--version", default="")
parser.add_argument("--features", type=int, default=30)
args = parser.parse_args()
headers = {"authorization": f"Bearer {args.key}"} if args.key else {}
print(json.dumps({
    "rest": drive(http.InferenceServerClient(args.url), http, args, headers),
    "grpc": drive(grpc.InferenceServerClient(args.url), grpc, args, headers),
}))
