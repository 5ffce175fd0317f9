"""Run the real KServe Python server on loopback, as this process.

    pip install -r tests/python/requirements/kserve.txt
    python tests/python/kserve/serve.py --http-port P --grpc-port P

Models: `iris` and `digits`, the quickstart's classifiers as scikit-learn itself computes them (names
and shapes are those of the ONNX files); `strings`, `adder` and `image` as tests/python/small_models.py
has them; `echo`, which answers with what it was sent; `slow`, which sleeps the seconds in its first
value; `broken`, which fails: as a server's error, or as the client's if `how` is `client`.
"""

import argparse
import asyncio
import importlib.util
import sys
from pathlib import Path
from uuid import uuid4

import numpy as np

HERE = Path(__file__).resolve().parent
QUICKSTART = HERE.parents[2] / "examples/quickstart/models/train.py"
sys.path.insert(0, str(HERE.parent))
import grpc.aio  # noqa: E402
import small_models  # noqa: E402
import uvicorn  # noqa: E402
from kserve import InferOutput, InferResponse, Model, ModelServer  # noqa: E402
from kserve.errors import InferenceError, InvalidInput  # noqa: E402


def on_loopback():
    """KServe listens on every address and lets nobody choose."""
    configure, serve = uvicorn.Config.__init__, grpc.aio.server

    def config(self, app, **settings):
        configure(self, app, **settings | {"host": "127.0.0.1"})

    def server(*args, **settings):
        made = serve(*args, **settings)
        add = made.add_insecure_port
        made.add_insecure_port = lambda address: add(f"127.0.0.1:{address.rsplit(':', 1)[1]}")
        return made

    uvicorn.Config.__init__, grpc.aio.server = config, server


def trained():
    spec = importlib.util.spec_from_file_location("train", QUICKSTART)
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    return {"iris": train.iris()[0], "digits": train.digits()[0]}


def answer(model, payload, outputs, raw=False):
    """Outputs as (name, datatype, array); over REST as the client asked for them, over gRPC typed unless `raw`."""
    made = []
    for name, datatype, array in outputs:
        out = InferOutput(name=name, shape=list(array.shape), datatype=datatype, data=array)
        if payload.from_grpc:
            out.set_data_from_numpy(array, binary_data=raw)
        made.append(out)
    return InferResponse(
        response_id=payload.id or str(uuid4()), model_name=model.name, from_grpc=payload.from_grpc, infer_outputs=made,
        use_binary_outputs=raw if payload.from_grpc else payload.use_binary_outputs,
        requested_outputs=payload.request_outputs,
    )


class Ours(Model):
    """A model with a signature; subclasses compute arrays from arrays."""

    def __init__(self, name, inputs=(), outputs=()):
        super().__init__(name)
        self.inputs, self.outputs = inputs, outputs

    def load(self):
        self.ready = True
        return True

    async def get_input_types(self):
        return [{"name": n, "datatype": d, "shape": s} for n, d, s in self.inputs]

    async def get_output_types(self):
        return [{"name": n, "datatype": d, "shape": s} for n, d, s in self.outputs]

    async def predict(self, payload, headers=None, response_headers=None):
        given = {i.name: i.as_numpy() for i in payload.inputs}
        for name, datatype, shape in self.inputs:
            if name not in given:
                raise InvalidInput(f"input {name} is missing")
            (sent,) = [i for i in payload.inputs if i.name == name]
            fits = len(sent.shape) == len(shape) and all(b in (-1, a) for a, b in zip(sent.shape, shape))
            if sent.datatype != datatype or not fits:
                raise InvalidInput(f"input {name} is {sent.datatype} {sent.shape}, expected {datatype} {shape}")
        arrays = await self.compute(given)
        return answer(self, payload, [(n, d, arrays[n]) for n, d, _ in self.outputs])


class Classifier(Ours):
    def __init__(self, name, model, label, features, classes):
        super().__init__(
            name, [("features", "FP32", [-1, features])],
            [("label", label, [-1]), ("probabilities", "FP32", [-1, classes])],
        )
        self.model = model

    async def compute(self, given):
        label = self.model.predict(given["features"])
        if label.dtype.kind == "U":
            label = np.array([v.encode() for v in label.tolist()], object)
        return {"label": label, "probabilities": self.model.predict_proba(given["features"]).astype(np.float32)}


class Small(Ours):
    def __init__(self, name):
        super().__init__(name, *small_models.SIGNATURES[name])

    async def compute(self, given):
        return small_models.FUNCTIONS[self.name](**given)


class Slow(Ours):
    def __init__(self):
        super().__init__("slow", [("seconds", "FP32", [-1])], [("seconds", "FP32", [-1])])

    async def compute(self, given):
        await asyncio.sleep(float(given["seconds"].reshape(-1)[0]))
        return given


class Echo(Ours):
    def __init__(self):
        super().__init__("echo")

    async def predict(self, payload, headers=None, response_headers=None):
        return answer(self, payload, [(i.name, i.datatype, i.as_numpy().reshape(i.shape)) for i in payload.inputs], raw=True)


class Broken(Ours):
    def __init__(self):
        super().__init__("broken")

    async def predict(self, payload, headers=None, response_headers=None):
        how = payload.inputs[0].as_numpy().reshape(-1)[0]
        if how in (b"client", "client"):
            raise InvalidInput("broken on purpose")
        raise InferenceError("broken on purpose")


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--http-port", type=int, required=True)
    cli.add_argument("--grpc-port", type=int, required=True)
    args = cli.parse_args()
    on_loopback()
    models = trained()
    served = [
        Classifier("iris", models["iris"], "BYTES", 4, 3), Classifier("digits", models["digits"], "INT64", 64, 10),
        *map(Small, small_models.FUNCTIONS), Echo(), Slow(), Broken(),
    ]
    for model in served:
        model.load()
    server = ModelServer(http_port=args.http_port, grpc_port=args.grpc_port, workers=1, enable_docs_url=False)
    server.start(served)


if __name__ == "__main__":
    main()
