"""Write a llama model of random weights as GGUF, about half a megabyte, for llama.cpp to serve.

    pip install -r tests/python/requirements/llama.txt
    python tests/python/llama/make_tiny_gguf.py OUT.gguf

Tokenizer, sampler and attention are the real ones; only what it says is gibberish, half characters
included. The vocabulary is 256 bytes and a few words. The weights come from a fixed seed, so every
run writes the same bytes and a seeded generation says the same again.
"""

import argparse

import gguf
import numpy as np

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 64, 2, 4, 128, 4096
SPECIAL = [b"<unk>", b"<s>", b"</s>"]
WORDS = [
    "\u2581", *map(chr, range(ord("a"), ord("z") + 1)), *".,!?", "ing", "ed", "er",
    *("\u2581" + w for w in "the a is of and to in model gate way test hello world token".split()),
]
TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


def vocabulary(writer):
    kind = gguf.TokenType
    tokens = [*SPECIAL, *(b"<0x%02X>" % i for i in range(256)), *(w.encode() for w in WORDS)]
    kinds = [kind.UNKNOWN, kind.CONTROL, kind.CONTROL] + [kind.BYTE] * 256 + [kind.NORMAL] * len(WORDS)
    # Earlier words are preferred when a text is cut into tokens.
    scores = [0.0] * (len(SPECIAL) + 256) + [-float(i + 1) for i in range(len(WORDS))]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)
    return len(tokens)


def weights(writer, size):
    random = np.random.default_rng(20)

    def tensor(name, *shape):
        writer.add_tensor(name, (random.standard_normal(shape) * 0.08).astype(np.float32))

    def ones(name):
        writer.add_tensor(name, np.ones(WIDTH, np.float32))

    tensor("token_embd.weight", size, WIDTH)
    ones("output_norm.weight")
    # Special tokens never win by themselves, bytes seldom: the text is mostly words and ends by its length.
    head = (random.standard_normal((size, WIDTH)) * 0.08).astype(np.float32)
    head[: len(SPECIAL)] = 0
    head[len(SPECIAL) : len(SPECIAL) + 256] *= 0.2
    writer.add_tensor("output.weight", head)
    for i in range(LAYERS):
        ones(f"blk.{i}.attn_norm.weight")
        ones(f"blk.{i}.ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"blk.{i}.{part}.weight", WIDTH, WIDTH)
        tensor(f"blk.{i}.ffn_gate.weight", INNER, WIDTH)
        tensor(f"blk.{i}.ffn_up.weight", INNER, WIDTH)
        tensor(f"blk.{i}.ffn_down.weight", WIDTH, INNER)


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("out")
    writer = gguf.GGUFWriter(cli.parse_args().out, "llama")
    writer.add_name("tiny random llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    size = vocabulary(writer)
    writer.add_vocab_size(size)
    weights(writer, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
