#!/usr/bin/env python3
"""llama.cpp as the peer of `rlsp bench decode --sequences 1 --peer`, which runs it: a model of the shape with random weights as
a GGUF file, and the time that llama-bench takes with its Vulkan backend for a prompt and for new tokens of one sequence.

    LP_NUM_THREADS=1 python3 tests/bench/llama_peer.py --cpu-time

Needs llama-bench with its Vulkan backend and the Python packages gguf and numpy (Debian sid: llama.cpp-tools,
libggml0-backend-vulkan, python3-gguf). CPU devices are left out by that backend unless GGML_VK_VISIBLE_DEVICES names
them, and it then computes on the CPU under the name of Vulkan; so it is set to 0 here where it is not set.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

try:
    import gguf
    import numpy
except ImportError as error:
    sys.exit(f"llama_peer: {error}; this peer needs the Python packages gguf and numpy")


def write_model(path, shape, context):
    width, layers, heads, kv_heads, ff, vocab = shape
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(ff)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(vocab)
    writer.add_file_type(0)  # f32
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>"] + [f"t{i}" for i in range(vocab - 3)])
    writer.add_token_scores([0.0] * vocab)
    writer.add_token_types([2, 3, 3] + [1] * (vocab - 3))
    random = numpy.random.default_rng(1)

    def matrix(name, rows, columns):
        writer.add_tensor(name + ".weight", (random.standard_normal((rows, columns)) * 0.02).astype(numpy.float32))

    def norm(name):
        writer.add_tensor(name + ".weight", numpy.ones(width, numpy.float32))

    kv_width = kv_heads * width // heads
    matrix("token_embd", vocab, width)
    norm("output_norm")
    for layer in range(layers):
        block = f"blk.{layer}."
        norm(block + "attn_norm")
        norm(block + "ffn_norm")
        for name, rows, columns in (("attn_q", width, width), ("attn_k", kv_width, width), ("attn_v", kv_width, width),
                                    ("attn_output", width, width), ("ffn_gate", ff, width), ("ffn_up", ff, width),
                                    ("ffn_down", width, ff)):
            matrix(block + name, rows, columns)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def seconds_of(model, prompt, new, repeats, cpu_time):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(["llama-bench", "-m", model, "-t", "1", "-ngl", "99", "-p", str(prompt), "-n", str(new), "-r", str(repeats)],
                   check=True, capture_output=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime if cpu_time else wall


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", default="256,6,8,4,768,4096", help="width, layers, heads, key/value heads, feed-forward, vocabulary")
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--new", type=int, default=32)
    parser.add_argument("--cpu-time", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("GGML_VK_VISIBLE_DEVICES", "0")
    if os.environ.get("LP_NUM_THREADS") == "1":  # as rlsp does (engine/vk/threads.c)
        os.environ["LP_NUM_THREADS"] = "0"
    if os.environ.get("LP_NATIVE_VECTOR_WIDTH") == "512":  # rlsp may have set it; llama.cpp crashes so
        os.environ["LP_NATIVE_VECTOR_WIDTH"] = "256"
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.gguf")
        write_model(model, [int(x) for x in given.shape.split(",")], given.prompt + given.new)
        result = {"peer": "llama.cpp, Vulkan backend"}
        for name, tokens, prompt, new in (("prompt", given.prompt, given.prompt, 0), ("later", given.new, 0, given.new)):
            seconds = (seconds_of(model, prompt, new, 7, given.cpu_time) - seconds_of(model, prompt, new, 1, given.cpu_time)) / 6  # without start and warm-up
            result[name + "_tokens_per_second"] = round(tokens / seconds, 1)
        print(json.dumps(result))


if __name__ == "__main__":
    main()
