"""Small models for MLServer: one that echoes, one that sleeps, one that fails, and those of small_models.py."""

import asyncio
import sys

import numpy as np
import small_models
from mlserver import MLModel
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


def same(model, request, inputs):
    # MLServer puts the request's headers among the parameters, and would send them back as the
    # response's headers, Content-Length and all.
    parameters = request.parameters and request.parameters.model_copy(update={"headers": None})
    return InferenceResponse(
        id=request.id,
        model_name=model.name,
        model_version=model.version,
        parameters=parameters,
        outputs=[
            ResponseOutput(name=i.name, shape=i.shape, datatype=i.datatype, data=i.data, parameters=i.parameters)
            for i in inputs
        ],
    )


class Echo(MLModel):
    """Every input comes back as an output, untouched by any codec."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        return same(self, payload, payload.inputs)


class Slow(MLModel):
    """Sleeps for the seconds in the first value of the first input; tells standard error when it begins."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        value = payload.inputs[0].data.root
        while isinstance(value, list):
            value = value[0]
        print("slow: begun", file=sys.stderr, flush=True)
        await asyncio.sleep(float(value))
        return same(self, payload, payload.inputs[:1])


class Broken(MLModel):
    """Fails: with an MLServerError, or with any other exception if an input is named `plain`."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        if payload.inputs[0].name == "plain":
            raise ValueError("broken on purpose")
        raise MLServerError("broken on purpose", 503)


class Small(MLModel):
    """The model of small_models.py that has this one's name."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        given = {i.name: array(i) for i in payload.inputs}
        wanted = [name for name, _, _ in small_models.SIGNATURES[self.name][0]]
        if sorted(given) != sorted(wanted):
            raise MLServerError(f"inputs {sorted(given)}, expected {sorted(wanted)}", 400)
        answers = small_models.FUNCTIONS[self.name](**given)
        datatypes = {name: datatype for name, datatype, _ in small_models.SIGNATURES[self.name][1]}
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            model_version=self.version,
            outputs=[
                ResponseOutput(name=n, shape=list(a.shape), datatype=datatypes[n], data=a.reshape(-1).tolist())
                for n, a in answers.items()
            ],
        )


def array(tensor):
    values = tensor.data.root
    if tensor.datatype == "BYTES":
        return np.array([*values, None], object)[:-1].reshape(tensor.shape)
    return np.array(values, np.dtype({"FP32": "f4", "INT64": "i8"}[tensor.datatype])).reshape(tensor.shape)
