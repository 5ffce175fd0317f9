"""Run llama.cpp's own HTTP server on loopback, as this process, until it is killed.

    pip install -r tests/python/requirements/llama.txt
    python tests/python/llama/serve.py MODEL.gguf --port P [--alias NAME] [--api-key KEY] [--embeddings]

It speaks OpenAI's API (/v1/models, chat/completions, completions, responses, embeddings) and its own
(/health, /metrics). With `--embeddings` it embeds instead of generating.
"""

import argparse
import signal
import time

import xllamacpp


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("model")
    cli.add_argument("--port", type=int, required=True)
    cli.add_argument("--alias", help="the name it gives itself; the path of the file without it")
    cli.add_argument("--api-key", help="what clients must send as bearer token")
    cli.add_argument("--embeddings", action="store_true")
    args = cli.parse_args()

    settings = xllamacpp.CommonParams()
    settings.model.path = args.model
    if args.alias:
        settings.model_alias = {args.alias}
    settings.hostnames, settings.port = ["127.0.0.1"], args.port
    settings.n_ctx, settings.n_parallel = 16384, 4
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.warmup, settings.use_jinja, settings.endpoint_metrics = False, True, True
    if args.api_key:
        settings.api_keys = [args.api_key]
    if args.embeddings:
        settings.embedding = True
        settings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    # As every server does that a test starts and ends.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    server = xllamacpp.Server(settings)
    print(f"listening on {server.listening_address}", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
