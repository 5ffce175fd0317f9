"""Drive a server with the unchanged OpenAI client and print what came back as one JSON object.

    pip install -r tests/python/requirements/clients.txt
    python tests/python/openai_client.py URL --model NAME [--embeddings NAME] [--api-key KEY] [--errors]

URL is host:port; the API is below /v1 unless `--base` says otherwise. Parts of the report:

    models                the names the server lists
    chat, chat_stream, chat_stream_usage
    completions, completions_stream, completions_stream_usage
    responses, responses_stream
    async                 eight chats at once through the asyncio client
    leave                 a stream closed after its first tokens, and the answer to the next request
    embeddings            with `--embeddings`: as floats and as base64, which must agree
    errors                with `--errors`: the refusals, as the client makes exceptions of them

Ids, times and timings are left out, for they change. The generating parts ask for the same seeded
text, so the texts of `chat`, `chat_stream` and `chat_stream_usage` must be one, and so those of
`completions`. Exits 1 with what differed, and 2 on a mistake in the arguments.
"""

import argparse
import asyncio
import base64
import json
import struct
import sys

import openai

MESSAGES = [{"role": "user", "content": "hello gateway"}]
# A seed and no sampling; no reuse of an earlier prompt's state, so that order changes nothing.
STEADY = {"seed": 1, "temperature": 0, "extra_body": {"cache_prompt": False}}
LENGTH = 12


class Mismatch(Exception):
    pass


def expect(what, found, wanted):
    if found != wanted:
        raise Mismatch(f"{what}: {found!r}, expected {wanted!r}")


def usage(answer):
    told = getattr(answer, "usage", None)
    return told and {k: v for k, v in told.model_dump(exclude_unset=True).items() if isinstance(v, int)}


class Driver:
    def __init__(self, client, model):
        self.client, self.model = client, model
        self.texts = {}

    def same_text(self, kind, text):
        expect(f"the text of {kind}", text, self.texts.setdefault(kind, text))

    def models(self):
        return sorted(m.id for m in self.client.models.list())

    def chat(self):
        a = self.client.chat.completions.create(model=self.model, messages=MESSAGES, max_tokens=LENGTH, **STEADY)
        (choice,) = a.choices
        expect("object", a.object, "chat.completion")
        self.same_text("chat", choice.message.content)
        return {"model": a.model, "text": choice.message.content, "finish": choice.finish_reason, "usage": usage(a)}

    def completions(self):
        a = self.client.completions.create(model=self.model, prompt="hello gateway", max_tokens=LENGTH, **STEADY)
        (choice,) = a.choices
        expect("object", a.object, "text_completion")
        self.same_text("completions", choice.text)
        return {"model": a.model, "text": choice.text, "finish": choice.finish_reason, "usage": usage(a)}

    def chat_stream(self, **more):
        stream = self.client.chat.completions.create(model=self.model, messages=MESSAGES, max_tokens=LENGTH, stream=True, **STEADY, **more)
        return self.streamed("chat", stream, "chat.completion.chunk", lambda choice: choice.delta.content, bool(more))

    def completions_stream(self, **more):
        stream = self.client.completions.create(model=self.model, prompt="hello gateway", max_tokens=LENGTH, stream=True, **STEADY, **more)
        return self.streamed("completions", stream, "text_completion", lambda choice: choice.text, bool(more))

    def streamed(self, kind, stream, kind_of_object, text_of, wants_usage):
        chunks = list(stream)
        choices = [c for chunk in chunks for c in chunk.choices]
        text = "".join(text_of(c) or "" for c in choices)
        self.same_text(kind, text)
        expect("objects", sorted({c.object for c in chunks}), [kind_of_object])
        if not wants_usage and any(not c.choices for c in chunks):
            raise Mismatch("a chunk without choices came unasked: the client's own code may not look for it")
        told = [usage(c) for c in chunks if usage(c)]
        if wants_usage and len(told) != 1:
            raise Mismatch(f"usage came {len(told)} times, expected once")
        return {
            "model": sorted({c.model for c in chunks}), "text": text, "chunks": len(chunks),
            "without_choices": sum(not c.choices for c in chunks),
            "finish": [c.finish_reason for c in choices if c.finish_reason], "usage": told,
        }

    def responses(self):
        a = self.client.responses.create(model=self.model, input="hello gateway", max_output_tokens=LENGTH, temperature=0, extra_body={"seed": 1, "cache_prompt": False})
        self.same_text("responses", a.output_text)
        return {"model": a.model, "text": a.output_text, "status": a.status, "usage": usage(a)}

    def responses_stream(self):
        stream = self.client.responses.create(model=self.model, input="hello gateway", max_output_tokens=LENGTH, temperature=0, stream=True, extra_body={"seed": 1, "cache_prompt": False})
        events = list(stream)
        text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
        self.same_text("responses", text)
        expect("the last event", events[-1].type, "response.completed")
        last = events[-1].response
        return {"types": [e.type for e in events], "text": text, "model": last.model, "usage": usage(last)}

    def leave(self):
        stream = self.client.chat.completions.create(model=self.model, messages=MESSAGES, max_tokens=3000, stream=True, **STEADY)
        seen = 0
        for chunk in stream:
            seen += bool(chunk.choices and chunk.choices[0].delta.content)
            if seen == 3:
                break
        stream.close()
        return {"seen": seen, "then": self.chat()["text"]}

    def embeddings(self, model):
        words = ["hello", "gateway"]
        numbers = self.client.embeddings.create(model=model, input=words, encoding_format="float")
        packed = self.client.embeddings.create(model=model, input=words, encoding_format="base64")
        rows = [row.embedding for row in numbers.data]
        unpacked = []
        for row in packed.data:
            # The client leaves base64 alone when it was asked for by name.
            raw = base64.b64decode(row.embedding) if isinstance(row.embedding, str) else struct.pack(f"<{len(row.embedding)}f", *row.embedding)
            unpacked.append(list(struct.unpack(f"<{len(raw) // 4}f", raw)))
        if any(abs(a - b) > 1e-6 for x, y in zip(rows, unpacked, strict=True) for a, b in zip(x, y, strict=True)):
            raise Mismatch("floats and base64 differ")
        return {"model": numbers.model, "usage": usage(numbers), "width": [len(r) for r in rows], "first": [r[:4] for r in rows]}

    def errors(self):
        def told(call):
            try:
                call()
            except openai.APIStatusError as e:
                return {"exception": type(e).__name__, "status": e.status_code, "body": e.body}
            return {"status": "answered"}

        chat = self.client.chat.completions.create
        impostor = self.client.with_options(api_key="not the key")
        return {
            "unknown_model": told(lambda: chat(model="no-such-model", messages=MESSAGES, max_tokens=1)),
            "unknown_model_stream": told(lambda: list(chat(model="no-such-model", messages=MESSAGES, max_tokens=1, stream=True))),
            "no_messages": told(lambda: self.client.post("/chat/completions", body={"model": self.model}, cast_to=object)),
            "too_long": told(lambda: chat(model=self.model, messages=[{"role": "user", "content": "a" * 9000}], max_tokens=1, stream=True)),
            "not_a_model_of_embeddings": told(lambda: self.client.embeddings.create(model=self.model, input="x")),
            "unknown_path": told(lambda: self.client.post("/no-such-thing", body={"model": self.model}, cast_to=object)),
            "wrong_key": told(lambda: impostor.chat.completions.create(model=self.model, messages=MESSAGES, max_tokens=1)),
        }


async def at_once(client, model):
    async with client:
        ask = client.chat.completions.create
        answers = await asyncio.gather(*(ask(model=model, messages=MESSAGES, max_tokens=LENGTH, **STEADY) for _ in range(8)))
    return [{"model": a.model, "finish": a.choices[0].finish_reason, "usage": usage(a)} for a in answers]


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("url", help="host:port")
    cli.add_argument("--base", default="/v1", help="the API's path")
    cli.add_argument("--model", help="asked to generate")
    cli.add_argument("--embeddings", metavar="MODEL")
    cli.add_argument("--api-key", default="none")
    cli.add_argument("--errors", action="store_true")
    cli.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="sent with every call")
    args = cli.parse_args()
    if not (args.model or args.embeddings):
        cli.error("give --model, --embeddings or both")
    try:
        headers = {k.strip(): v.strip() for k, v in (h.split(":", 1) for h in args.header)}
    except ValueError:
        cli.error("--header wants NAME:VALUE")
    settings = dict(base_url=f"http://{args.url}{args.base}", api_key=args.api_key, max_retries=0, timeout=60, default_headers=headers)
    client = openai.OpenAI(**settings)
    driver = Driver(client, args.model)
    asks = {"stream_options": {"include_usage": True}}

    parts = {"models": driver.models}
    if args.model:
        parts |= {
            "chat": driver.chat, "chat_stream": driver.chat_stream, "chat_stream_usage": lambda: driver.chat_stream(**asks),
            "completions": driver.completions, "completions_stream": driver.completions_stream,
            "completions_stream_usage": lambda: driver.completions_stream(**asks),
            "responses": driver.responses, "responses_stream": driver.responses_stream, "leave": driver.leave,
            "async": lambda: asyncio.run(at_once(openai.AsyncOpenAI(**settings), args.model)),
        }
        if args.errors:
            parts["errors"] = driver.errors
    if args.embeddings:
        parts["embeddings"] = lambda: driver.embeddings(args.embeddings)

    report, wrong = {}, []
    for name, part in parts.items():
        try:
            report[name] = part()
        except Mismatch as e:
            wrong.append(f"{name}: {e}")
        except openai.APIStatusError as e:
            wrong.append(f"{name}: the server refused with {e.status_code}: {e.message}")
        except Exception as e:  # noqa: BLE001 - a client that cannot read the answer is the finding
            wrong.append(f"{name}: {type(e).__name__}: {e}")
    print(json.dumps(report, sort_keys=True, ensure_ascii=False, allow_nan=False))
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
