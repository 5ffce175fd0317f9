"""The models of the Triton test server: one file, copied for each; which one it is stands in its name.

Runs inside Triton's python backend, which brings `triton_python_backend_utils`.
"""

import time

import numpy as np
import small_models
import triton_python_backend_utils as pb


def arrays(request):
    return {t.name(): t.as_numpy() for t in request.inputs()}


def answer(outputs):
    return pb.InferenceResponse([pb.Tensor(name, array) for name, array in outputs.items()])


def invalid(message):
    return pb.InferenceResponse(error=pb.TritonError(message, pb.TritonError.INVALID_ARG))


class Onnx:
    """A model of the quickstart on onnxruntime; labels of BYTES are strings there and bytes here."""

    def __init__(self, args):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = f"{args['model_repository']}/{args['model_version']}/model.onnx"
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.column = args["model_name"].endswith("_batched")

    def one(self, request):
        label, probabilities = self.session.run(["label", "probabilities"], arrays(request))
        if label.dtype == object:
            label = np.array([v.encode() for v in label], object)
        return answer({"label": label.reshape(-1, 1) if self.column else label, "probabilities": probabilities})


class Small:
    def __init__(self, args):
        self.function = small_models.FUNCTIONS[args["model_name"]]

    def one(self, request):
        return answer(self.function(**arrays(request)))


class Echo:
    """Every input comes back as the output of its name, whatever its datatype."""

    def __init__(self, args):
        pass

    def one(self, request):
        return pb.InferenceResponse([self.same(t) for t in request.inputs()])

    def same(self, tensor):
        try:
            return pb.Tensor(tensor.name(), tensor.as_numpy())
        except pb.TritonModelException:  # numpy has no BF16
            return pb.Tensor.from_dlpack(tensor.name(), tensor.to_dlpack())


class Versions:
    """Multiplies by its version."""

    def __init__(self, args):
        self.factor = np.float32(args["model_version"])

    def one(self, request):
        return answer({"y": arrays(request)["x"] * self.factor})


class Slow:
    """Sleeps for the seconds in its first value and answers with them; refuses to go back in time."""

    def __init__(self, args):
        pass

    def one(self, request):
        seconds = arrays(request)["seconds"]
        if seconds.reshape(-1)[0] < 0:
            return invalid("negative delay")
        time.sleep(float(seconds.reshape(-1)[0]))
        return answer({"seconds": seconds})


class Broken:
    """Fails on every request: with an error of Triton's, or with an exception if the input says so."""

    def __init__(self, args):
        pass

    def one(self, request):
        if arrays(request)["how"][0] == b"raise":
            raise ValueError("broken on purpose")
        return pb.InferenceResponse(error=pb.TritonError("broken on purpose", pb.TritonError.UNAVAILABLE))


class Sequence:
    """Adds up what each sequence sends, and tells the sequence's id and flags as it saw them."""

    def __init__(self, args):
        self.totals = {}

    def one(self, request):
        key, flags = request.correlation_id(), request.flags()
        start, end = flags & pb.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START, flags & pb.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END
        x = int(arrays(request)["x"].reshape(-1)[0])
        total = (0 if start else self.totals.get(key, 0)) + x
        total = (total + 2**63) % 2**64 - 2**63  # wraps around as 64 bits do
        self.totals[key] = total
        if end:
            del self.totals[key]
        seen = f"{type(key).__name__}:{key}:{'start' if start else ''}:{'end' if end else ''}"
        return answer({"total": np.array([total], np.int64), "seen": np.array([seen.encode()], object)})


class Tokens:
    """Decoupled: `max_tokens` answers (4 unless told) `delay_ms` apart; the one numbered `fail_at` is an error.

    An error in the place of the last answer is final itself: this Triton dies of anything that follows the first error
    in a stream whose client asked for errors as status.
    """

    def __init__(self, args):
        pass

    def execute(self, requests):
        for request in requests:
            given = {name: array.reshape(-1)[0] for name, array in arrays(request).items()}
            sender = request.get_response_sender()
            count = int(given.get("max_tokens", 4))
            for i in range(count):
                if sender.is_cancelled():
                    sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
                    break
                time.sleep(int(given.get("delay_ms", 0)) / 1000)
                if i == int(given.get("fail_at", -1)):
                    error = invalid("failed on purpose")
                    if i + 1 == count:
                        sender.send(error, flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
                        break
                    sender.send(error)
                    continue
                token = given["prompt"] + b" %d" % i
                sender.send(answer({"token": np.array([token], object), "index": np.array([i], np.int32)}))
            else:
                sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


KINDS = {
    "iris": Onnx, "iris_batched": Onnx, "digits": Onnx, "strings": Small, "adder": Small, "image": Small,
    "echo": Echo, "versions": Versions, "slow": Slow, "broken": Broken, "sequence": Sequence, "tokens": Tokens,
}


class TritonPythonModel:
    def initialize(self, args):
        self.model = KINDS[args["model_name"]](args)

    def execute(self, requests):
        if isinstance(self.model, Tokens):
            return self.model.execute(requests)
        return [self.model.one(request) for request in requests]
