"""Triton's clients over TLS against a gateway that serves iris, on REST and gRPC.

    python tests/python/tls_clients.py PORT CA_FILE OTHER_CA_FILE

Prints what each read, and what each says of a gateway that it does not trust.
"""

import json
import sys

import numpy
import tritonclient.grpc
import tritonclient.http

port, ca, other = sys.argv[1:]
url = f"localhost:{port}"
row = numpy.array([[5.1, 3.4, 1.5, 0.2]], dtype=numpy.float32)


def infer(module, client):
    features = module.InferInput("features", row.shape, "FP32")
    features.set_data_from_numpy(row)
    answer = client.infer("iris", [features])
    return answer.as_numpy("label").reshape(-1)[0].decode()


def rest(trusted):
    return tritonclient.http.InferenceServerClient(url, ssl=True, ssl_options={"ca_certs": trusted})


def grpc(trusted):
    return tritonclient.grpc.InferenceServerClient(url, ssl=True, root_certificates=trusted)


def refused(ask):
    try:
        ask()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


print(
    json.dumps(
        {
            "rest": infer(tritonclient.http, rest(ca)),
            "grpc": infer(tritonclient.grpc, grpc(ca)),
            "rest_of_a_stranger": refused(lambda: rest(other).is_server_live()),
            "grpc_of_a_stranger": refused(lambda: grpc(other).is_server_live()),
        }
    )
)
