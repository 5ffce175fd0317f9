"""Three models small enough to write down, the same on every server, and what clients compare answers with.

Each takes and gives arrays by name. BYTES are object arrays of bytes.
"""

import numpy as np

# name: (inputs, outputs), each a list of (name, datatype, shape); -1 is any length.
SIGNATURES = {
    "strings": ([("text", "BYTES", [-1])], [("upper", "BYTES", [-1]), ("length", "INT64", [-1])]),
    "adder": ([("a", "INT64", [-1]), ("b", "INT64", [-1])], [("sum", "INT64", [-1])]),
    "image": ([("image", "FP32", [3, 112, 112])], [("mean", "FP32", [3]), ("std", "FP32", [3])]),
}


def strings(text):
    """Upper case as UTF-8 where the value is UTF-8, else of its ASCII letters; the length in bytes."""
    values = [v.encode() if isinstance(v, str) else bytes(v) for v in text.reshape(-1)]
    return {
        "upper": np.array([upper(v) for v in values] + [None], object)[:-1].reshape(text.shape),
        "length": np.array([len(v) for v in values], np.int64).reshape(text.shape),
    }


def upper(value):
    try:
        return value.decode().upper().encode()
    except UnicodeDecodeError:
        return value.upper()


def adder(a, b):
    """The sum, wrapping around as 64 bits do."""
    return {"sum": a.astype(np.int64) + b.astype(np.int64)}


def image(image):
    """Mean and standard deviation of each of three channels, in double precision until the end."""
    pixels = image.astype(np.float64).reshape(3, -1)
    return {"mean": pixels.mean(1).astype(np.float32), "std": pixels.std(1).astype(np.float32)}


FUNCTIONS = {"strings": strings, "adder": adder, "image": image}


def example_inputs(name):
    """What the client scripts send."""
    if name == "strings":
        words = [b"", b"plain", "grüße 🌍".encode(), b'quote " back \\ line \n nul \0']
        return {"text": np.array(words, object)}
    if name == "adder":
        return {
            "a": np.array([1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)], np.int64),
            "b": np.array([2, 2, -2, 0, 0], np.int64),
        }
    return {"image": np.random.default_rng(7).random((3, 112, 112), np.float32)}
