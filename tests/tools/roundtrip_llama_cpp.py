#!/usr/bin/env python3
"""The second half of roundtrip_llama_cpp.sh: what was exported as GGUF, loaded and scored by llama.cpp's library.

    python3 roundtrip_llama_cpp.py FOLDER

For each line of FOLDER/models.jsonl: the largest difference of a log-probability (of every token of every sequence, and of
a sample of the vocabulary at one place), the greedy tokens that agree, and the texts that become the same tokens; what ends a
response, and the chat template. The library is called by itself, on the CPU, with its cache in float32. LLAMA_LIBRARY and
GGML_LIBRARY name it where it is not libllama.so.0 and libggml.so.0. Exit status 1 where something is off, 77 where there
is no llama.cpp. --there in place of FOLDER only looks for it.
"""
import ctypes
import json
import math
import os
import struct
import sys

os.environ["VK_DRIVER_FILES"] = "/nonexistent"  # the CPU alone
SKIPPED = 77
OPAQUE = 1024  # bytes: more than any of the library's structures of parameters has
F16, F32 = 1, 0

try:
    ggml = ctypes.CDLL(os.environ.get("GGML_LIBRARY", "libggml.so.0"))
    llama = ctypes.CDLL(os.environ.get("LLAMA_LIBRARY", "libllama.so.0"))
except OSError as error:
    print(f"roundtrip: no llama.cpp here ({error})")
    sys.exit(SKIPPED)


class Opaque(ctypes.Structure):
    """A structure of parameters, of whatever size: it is returned through a pointer and passed on the stack."""
    _fields_ = [("bytes", ctypes.c_char * OPAQUE)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)), ("embd", ctypes.c_void_p),
                ("pos", ctypes.POINTER(ctypes.c_int32)), ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
                ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))), ("logits", ctypes.POINTER(ctypes.c_int8))]


def declare(name, result, *arguments):
    function = getattr(llama, name)
    function.restype, function.argtypes = result, arguments
    return function


POINTER, INT = ctypes.c_void_p, ctypes.c_int32
model_default_params = declare("llama_model_default_params", Opaque)
context_default_params = declare("llama_context_default_params", Opaque)
model_load = declare("llama_model_load_from_file", POINTER, ctypes.c_char_p, Opaque)
model_free = declare("llama_model_free", None, POINTER)
context_new = declare("llama_init_from_model", POINTER, POINTER, Opaque)
context_free = declare("llama_free", None, POINTER)
get_vocab = declare("llama_model_get_vocab", POINTER, POINTER)
vocab_size = declare("llama_vocab_n_tokens", INT, POINTER)
tokenize = declare("llama_tokenize", INT, POINTER, ctypes.c_char_p, INT, ctypes.POINTER(INT), INT, ctypes.c_bool,
                   ctypes.c_bool)
is_end = declare("llama_vocab_is_eog", ctypes.c_bool, POINTER, INT)
batch_new = declare("llama_batch_init", Batch, INT, INT, INT)
batch_free = declare("llama_batch_free", None, Batch)
decode = declare("llama_decode", INT, POINTER, Batch)
get_logits = declare("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float), POINTER, INT)
get_memory = declare("llama_get_memory", POINTER, POINTER)
memory_clear = declare("llama_memory_clear", None, POINTER, ctypes.c_bool)
chat_template = declare("llama_model_chat_template", ctypes.c_char_p, POINTER, ctypes.c_char_p)
adapter_load = declare("llama_adapter_lora_init", POINTER, POINTER, ctypes.c_char_p)
set_adapters = declare("llama_set_adapters_lora", INT, POINTER, ctypes.POINTER(POINTER), ctypes.c_size_t,
                       ctypes.POINTER(ctypes.c_float))

warnings = []
LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, POINTER)


@LOG
def on_log(level, text, _):
    if level in (3, 4):  # warnings and errors
        warnings.append(text.decode(errors="replace").strip())


declare("llama_log_set", None, LOG, POINTER)(on_log, None)
failures = []


def check(what, fine, said=""):
    if not fine:
        failures.append(f"{what}: {said}")


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def context_params(tokens):
    """n_ctx, n_batch and n_ubatch are the first three; the types of the cache, F16 both, lie behind two pointers that are
    NULL. Attention is asked for without the fused kernel, which rounds to half precision."""
    params = context_default_params()
    data = bytearray(ctypes.string_at(ctypes.addressof(params), OPAQUE))
    struct.pack_into("<III", data, 0, tokens, tokens, tokens)
    found = [i for i in range(48, 200, 8) if data[i:i + 24] == bytes(16) + struct.pack("<II", F16, F16)]
    if len(found) != 1:
        sys.exit("roundtrip: this version of llama.cpp has its context parameters elsewhere")
    struct.pack_into("<II", data, found[0] + 16, F32, F32)
    automatic = [i for i in range(12, 64, 4) if data[i:i + 4] == b"\xff\xff\xff\xff"]
    for i in automatic[:4]:  # rope_scaling_type, pooling_type, attention_type, flash_attn_type: -1, unspecified
        last = i
    struct.pack_into("<i", data, last, 0)
    ctypes.memmove(ctypes.addressof(params), bytes(data), OPAQUE)
    return params


class Model:
    def __init__(self, path, adapter=None, tokens=256):
        warnings.clear()
        self.model = model_load(path.encode(), model_default_params())
        if not self.model:
            raise RuntimeError(f"{path} does not load: {warnings}")
        self.vocab = get_vocab(self.model)
        self.size = vocab_size(self.vocab)
        self.context = context_new(self.model, context_params(tokens))
        if not self.context:
            raise RuntimeError(f"{path}: no context: {warnings}")
        if adapter is not None:
            lora = adapter_load(self.model, adapter.encode())
            if not lora:
                raise RuntimeError(f"{adapter} does not load: {warnings}")
            if set_adapters(self.context, (POINTER * 1)(lora), 1, (ctypes.c_float * 1)(1.0)) != 0:
                raise RuntimeError(f"{adapter} cannot be set: {warnings}")
        self.warnings = list(warnings)

    def close(self):
        context_free(self.context)
        model_free(self.model)

    def logprobs(self, ids, first=0):
        """Log-probabilities behind ids[first:], a list of the vocabulary's each."""
        if first == 0:
            memory_clear(get_memory(self.context), True)
        batch = batch_new(len(ids), 0, 1)
        count = len(ids) - first
        batch.n_tokens = count
        for i in range(count):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = ids[first + i], first + i, 1, 1
            batch.seq_id[i][0] = 0
        if decode(self.context, batch) != 0:
            raise RuntimeError(f"decode failed: {warnings}")
        found = []
        for i in range(count):
            logits = get_logits(self.context, i)[:self.size]
            top = max(logits)
            total = top + math.log(math.fsum(math.exp(x - top) for x in logits))
            found.append([x - total for x in logits])
        batch_free(batch)
        return found

    def greedy(self, ids, count, stops):
        ids, start = list(ids), len(ids)
        row = self.logprobs(ids)[-1]
        while len(ids) - start < count:
            ids.append(max(range(self.size), key=row.__getitem__))
            if ids[-1] in stops:
                break
            row = self.logprobs(ids, len(ids) - 1)[-1]
        return ids[start:]

    def tokenize(self, text, special=True):
        data = text.encode()
        ids = (INT * (len(data) + 8))()
        count = tokenize(self.vocab, data, len(data), ids, len(ids), special, True)
        return list(ids[:count])


def compare(folder, what, model):
    """With SCORES.scores.jsonl, .last.jsonl and .greedy.jsonl, which rlsp has written of BASE.ids.jsonl and .each.jsonl."""
    name, base, scores = what["name"], what["base"], what["scores"]
    ids = [line["ids"] for line in lines(f"{folder}/{base}.ids.jsonl")]
    worst = 0.0
    for sequence, mine in zip(ids, lines(f"{folder}/{scores}.scores.jsonl"), strict=True):
        log = model.logprobs(sequence)
        for i, logprob in enumerate(mine["logprobs"]):
            worst = max(worst, abs(log[i][sequence[i + 1]] - logprob))
    with open(f"{folder}/{base}.each.jsonl", encoding="utf-8") as file:
        sequences = [json.loads(line)["ids"] for line in file]
    row, whole = model.logprobs(sequences[0][:-1])[-1], 0.0
    for sequence, mine in zip(sequences, lines(f"{folder}/{scores}.last.jsonl"), strict=True):
        whole = max(whole, abs(row[sequence[-1]] - mine["logprobs"][-1]))
    stops, agree, total = [i for i in range(model.size) if is_end(model.vocab, i)], 0, 0
    for sequence, mine in zip(ids, lines(f"{folder}/{scores}.greedy.jsonl"), strict=True):
        theirs = model.greedy(sequence, 16, stops)
        total += max(len(theirs), len(mine["ids"]))
        agree += sum(a == b for a, b in zip(theirs, mine["ids"]))
    tolerance = what["tolerance"]
    check(name, worst < tolerance and whole < tolerance, f"log-probabilities differ by {worst:.2g}, over the vocabulary {whole:.2g}")
    check(name, tolerance > 1e-3 or agree == total, f"{agree} of {total} greedy tokens agree")
    return f"{worst:12.2e} {whole:12.2e} {agree:9}/{total}"


def compare_texts(folder, what, model):
    """With BASE.texts.jsonl {"text"} and .tokens.jsonl {"ids"}, as rlsp tokenizes them."""
    base, same = what["base"], 0
    texts = [line["text"] for line in lines(f"{folder}/{base}.texts.jsonl")]
    for text, mine in zip(texts, lines(f"{folder}/{base}.tokens.jsonl"), strict=True):
        theirs = model.tokenize(text)
        same += theirs == mine["ids"]
        check(what["name"], theirs == mine["ids"], f"{text!r} becomes {theirs}, not {mine['ids']}")
    return f"{same:7}/{len(texts)}"


def compare_rest(folder, what, model):
    """The ends of a response of config.json, and the template of tokenizer_config.json."""
    name = what["name"]
    with open(f"{folder}/{what['base']}/config.json", encoding="utf-8") as file:
        ends = json.load(file).get("eos_token_id")
    for end in ends if isinstance(ends, list) else [ends]:
        check(name, is_end(model.vocab, end), f"token {end} ends no response")
    with open(f"{folder}/{what['base']}/tokenizer_config.json", encoding="utf-8") as file:
        template = json.load(file).get("chat_template")
    found = chat_template(model.model, None)
    check(name, (found.decode() if found else None) == template, "another chat template")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    if folder == "--there":
        return 0
    ggml.ggml_backend_load_all()
    llama.llama_backend_init()
    print(f"{'the largest difference to rlsp':32} {'of a token':>12} {'vocabulary':>12} {'greedy tokens':>14} {'texts':>11}")
    for what in lines(f"{folder}/models.jsonl"):
        adapter = f"{folder}/{what['adapter']}" if what["adapter"] else None
        try:
            model = Model(f"{folder}/{what['file']}", adapter)
        except RuntimeError as error:
            check(what["name"], False, error)
            continue
        row = compare(folder, what, model) if what["scores"] else f"{'':41}"
        texts = compare_texts(folder, what, model) if os.path.exists(f"{folder}/{what['base']}.texts.jsonl") else ""
        compare_rest(folder, what, model)
        print(f"{what['name']:32} {row} {texts:>11}", flush=True)
        for warning in dict.fromkeys(model.warnings):
            print("  llama.cpp says:", warning)
        model.close()
    for failure in failures[:40]:
        print("FAILED", failure)
    print("roundtrip:", "all equal" if not failures else f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
