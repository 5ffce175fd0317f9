"""Model servers over TLS that ask for a certificate and answer whose it was: REST by Python's ssl, gRPC by grpcio.

    python tests/python/tls_upstream.py FOLDER

FOLDER holds ca.pem, server.pem and server.key. Once both listen, the file FOLDER/ports says where, as JSON. Each answer
has one output `peer`: the common name in the client's certificate, and on REST the number of the connection.
"""

import http.server
import itertools
import json
import os
import pathlib
import ssl
import sys
import threading
from concurrent import futures

import grpc
from tritonclient.grpc import service_pb2

folder = pathlib.Path(sys.argv[1])
connections = itertools.count()


class Rest(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.number = next(connections)

    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer({"name": "m", "versions": ["1"], "platform": "test", "inputs": [], "outputs": []})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        subject = dict(pair for part in self.connection.getpeercert()["subject"] for pair in part)
        output = {
            "name": "peer",
            "datatype": "BYTES",
            "shape": [2],
            "data": [subject["commonName"], str(self.number)],
        }
        self.answer({"model_name": "m", "model_version": "1", "outputs": [output]})

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


def infer(request, context):
    (name,) = context.auth_context()["x509_common_name"]
    answer = service_pb2.ModelInferResponse(model_name=request.model_name, model_version="1")
    output = answer.outputs.add(name="peer", datatype="BYTES", shape=[1])
    output.contents.bytes_contents.append(name)
    return answer


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder / "server.pem", folder / "server.key")
context.load_verify_locations(folder / "ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
rest = Server(("127.0.0.1", 0), Rest)
# The handshake is made by the connection's own thread, so that one that fails holds up no other.
rest.socket = context.wrap_socket(rest.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=rest.serve_forever, daemon=True).start()

server = grpc.server(futures.ThreadPoolExecutor(4))
handler = grpc.unary_unary_rpc_method_handler(
    infer,
    request_deserializer=service_pb2.ModelInferRequest.FromString,
    response_serializer=service_pb2.ModelInferResponse.SerializeToString,
)
server.add_generic_rpc_handlers(
    [grpc.method_handlers_generic_handler("inference.GRPCInferenceService", {"ModelInfer": handler})]
)
own = ((folder / "server.key").read_bytes(), (folder / "server.pem").read_bytes())
credentials = grpc.ssl_server_credentials([own], (folder / "ca.pem").read_bytes(), require_client_auth=True)
port = server.add_secure_port("127.0.0.1:0", credentials)
server.start()

(folder / "ports.new").write_text(json.dumps({"rest": rest.server_address[1], "grpc": port}))
os.rename(folder / "ports.new", folder / "ports")
server.wait_for_termination()
