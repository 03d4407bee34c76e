#!/usr/bin/env python3
"""llama.cpp as the peer of `rlsp bench decode`: the `small` model with random weights as a GGUF file, and the CPU time
that llama-bench takes for a prompt of 256 tokens and for 16 new tokens of one sequence.

    LP_NUM_THREADS=1 python3 tests/bench/llama_peer.py
    LP_NUM_THREADS=1 rlsp bench decode --model small --sequences 1 --prompt 256 --new 32 --cpu-time

Needs llama-bench with its Vulkan backend and the Python packages gguf and numpy (Debian sid: llama.cpp-tools,
libggml0-backend-vulkan, python3-gguf). CPU devices are left out by that backend unless GGML_VK_VISIBLE_DEVICES names
them, and it then computes on the CPU under the name of Vulkan; so it is set to 0 here where it is not set.
"""
import json
import os
import resource
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy
except ImportError as error:
    sys.exit(f"llama_peer: {error}; this peer needs the Python packages gguf and numpy")

WIDTH, LAYERS, HEADS, KV_HEADS, FF, VOCAB, CONTEXT = 256, 6, 8, 4, 768, 4096, 512
PROMPT, NEW = 256, 16


def write_model(path):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FF)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCAB)
    writer.add_file_type(0)  # f32
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>"] + [f"t{i}" for i in range(VOCAB - 3)])
    writer.add_token_scores([0.0] * VOCAB)
    writer.add_token_types([2, 3, 3] + [1] * (VOCAB - 3))
    random = numpy.random.default_rng(1)

    def matrix(name, rows, columns):
        writer.add_tensor(name + ".weight", (random.standard_normal((rows, columns)) * 0.02).astype(numpy.float32))

    def norm(name):
        writer.add_tensor(name + ".weight", numpy.ones(WIDTH, numpy.float32))

    kv_width = KV_HEADS * WIDTH // HEADS
    matrix("token_embd", VOCAB, WIDTH)
    norm("output_norm")
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        norm(block + "attn_norm")
        norm(block + "ffn_norm")
        for name, rows, columns in (("attn_q", WIDTH, WIDTH), ("attn_k", kv_width, WIDTH), ("attn_v", kv_width, WIDTH),
                                    ("attn_output", WIDTH, WIDTH), ("ffn_gate", FF, WIDTH), ("ffn_up", FF, WIDTH),
                                    ("ffn_down", WIDTH, FF)):
            matrix(block + name, rows, columns)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def cpu_seconds(model, prompt, new, repeats):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["llama-bench", "-m", model, "-t", "1", "-ngl", "99", "-p", str(prompt), "-n", str(new), "-r", str(repeats)],
                   check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    os.environ.setdefault("GGML_VK_VISIBLE_DEVICES", "0")
    if os.environ.get("LP_NUM_THREADS") == "1":  # as rlsp does (engine/vk/threads.c)
        os.environ["LP_NUM_THREADS"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "small.gguf")
        write_model(model)
        result = {"peer": "llama.cpp, Vulkan backend", "model": "small"}
        for name, tokens, prompt, new in (("prompt", PROMPT, PROMPT, 0), ("generation", NEW, 0, NEW)):
            seconds = (cpu_seconds(model, prompt, new, 7) - cpu_seconds(model, prompt, new, 1)) / 6  # without start and warm-up
            result[name + "_tokens_per_cpu_second"] = round(tokens / seconds, 1)
        print(json.dumps(result))


if __name__ == "__main__":
    main()
