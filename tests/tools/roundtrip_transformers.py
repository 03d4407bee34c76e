#!/usr/bin/env python3
"""The second half of roundtrip.sh: what was exported, loaded and scored by transformers.

    python3 roundtrip_transformers.py FOLDER

For each export: the largest difference of a log-probability (of every token of every sequence, and of the whole
vocabulary at one place), of an entropy, and the share of greedy tokens that agree; float32 on the CPU. An adapter is
put on its base as PEFT does it, as a second path beside the layer, y = W x + scale B (A x), and once more by merging it
by hand, W + scale B A, which the merged export has to equal tensor by tensor. Tokenizers, configs and model cards are
compared with the base's. Exit status 1 where something is off.
"""
import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
try:
    import torch
    import transformers
    from huggingface_hub import ModelCard
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    sys.exit(f"roundtrip: {error}; it needs PyTorch and transformers")

BASES = ["tiny-llama", "tiny-llama-sharded", "tiny-qwen2", "tiny-qwen2-bf16", "tiny-qwen3"]
TOLERANCE = 1e-4  # of a log-probability; what float32 gives is near 1e-5
TEXTS = ["Hello, world!", "3 + 4 = 7\n\n  naïve — 你好 🙂", "<|im_start|>user\nWhat?<|im_end|>\n", ""]
failures = []


def check(what, fine, said=""):
    if not fine:
        failures.append(f"{what}: {said}")


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


@torch.inference_mode()
def logprobs(model, ids):
    return torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), dim=-1)


@torch.inference_mode()
def greedy(model, ids, count):
    stop = model.generation_config.eos_token_id
    out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=count, do_sample=False,
                         temperature=None, top_k=None, top_p=None, eos_token_id=stop, pad_token_id=0)
    return out[0, len(ids):].tolist()


def compare(folder, name, model):
    ids = [line["ids"] for line in lines(f"{folder}/ids.jsonl")]
    worst = entropy = 0.0
    for sequence, mine in zip(ids, lines(f"{folder}/{name}.scores.jsonl"), strict=True):
        log = logprobs(model, sequence)
        chosen = log[:-1].gather(1, torch.tensor(sequence[1:])[:, None])[:, 0]
        worst = max(worst, (chosen - torch.tensor(mine["logprobs"])).abs().max().item())
        entropy = max(entropy, (-(log.exp() * log).sum(-1) - torch.tensor(mine["entropy"])).abs().max().item())
    last = torch.tensor([line["logprobs"][-1] for line in lines(f"{folder}/{name}.last.jsonl")])
    whole = (logprobs(model, ids[0])[-1] - last).abs().max().item()
    agree = total = 0
    for sequence, mine in zip(ids, lines(f"{folder}/{name}.greedy.jsonl"), strict=True):
        theirs = greedy(model, sequence, 16)
        total += max(len(theirs), len(mine["ids"]))
        agree += sum(a == b for a, b in zip(theirs, mine["ids"]))
    check(name, worst < TOLERANCE and whole < TOLERANCE, f"log-probabilities differ by {worst:.2g}, over the vocabulary {whole:.2g}")
    check(name, agree >= 0.99 * total, f"{agree} of {total} greedy tokens agree")
    print(f"{name:32} {worst:12.2e} {whole:12.2e} {entropy:12.2e} {agree:9}/{total}")


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


class WithAdapter(torch.nn.Module):
    """A linear layer and PEFT's path beside it."""

    def __init__(self, layer, a, b, scale):
        super().__init__()
        self.layer, self.a, self.b, self.scale = layer, a, b, scale

    def forward(self, x):
        return self.layer(x) + (x @ self.a.T) @ self.b.T * self.scale


def matrices(adapter):
    """PEFT's names: {module: (A, B)}, and the scale that adapter_config.json gives."""
    with open(f"{adapter}/adapter_config.json") as file:
        config = json.load(file)
    check(adapter, config["peft_type"] == "LORA" and config["task_type"] == "CAUSAL_LM", "adapter_config.json")
    tensors, found = load_file(f"{adapter}/adapter_model.safetensors"), {}
    for name, value in tensors.items():
        check(adapter, name.startswith("base_model.model."), name)
        module, kind = name.removeprefix("base_model.model.").rsplit(".lora_", 1)
        found.setdefault(module, {})[kind] = value.float()
    for module in found:
        check(adapter, module.rsplit(".", 1)[1] in config["target_modules"], f"{module} is not in target_modules")
    scale = config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])
    return {module: (pair["A.weight"], pair["B.weight"]) for module, pair in found.items()}, scale


def compare_adapter(folder, base):
    adapter = f"{folder}/{base}-adapter"
    pairs, scale = matrices(adapter)
    model = load(f"{folder}/{base}")
    for module, (a, b) in pairs.items():
        parent, name = module.rsplit(".", 1)
        layer = model.get_submodule(module)
        setattr(model.get_submodule(parent), name, WithAdapter(layer, a, b, scale))
    compare(folder, f"{base}-adapter", model)

    model = load(f"{folder}/{base}")  # by hand, in the base's own dtype
    stored = AutoModelForCausalLM.from_pretrained(f"{folder}/{base}", dtype="auto").state_dict()
    by_hand = {}
    for module, (a, b) in pairs.items():
        weight = stored[f"{module}.weight"]
        by_hand[f"{module}.weight"] = (weight.float() + scale * (b @ a)).to(weight.dtype)
    for kind in ["merged", "merged-shards"]:
        merged = AutoModelForCausalLM.from_pretrained(f"{folder}/{base}-{kind}", dtype="auto").state_dict()
        changed = off = 0
        for name, value in merged.items():
            want = by_hand.get(name, stored[name])
            check(f"{base}-{kind}", value.dtype == want.dtype, f"{name} is {value.dtype}, not {want.dtype}")
            if name in by_hand:
                # Sums of another order: units in the last place of the matrix's largest weight.
                near = 2 * torch.finfo(want.dtype).eps * want.float().abs().max()
                off += ((value.float() - want.float()).abs() > near).sum().item()
                changed += (value != stored[name]).sum().item()
            else:
                check(f"{base}-{kind}", torch.equal(value, want), f"{name} is not the base's")
        check(f"{base}-{kind}", off == 0, f"{off} weights are not those of a merge by hand")
        check(f"{base}-{kind}", changed > 0, "nothing was changed")
    for kind in ["merged", "merged-shards"]:
        compare(folder, f"{base}-{kind}", load(f"{folder}/{base}-{kind}"))


def compare_surroundings(folder, base, export, base_name):
    """Tokenizer, chat template, configs and model card."""
    path = f"{folder}/{export}"
    theirs, mine = AutoTokenizer.from_pretrained(f"{folder}/{base}"), AutoTokenizer.from_pretrained(path)
    for text in TEXTS:
        check(export, theirs(text)["input_ids"] == mine(text)["input_ids"], f"the tokenizer encodes {text!r} otherwise")
    check(export, theirs.get_vocab() == mine.get_vocab() and theirs.special_tokens_map == mine.special_tokens_map, "another vocabulary")
    check(export, theirs.chat_template == mine.chat_template, "another chat template")
    for name in ["tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"]:
        if os.path.exists(f"{folder}/{base}/{name}"):
            check(export, os.path.exists(f"{path}/{name}"), f"no {name}")
            if os.path.exists(f"{path}/{name}"):
                with open(f"{folder}/{base}/{name}", "rb") as one, open(f"{path}/{name}", "rb") as other:
                    check(export, one.read() == other.read(), f"another {name}")
    if not export.endswith("-adapter"):
        one, other = (AutoConfig.from_pretrained(p).to_dict() for p in (f"{folder}/{base}", path))
        for key in set(one) | set(other):
            if key not in ("_name_or_path", "dtype", "torch_dtype"):
                check(export, one.get(key) == other.get(key), f"config.json: {key} is {other.get(key)}, the base has {one.get(key)}")
        stored = load_file(f"{path}/{next(name for name in os.listdir(path) if name.endswith('.safetensors'))}")
        check(export, {value.dtype for value in stored.values()} == {AutoConfig.from_pretrained(path).dtype}, "config.json: dtype is not that of the weights")
        many = os.path.exists(f"{path}/model.safetensors.index.json")
        check(export, many == export.endswith("-shards"), "one file where there should be several, or the other way round")
    card = ModelCard.load(f"{path}/README.md")
    check(export, card.data.base_model == base_name, f"the model card's base_model is {card.data.base_model}")
    check(export, "rlsp" in (card.data.tags or []) and "math-smoke" in card.text and base_name in card.text, "the model card names neither run nor base")
    check(export, card.data.library_name == ("peft" if export.endswith("-adapter") else "transformers"), "library_name")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}: the largest difference to rlsp")
    print(f"{'':32} {'of a token':>12} {'vocabulary':>12} {'entropy':>12} {'greedy tokens':>14}")
    for base in BASES:
        compare(folder, base, load(f"{folder}/{base}"))
        compare_adapter(folder, base)
        exports = [f"{base}-adapter", f"{base}-merged", f"{base}-merged-shards"]
        for export in [f"{base}-full", f"{base}-full-shards"]:
            if os.path.exists(f"{folder}/{export}"):
                compare(folder, export, load(f"{folder}/{export}"))
                exports.append(export)
        for export in exports:
            compare_surroundings(folder, base, export, base)
    for failure in failures:
        print("FAILED", failure)
    print("roundtrip:", "all equal" if not failures else f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
