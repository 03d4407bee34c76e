#!/usr/bin/env python3
"""The `tokenizers` library beside bench_tokenizer: a tokenizer of real size to measure with, and its speed.

    python3 tests/bench/tokenizers_peer.py train --style qwen2|llama3 --out DIR TEXT…
    python3 tests/bench/tokenizers_peer.py measure --model DIR TEXT [--seconds 5]

train    learns a tokenizer with as many tokens as Qwen2's (151,643) or Llama 3's (128,000), with their
         pre-tokenizer and normalizer, from the given UTF-8 texts, and writes DIR/tokenizer.json. Texts of
         40 MB or more give that many; with less there are fewer.
measure  encodes the text, cut into documents of about 4 KiB, again and again on one thread and prints one
         line of JSON: the time to load, MB per second of CPU time, the number of ids, and their sum, which
         must be that of bench_tokenizer.
"""
import argparse
import json
import os
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("RAYON_NUM_THREADS", "1")
import tokenizers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

LETTERS = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
STYLES = {
    "qwen2": (151643, "(?i:'s|'t|'re|'ve|'m|'ll|'d)|" + LETTERS % "", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
    "llama3": (128000, "(?i:'s|'t|'re|'ve|'m|'ll|'d)|" + LETTERS % "{1,3}", ["<|begin_of_text|>", "<|eot_id|>"]),
}


def train(style, out, texts):
    size, pattern, special = STYLES[style]
    tokenizer = Tokenizer(models.BPE(ignore_merges=style == "llama3"))
    if style == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False, min_frequency=1)
    tokenizer.train(texts, trainer)
    tokenizer.add_special_tokens(special)
    os.makedirs(out, exist_ok=True)
    tokenizer.save(os.path.join(out, "tokenizer.json"))
    print(json.dumps(dict(tokens=tokenizer.get_vocab_size())))


def documents(path):
    """The text in pieces of whole lines, of 4096 bytes or a little more: encode() of one long text is slower."""
    pieces, piece = [], b""
    for line in open(path, "rb"):
        piece += line
        if len(piece) >= 4096:
            pieces.append(piece.decode())
            piece = b""
    return pieces + ([piece.decode()] if piece else [])


def measure(model, path, seconds):
    start = time.process_time()
    tokenizer = Tokenizer.from_file(os.path.join(model, "tokenizer.json"))
    load = time.process_time() - start
    pieces = documents(path)
    size = sum(len(piece.encode()) for piece in pieces)
    times, end = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        count = total = 0
        start = time.process_time()
        for piece in pieces:
            ids = tokenizer.encode(piece, add_special_tokens=False).ids
            count += len(ids)
            total += sum(ids)
        times.append(time.process_time() - start)
    times.sort()
    print(json.dumps(dict(peer="tokenizers " + tokenizers.__version__, load_seconds=load, ids=count, id_sum=total,
                          best_mb_per_second=size / times[0] / 1e6, mb_per_second=size / times[len(times) // 2] / 1e6)))


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("what", choices=["train", "measure"])
parser.add_argument("texts", nargs="+")
parser.add_argument("--style", choices=sorted(STYLES), default="qwen2")
parser.add_argument("--out", default="tokenizer")
parser.add_argument("--model", default="tokenizer")
parser.add_argument("--seconds", type=float, default=5)
options = parser.parse_args()
if options.what == "train":
    train(options.style, options.out, options.texts)
else:
    measure(options.model, options.texts[0], options.seconds)
