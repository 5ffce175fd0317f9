"""Manage a server with the unchanged tritonclient and print what came back as one JSON object.

    pip install -r tests/python/requirements/clients.txt
    python tests/python/manage.py http|grpc URL MODEL STEP [STEP ...]

URL is host:port. Steps run in their order, each adding a part of its name and number to the report, as in `load-0`:

    index, ready      the repository's index; whether MODEL is ready
    load, unload      of MODEL
    load-config       of MODEL, with a configuration of our own whose largest batch is 7
    config            of MODEL: its largest batch
    trace, trace-set, trace-clear, trace-all   the settings of MODEL; with a rate of 11; with it cleared; those of all
    log, log-set      the settings; with a verbose level of 1
    memory, memory-set   the regions of system shared memory; with one registered that no process has

What a server refuses is told as {"status": ..., "message": ...}.
"""

import argparse
import json

import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException


def config(client, model, http):
    got = client.get_model_config(model) if http else client.get_model_config(model, as_json=True)["config"]
    return {k: v for k, v in got.items() if k not in ("name", "version_policy")}


def steps(client, model, http):
    more = {} if http else {"as_json": True}
    own = {"backend": "python", "max_batch_size": 7,
           "input": [{"name": "features", "data_type": "TYPE_FP32", "dims": [4]}],
           "output": [{"name": "label", "data_type": "TYPE_STRING", "dims": [1]},
                      {"name": "probabilities", "data_type": "TYPE_FP32", "dims": [3]}]}
    return {
        "index": lambda: client.get_model_repository_index(**more),
        "ready": lambda: client.is_model_ready(model),
        "load": lambda: client.load_model(model),
        "load-config": lambda: client.load_model(model, config=json.dumps(own)),
        "unload": lambda: client.unload_model(model),
        "config": lambda: config(client, model, http).get("max_batch_size", 0),
        "trace": lambda: client.get_trace_settings(model, **more),
        "trace-set": lambda: client.update_trace_settings(model, settings={"trace_rate": "11", "trace_level": ["OFF"]}, **more),
        "trace-clear": lambda: client.update_trace_settings(model, settings={"trace_rate": None}, **more),
        "trace-all": lambda: client.get_trace_settings(**more),
        "log": lambda: client.get_log_settings(**more),
        "log-set": lambda: client.update_log_settings({"log_verbose_level": 1}, **more),
        "memory": lambda: client.get_system_shared_memory_status(**more),
        "memory-set": lambda: client.register_system_shared_memory("region", "/no-such-key", 16),
    }


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("protocol", choices=["http", "grpc"])
    cli.add_argument("url", help="host:port")
    cli.add_argument("model")
    cli.add_argument("steps", nargs="+")
    args = cli.parse_args()
    http = args.protocol == "http"
    client = (tritonclient.http if http else tritonclient.grpc).InferenceServerClient(args.url)
    known = steps(client, args.model, http)
    report = {}
    for number, step in enumerate(args.steps):
        if step not in known:
            cli.error(f"there is no step {step}")
        try:
            told = known[step]()
        except InferenceServerException as error:
            told = {"status": error.status(), "message": error.message()}
        report[f"{step}-{number}"] = told
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
