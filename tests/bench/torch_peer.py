#!/usr/bin/env python3
"""The peer of `rlsp bench`: the same two models in eager PyTorch, on one CPU thread.

    python3 tests/bench/torch_peer.py train  --model tiny
    python3 tests/bench/torch_peer.py decode --model small --seconds 20

Prints one JSON object. "train" is forward, backward and AdamW on random tokens;
"decode" is a loop with a key/value cache that samples at temperature 1; "ppo" is
that, then log-probabilities of policy and reference, values, GAE, and one epoch of
minibatches for policy and critic. All count tokens per second: every trained
token, or every new token (the time for the prompts is included).

`rlsp bench … --peer` runs this file with python3 from PATH, or with the command in
RLSP_TORCH_PYTHON (words separated by spaces), and passes its absolute path.
"""
import argparse
import json
import math
import os
import sys
import time

THREADS = 1
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # read when the libraries load
    os.environ.setdefault(name, str(THREADS))

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    sys.exit(f"torch_peer: {error}; this peer needs PyTorch (or set RLSP_TORCH_PYTHON to a Python that has it)")

# width, layers, heads, key/value heads, feed-forward, vocabulary, sequence length, sequences per step
MODELS = {
    "tiny": dict(d=128, layers=4, heads=4, kv_heads=4, ff=384, vocab=1024, length=128, batch=32),
    "small": dict(d=256, layers=6, heads=8, kv_heads=4, ff=768, vocab=4096, length=256, batch=8),
}
now = time.perf_counter  # or CPU time, with --cpu-time
DECODE = dict(sequences=256, prompt=32, new=96)
PPO = dict(sequences=256, prompt=13, new=115, minibatch=64)


def rope_tables(length, head_dim, base=10000.0):
    frequency = base ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angle = torch.arange(length, dtype=torch.float32)[:, None] * frequency
    angle = torch.cat([angle, angle], dim=-1)  # (length, head_dim), half-split layout
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):  # x (batch, heads, length, head_dim)
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


class Block(torch.nn.Module):
    def __init__(self, m):
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = m["heads"], m["kv_heads"], m["d"] // m["heads"]
        kv_width = self.kv_heads * self.head_dim
        self.qkv = torch.nn.Linear(m["d"], m["d"] + 2 * kv_width, bias=False)
        self.out = torch.nn.Linear(m["d"], m["d"], bias=False)
        self.gate_up = torch.nn.Linear(m["d"], 2 * m["ff"], bias=False)
        self.down = torch.nn.Linear(m["ff"], m["d"], bias=False)
        self.norm1 = torch.nn.Parameter(torch.ones(m["d"]))
        self.norm2 = torch.nn.Parameter(torch.ones(m["d"]))

    def forward(self, x, cos, sin, cache=None, position=0):  # x (batch, length, d)
        batch, length, d = x.shape
        heads, kv_heads, head_dim = self.heads, self.kv_heads, self.head_dim
        y = F.rms_norm(x, (d,), self.norm1, 1e-5)
        q, k, v = self.qkv(y).split([d, kv_heads * head_dim, kv_heads * head_dim], dim=-1)
        q = rotate(q.view(batch, length, heads, head_dim).transpose(1, 2), cos, sin)
        k = rotate(k.view(batch, length, kv_heads, head_dim).transpose(1, 2), cos, sin)
        v = v.view(batch, length, kv_heads, head_dim).transpose(1, 2)
        if cache is not None:
            cache[0][:, :, position:position + length] = k
            cache[1][:, :, position:position + length] = v
            k, v = cache[0][:, :, :position + length], cache[1][:, :, :position + length]
        if kv_heads != heads:
            k, v = (t.repeat_interleave(heads // kv_heads, dim=1) for t in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, d))
        gate, up = self.gate_up(F.rms_norm(x, (d,), self.norm2, 1e-5)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Model(torch.nn.Module):
    def __init__(self, m, positions):
        super().__init__()
        self.d = m["d"]
        self.embedding = torch.nn.Parameter(torch.randn(m["vocab"], m["d"]) * 0.02)  # tied with the head
        self.blocks = torch.nn.ModuleList(Block(m) for _ in range(m["layers"]))
        self.norm = torch.nn.Parameter(torch.ones(m["d"]))
        cos, sin = rope_tables(positions, m["d"] // m["heads"])
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)

    def hidden(self, ids, caches=None, position=0):
        cos, sin = (t[position:position + ids.shape[1]] for t in (self.cos, self.sin))
        x = F.embedding(ids, self.embedding)
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin, None if caches is None else caches[i], position)
        return F.rms_norm(x, (self.d,), self.norm, 1e-5)

    def logits(self, hidden):
        return hidden @ self.embedding.T


def train(m, seconds):
    model = Model(m, m["length"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    ids = torch.randint(0, m["vocab"], (m["batch"], m["length"] + 1))
    steps, losses = [], []
    start = now()
    while len(steps) < 4 or now() - start < seconds:
        before = now()
        logits = model.logits(model.hidden(ids[:, :-1]))
        loss = F.cross_entropy(logits.view(-1, m["vocab"]), ids[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        steps.append(now() - before)
        losses.append(loss.item())
    steps = sorted(steps[1:])  # the first one allocates
    median = steps[len(steps) // 2]
    if not (losses[-1] < losses[0] and math.isfinite(losses[-1])):
        sys.exit("torch_peer: the loss does not fall; this is no fair peer")
    return dict(tokens_per_second=m["batch"] * m["length"] / median, best=m["batch"] * m["length"] / steps[0],
                steps=len(steps), parameters=sum(p.numel() for p in model.parameters()))


@torch.inference_mode()
def sample(model, m, ids, new):
    """(sequences, prompt) -> (sequences, prompt + new), at temperature 1"""
    sequences, prompt = ids.shape
    head_dim = m["d"] // m["heads"]
    caches = [[torch.zeros(sequences, m["kv_heads"], prompt + new, head_dim) for _ in "kv"] for _ in model.blocks]
    hidden, tokens = model.hidden(ids, caches)[:, -1], [ids]
    for step in range(new):
        token = torch.multinomial(torch.softmax(model.logits(hidden), dim=-1), 1)
        tokens.append(token)
        if step + 1 < new:
            hidden = model.hidden(token, caches, prompt + step)[:, -1]
    return torch.cat(tokens, dim=1)


def decode(m, seconds):
    sequences, prompt, new = DECODE["sequences"], DECODE["prompt"], DECODE["new"]
    model = Model(m, prompt + new)
    runs = []
    start = now()
    while len(runs) < 2 or now() - start < seconds:
        ids = torch.randint(0, m["vocab"], (sequences, prompt))
        before = now()
        sample(model, m, ids, new)
        runs.append(now() - before)
    runs.sort()
    return dict(tokens_per_second=sequences * new / runs[len(runs) // 2], best=sequences * new / runs[0], runs=len(runs))


def ppo(m, seconds):
    sequences, prompt, new, size = PPO["sequences"], PPO["prompt"], PPO["new"], PPO["minibatch"]
    policy, reference, critic = (Model(m, prompt + new) for _ in range(3))
    value_head = torch.nn.Parameter(torch.zeros(m["d"]))
    reference.load_state_dict(policy.state_dict())
    critic.load_state_dict(policy.state_dict())
    critic_parameters = [p for p in critic.parameters()] + [value_head]
    actor_step = torch.optim.AdamW(policy.parameters(), lr=1e-5, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    critic_step = torch.optim.AdamW(critic_parameters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0, fused=True)

    def logprobs(model, ids):  # (n, new)
        logits = model.logits(model.hidden(ids[:, :-1])[:, prompt - 1:])
        return torch.log_softmax(logits, dim=-1).gather(-1, ids[:, prompt:, None])[..., 0]

    def values(ids):
        return critic.hidden(ids[:, :-1])[:, prompt - 1:] @ value_head

    runs = []
    start = now()
    while len(runs) < 3 or now() - start < seconds:
        before = now()
        ids = sample(policy, m, torch.randint(0, m["vocab"], (sequences, prompt)), new).clone()
        score = torch.randint(0, 2, (sequences,)).float()
        with torch.no_grad():
            parts = [(logprobs(policy, b), logprobs(reference, b), values(b)) for b in ids.split(size)]
            old, ref, value = (torch.cat(p) for p in zip(*parts))
            reward = -0.01 * (old - ref)
            reward[:, -1] += score
            advantage, running = torch.zeros_like(reward), torch.zeros(sequences)
            for t in reversed(range(new)):
                following = value[:, t + 1] if t + 1 < new else torch.zeros(sequences)
                running = reward[:, t] + following - value[:, t] + 0.95 * running
                advantage[:, t] = running
            returns = advantage + value
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        for rows in torch.randperm(sequences).split(size):
            ratio = torch.exp(logprobs(policy, ids[rows]) - old[rows])
            a = advantage[rows]
            loss = -torch.min(ratio * a, ratio.clamp(0.8, 1.2) * a).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            actor_step.step()
            actor_step.zero_grad(set_to_none=True)
            v = values(ids[rows])
            clipped = value[rows] + (v - value[rows]).clamp(-0.2, 0.2)
            loss = 0.5 * torch.max((v - returns[rows]) ** 2, (clipped - returns[rows]) ** 2).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(critic_parameters, 1.0)
            critic_step.step()
            critic_step.zero_grad(set_to_none=True)
        if not math.isfinite(loss.item()):
            sys.exit("torch_peer: the loss is not finite; this is no fair peer")
        runs.append(now() - before)
    runs = sorted(runs[1:])  # the first one allocates
    return dict(tokens_per_second=sequences * new / runs[len(runs) // 2], best=sequences * new / runs[0], runs=len(runs))


def blas():
    """The BLAS that this process really uses: a reference BLAS makes PyTorch 25 times slower, and no peer."""
    try:
        with open("/proc/self/maps") as maps:
            names = {os.path.basename(line.split()[-1]) for line in maps if "/" in line}
    except OSError:
        return "unknown"
    for name in ("libopenblas", "libmkl", "libblis", "libblas"):
        found = sorted(n for n in names if n.startswith(name))
        if found:
            core = os.environ.get("OPENBLAS_CORETYPE")
            return found[0] + (f" as {core}" if core and name == "libopenblas" else "")
    return "built in"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "decode", "ppo"])
    parser.add_argument("--model", choices=MODELS, default="tiny")
    parser.add_argument("--seconds", type=float, default=10, help="measure at least so long")
    for name, value in DECODE.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"decode: {value} unless given")
    parser.add_argument("--cpu-time", action="store_true", help="seconds of CPU time instead of by the clock")
    options = parser.parse_args()
    global now
    DECODE.update(sequences=options.sequences, prompt=options.prompt, new=options.new)
    now = time.process_time if options.cpu_time else now
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    result = dict(peer=f"PyTorch {torch.__version__}, eager, {THREADS} CPU thread", blas=blas(), what=options.what,
                  model=options.model)
    result |= {"train": train, "decode": decode, "ppo": ppo}[options.what](MODELS[options.model], options.seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
