#!/usr/bin/env python3
"""The peer of `rlsp bench`: the same models in eager PyTorch, on one CPU thread or on a CUDA device.

    python3 tests/bench/torch_peer.py train     --model tiny
    python3 tests/bench/torch_peer.py decode    --model small --seconds 20
    python3 tests/bench/torch_peer.py generate  --model 1b --dtype bf16 --device cuda
    python3 tests/bench/torch_peer.py gemm      --sizes 1024,8192 --device cuda
    python3 tests/bench/torch_peer.py attention --dtype bf16 --device cuda

Prints one JSON object. "train" is forward, backward and AdamW on random tokens;
"decode" is a loop with a key/value cache that samples at temperature 1, "generate" the
same by transformers; "ppo" is that, then log-probabilities of policy and reference,
values, GAE, and one epoch of minibatches for policy and critic. These count tokens per
second: every trained token, or every new token (the time for the prompts is included).
"gemm" and "attention" count flops, a multiply-add as two, attention's under the causal mask.

--dtype autocast keeps f32 parameters and computes products in bf16, as rlsp's mixed
precision does; bf16 keeps everything in it. Matrix products in f32 are without TF32,
which gemm measures beside them.

`rlsp bench … --peer` runs this file with python3 from PATH, or with the command in
RLSP_TORCH_PYTHON (words separated by spaces), and passes its absolute path.
"""
import argparse
import contextlib
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
    "1b": dict(d=2048, layers=16, heads=32, kv_heads=8, ff=8192, vocab=128256, length=1024, batch=8),
    "8b": dict(d=4096, layers=32, heads=32, kv_heads=8, ff=14336, vocab=128256, length=1024, batch=1),
}
clock = time.perf_counter  # or CPU time, with --cpu-time
device, dtype = "cpu", "f32"
DECODE = dict(sequences=256, prompt=32, new=96)
# sequences, length, heads, key/value heads, head dimension: those of `rlsp bench attention`
ATTENTION = {
    "cpu": [(32, 128, 4, 4, 32), (8, 256, 8, 4, 32), (2, 512, 8, 2, 64), (1, 1024, 4, 2, 128)],
    "cuda": [(16, 1024, 8, 4, 64), (8, 2048, 12, 2, 128), (2, 8192, 12, 2, 128)],
}
PPO = dict(prompt=13, new=115)


def now():
    if device == "cuda":
        torch.cuda.synchronize()
    return clock()


def precision():
    """What computes in it: for autocast, products and attention."""
    return torch.autocast(device, dtype=torch.bfloat16) if dtype == "autocast" else contextlib.nullcontext()


def parameter_dtype(name=None):
    return {"f32": torch.float32, "tf32": torch.float32, "autocast": torch.float32, "bf16": torch.bfloat16,
            "f16": torch.float16}[name or dtype]


def repeated(run, seconds, least=3):
    """Times of runs, fastest first, after one to warm up."""
    run()
    times, start = [], now()
    while len(times) < least or now() - start < seconds:
        before = now()
        run()
        times.append(now() - before)
    return sorted(times)


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
        grouped = kv_heads != heads and device == "cuda"
        if kv_heads != heads and not grouped:
            k, v = (t.repeat_interleave(heads // kv_heads, dim=1) for t in (k, v))
        q, k = q.to(v.dtype), k.to(v.dtype)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=length > 1, enable_gqa=grouped)
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


def new_model(m, positions):
    with torch.device(device):
        model = Model(m, positions)
    model = model.to(parameter_dtype())
    model.cos, model.sin = model.cos.to(parameter_dtype()), model.sin.to(parameter_dtype())
    return model


def train(m, seconds):
    model = new_model(m, m["length"])
    # Without a warm-up wide models would diverge at the small ones' rate, and the loss has to fall.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3 if m["d"] < 1024 else 1e-4, fused=True)
    ids = torch.randint(0, m["vocab"], (m["batch"], m["length"] + 1), device=device)
    steps, losses = [], []
    start = now()
    while len(steps) < 4 or now() - start < seconds:
        before = now()
        with precision():
            logits = model.logits(model.hidden(ids[:, :-1]))
            loss = F.cross_entropy(logits.view(-1, m["vocab"]), ids[:, 1:].reshape(-1))
        del logits
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
                steps=len(steps), parameters=sum(p.numel() for p in model.parameters()), **memory())


def memory():
    return dict(memory_bytes=torch.cuda.max_memory_allocated()) if device == "cuda" else {}


@torch.inference_mode()
def sample(model, m, ids, new):
    """(sequences, prompt) -> (sequences, prompt + new), at temperature 1"""
    sequences, prompt = ids.shape
    head_dim = m["d"] // m["heads"]
    cached = torch.bfloat16 if dtype == "autocast" else parameter_dtype()
    caches = [[torch.zeros(sequences, m["kv_heads"], prompt + new, head_dim, device=device, dtype=cached) for _ in "kv"]
              for _ in model.blocks]
    hidden, tokens = model.hidden(ids, caches)[:, -1], [ids]
    for step in range(new):
        token = torch.multinomial(torch.softmax(model.logits(hidden).float(), dim=-1), 1)
        tokens.append(token)
        if step + 1 < new:
            hidden = model.hidden(token, caches, prompt + step)[:, -1]
    return torch.cat(tokens, dim=1)


def decode(m, seconds):
    sequences, prompt, new = DECODE["sequences"], DECODE["prompt"], DECODE["new"]
    model = new_model(m, prompt + new)

    def run():
        with precision():
            sample(model, m, torch.randint(0, m["vocab"], (sequences, prompt), device=device), new)

    runs = repeated(run, seconds, 2)
    return dict(tokens_per_second=sequences * new / runs[len(runs) // 2], best=sequences * new / runs[0], runs=len(runs),
                **memory())


@torch.inference_mode()
def generate(m, seconds):
    try:
        import transformers
    except ImportError as error:
        sys.exit(f"torch_peer: {error}; generate needs transformers")
    sequences, prompt, new = DECODE["sequences"], DECODE["prompt"], DECODE["new"]
    config = transformers.LlamaConfig(
        vocab_size=m["vocab"], hidden_size=m["d"], num_hidden_layers=m["layers"], num_attention_heads=m["heads"],
        num_key_value_heads=m["kv_heads"], intermediate_size=m["ff"], max_position_embeddings=prompt + new,
        rms_norm_eps=1e-5, tie_word_embeddings=True, bos_token_id=0, eos_token_id=None, pad_token_id=0)
    with torch.device(device):
        model = transformers.LlamaForCausalLM(config).to(parameter_dtype()).eval()

    def run():
        ids = torch.randint(0, m["vocab"], (sequences, prompt), device=device)
        out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                             max_new_tokens=new, min_new_tokens=new)
        if out.shape[1] != prompt + new:
            sys.exit(f"torch_peer: generate gave {out.shape[1] - prompt} of {new} tokens; this is no fair peer")

    runs = repeated(run, seconds, 1)
    return dict(tokens_per_second=sequences * new / runs[len(runs) // 2], best=sequences * new / runs[0], runs=len(runs),
                transformers=transformers.__version__, **memory())


def gemm(sizes, seconds):
    products = []
    for kind in ("f32", "tf32", "bf16", "f16") if device == "cuda" else ("f32", "bf16"):
        torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
        for n in sizes:
            a, b = (torch.randn(n, n, device=device, dtype=parameter_dtype(kind)) for _ in "ab")
            several = max(1, min(20, int(2e12 / (2 * n ** 3)))) if device == "cuda" else 1

            def run():
                for _ in range(several):
                    a @ b.T

            times = repeated(run, seconds / len(sizes) / 4)
            products.append(dict(size=n, dtype=kind, gflops=2e-9 * n ** 3 * several / times[len(times) // 2]))
    return dict(products=products, gflops=max(p["gflops"] for p in products if p["dtype"] == "f32"))


def attention(seconds):
    shapes = []
    for sequences, length, heads, kv_heads, head_dim in ATTENTION[device]:
        def tensor(h):
            return torch.randn(sequences, h, length, head_dim, device=device, dtype=parameter_dtype(), requires_grad=True)

        q, k, v = tensor(heads), tensor(kv_heads), tensor(kv_heads)
        d_o = torch.randn_like(q)
        half = sequences * heads * length * (length + 1) / 2 * head_dim * 2  # of one product

        def forward():
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=heads != kv_heads)

        def both():
            forward().backward(d_o)

        one, two = (repeated(run, seconds / 8) for run in (forward, both))
        one, two = one[len(one) // 2], two[len(two) // 2]
        row = dict(sequences=sequences, length=length, heads=heads, kv_heads=kv_heads, head_dim=head_dim)
        shapes.append(dict(row, part="forward", gflops=2 * half * 1e-9 / one))
        shapes.append(dict(row, part="backward", gflops=5 * half * 1e-9 / max(two - one, 1e-9)))
    return dict(shapes=shapes)


def ppo(m, seconds):
    sequences, prompt, new, size = DECODE["sequences"], DECODE["prompt"], DECODE["new"], (DECODE["sequences"] + 3) // 4
    policy, reference, critic = (new_model(m, prompt + new) for _ in range(3))
    value_head = torch.nn.Parameter(torch.zeros(m["d"], device=device, dtype=parameter_dtype()))
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
        ids = sample(policy, m, torch.randint(0, m["vocab"], (sequences, prompt), device=device), new).clone()
        score = torch.randint(0, 2, (sequences,), device=device).float()
        with torch.no_grad():
            parts = [(logprobs(policy, b), logprobs(reference, b), values(b)) for b in ids.split(size)]
            old, ref, value = (torch.cat(p) for p in zip(*parts))
            reward = -0.01 * (old - ref)
            reward[:, -1] += score
            advantage, running = torch.zeros_like(reward), torch.zeros(sequences, device=device)
            for t in reversed(range(new)):
                following = value[:, t + 1] if t + 1 < new else torch.zeros(sequences, device=device)
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


def model_of(options):
    if options.shape:
        numbers = [int(n) for n in options.shape.split(",")]
        m = dict(zip(("d", "layers", "heads", "kv_heads", "ff", "vocab"), numbers, strict=True), length=256, batch=8)
    else:
        m = dict(MODELS[options.model])
    m.update({k: v for k, v in (("batch", options.batch), ("length", options.length)) if v})
    return m


def main():
    global clock, device, dtype
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["train", "decode", "generate", "ppo", "gemm", "attention"])
    parser.add_argument("--model", choices=MODELS, default="tiny")
    parser.add_argument("--shape", help="instead of a model: width,layers,heads,kv_heads,ff,vocabulary")
    parser.add_argument("--batch", type=int, help="train: sequences of a step")
    parser.add_argument("--length", type=int, help="train: tokens of a sequence")
    parser.add_argument("--seconds", type=float, default=10, help="measure at least so long")
    parser.add_argument("--sequences", type=int, default=DECODE["sequences"], help="decode, generate, ppo: at once")
    parser.add_argument("--prompt", type=int, help="decode, generate, ppo: given tokens of each")
    parser.add_argument("--new", type=int, help="decode, generate, ppo: new tokens of each")
    parser.add_argument("--sizes", default="1024,2048,4096,8192", help="gemm: of square products")
    parser.add_argument("--dtype", choices=["f32", "bf16", "f16", "autocast"], default="f32")
    parser.add_argument("--device", choices=["cpu", "cuda", "auto"], default="cpu")
    parser.add_argument("--cpu-time", action="store_true", help="seconds of CPU time instead of by the clock")
    options = parser.parse_args()
    usual = PPO if options.what == "ppo" else DECODE
    DECODE.update(sequences=options.sequences, prompt=options.prompt or usual["prompt"], new=options.new or usual["new"])
    clock = time.process_time if options.cpu_time else clock
    dtype = options.dtype
    device = "cuda" if options.device != "cpu" and torch.cuda.is_available() else "cpu"
    if options.device == "cuda" and device != "cuda":
        sys.exit("torch_peer: this PyTorch sees no CUDA device")
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    where = torch.cuda.get_device_name() if device == "cuda" else f"{THREADS} CPU thread"
    result = dict(peer=f"PyTorch {torch.__version__}, eager, {dtype}, {where}", what=options.what, dtype=dtype,
                  blas="cuBLAS" if device == "cuda" else blas())
    if options.what == "gemm":
        result |= gemm([int(n) for n in options.sizes.split(",")], options.seconds)
    elif options.what == "attention":
        result |= attention(options.seconds)
    else:
        what = {"train": train, "decode": decode, "generate": generate, "ppo": ppo}[options.what]
        result |= dict(model=options.shape or options.model) | what(model_of(options), options.seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
