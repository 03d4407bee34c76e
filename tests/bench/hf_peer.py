#!/usr/bin/env python3
"""Runs a Hugging Face model directory with transformers, to compare an export of ours with.

    echo '{"ids":[1,5,9]}' | python3 tests/bench/hf_peer.py logprobs --model DIR
    echo '{"ids":[1,5,9]}' | python3 tests/bench/hf_peer.py greedy   --model DIR --max-new 20
    echo '{"ids":[1,5,9]}' | python3 tests/bench/hf_peer.py logits   --model DIR --top 5
    python3 tests/bench/hf_peer.py compare --model DIR --rlsp build/release/rlsp <ids.jsonl

One line in, one line out, in order; float32 on the CPU.

    logprobs  {"logprobs":[…],"entropy":[…]}: of each token after the first, at each place, as `rlsp score` gives
    greedy    {"ids":[…]}: the new tokens only, as `rlsp generate --ids --temperature 0` gives
    logits    {"argmax":id,"top":[[id,logit],…]} after the last token
    compare   runs `rlsp score` and `rlsp generate --ids` on the same lines and prints the largest
              difference of a log-probability and how many greedy tokens agree; exit status 1 if
              a log-probability is off by more than --tolerance. With --rlsp-output PREFIX it reads
              PREFIX.score.jsonl and PREFIX.greedy.jsonl instead (where Python lives in another root)
"""
import argparse
import json
import subprocess
import sys

try:
    import torch
    from transformers import AutoModelForCausalLM
except ImportError as error:
    sys.exit(f"hf_peer: {error}; it needs PyTorch and transformers (or set RLSP_TORCH_PYTHON to a Python that has them)")


@torch.inference_mode()
def score(model, ids):
    logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), dim=-1)  # (tokens, vocabulary)
    chosen = logprobs[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    return dict(logprobs=chosen.tolist(), entropy=entropy.tolist())


@torch.inference_mode()
def greedy(model, ids, max_new):
    stop = model.generation_config.eos_token_id
    stop = set(stop if isinstance(stop, list) else [stop])
    new, cache, feed = [], None, ids
    while len(new) < max_new:
        out = model(torch.tensor([feed]), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        token = int(out.logits[0, -1].argmax())
        new.append(token)
        if token in stop:
            break
        feed = [token]
    return dict(ids=new)


@torch.inference_mode()
def logits(model, ids, top):
    last = model(torch.tensor([ids])).logits[0, -1].float()
    values, indices = last.topk(min(top, last.numel()))
    return dict(argmax=int(last.argmax()), top=[[int(i), float(v)] for i, v in zip(indices, values)])


def ours(options, arguments, lines):
    if options.rlsp_output:
        name = "score" if arguments[0] == "score" else "greedy"
        with open(f"{options.rlsp_output}.{name}.jsonl") as file:
            text = file.read()
    else:
        command = [options.rlsp, arguments[0], "--model", options.model, *arguments[1:]]
        run = subprocess.run(command, input="".join(json.dumps(l) + "\n" for l in lines), text=True, capture_output=True)
        if run.returncode != 0:
            sys.exit(f"hf_peer: {' '.join(command)} gave {run.returncode}: {run.stderr.strip()}")
        text = run.stdout
    result = [json.loads(line) for line in text.splitlines() if line.strip()]
    if len(result) != len(lines):
        sys.exit(f"hf_peer: rlsp {arguments[0]} answered {len(result)} of {len(lines)} lines")
    return result


def compare(model, options, lines):
    worst, tokens, agree, total = 0.0, 0, 0, 0
    for line, mine in zip(lines, ours(options, ["score"], lines)):
        for a, b in zip(score(model, line["ids"])["logprobs"], mine["logprobs"], strict=True):
            worst, tokens = max(worst, abs(a - b)), tokens + 1
    generate = ["generate", "--ids", "--temperature", "0", "--max-new", str(options.max_new)]
    for line, mine in zip(lines, ours(options, generate, lines)):
        theirs = greedy(model, line["ids"], options.max_new)["ids"]
        total += max(len(theirs), len(mine["ids"]))
        agree += sum(a == b for a, b in zip(theirs, mine["ids"]))
    print(json.dumps(dict(worst_logprob_difference=worst, tokens=tokens, greedy_agree=agree, greedy_total=total)))
    return 0 if tokens > 0 and worst <= options.tolerance else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["logprobs", "greedy", "logits", "compare"])
    parser.add_argument("--model", required=True, help="a Hugging Face model directory")
    parser.add_argument("--max-new", type=int, default=32)
    parser.add_argument("--top", type=int, default=5)
    parser.add_argument("--rlsp", default="build/release/rlsp")
    parser.add_argument("--rlsp-output", metavar="PREFIX")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32, local_files_only=True).eval()
    lines = [json.loads(line) for line in sys.stdin if line.strip()]
    if options.what == "compare":
        return compare(model, options, lines)
    for line in lines:
        if options.what == "logprobs":
            print(json.dumps(score(model, line["ids"])))
        elif options.what == "greedy":
            print(json.dumps(greedy(model, line["ids"], options.max_new)))
        else:
            print(json.dumps(logits(model, line["ids"], options.top)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
