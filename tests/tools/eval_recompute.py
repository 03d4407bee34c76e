#!/usr/bin/env python3
"""Recomputes what rlsp eval reports from its traces, another way, and compares.

    eval_recompute.py DIR [--intervals] [--quiet]

DIR is what `rlsp eval --out DIR` made. Accuracy, standard errors, pass@k, maj@k, lengths, shares, subjects and levels
are computed from traces.jsonl alone, but for which answers are the same, which only the verifier knows: that is taken
from the votes of problems.jsonl, after a check that equal texts vote alike. --intervals: the bootstrap as well, with
the program's own random numbers (Philox 4x32-10), which takes a while. Exit 1 if a number differs. Standard library only.
"""
import json
import math
import sys
from fractions import Fraction

COMPARED_MAX = 256  # different texts of a problem that the verifier compares
failures = 0
quiet = "--quiet" in sys.argv


def check(what, got, want, tolerance=1e-9):
    """Compares a number of the report with the recomputed one; None and NaN are the same."""
    global failures
    want = None if want is None or (isinstance(want, float) and math.isnan(want)) else float(want)
    same = got is None and want is None or (
        got is not None and want is not None and abs(got - want) <= tolerance * max(1.0, abs(want)))
    failures += not same
    if not same or not quiet:
        print(f"{'      ' if same else 'WRONG '} {what:44s} {got!s:24.24s} {want!s:24.24s}")


def mean(values):
    return sum(values) / len(values) if values else None


def standard_error(values):
    """Of a mean over clusters."""
    n = len(values)
    if n < 2:
        return None
    m = sum(values) / n
    return math.sqrt(sum((v - m) ** 2 for v in values) / (n - 1) / n)


def rank(values, share):
    values = sorted(values)
    return values[max(math.ceil(share * len(values)) - 1, 0)] if values else None


def pass_at(n, c, k):
    return 1 - Fraction(math.comb(n - c, k), math.comb(n, k))


def multiply(a, b, most):
    """Polynomials {(samples, ties): ways}."""
    out = {}
    for (i, s), x in a.items():
        for (j, t), y in b.items():
            if i + j <= most:
                out[i + j, s + t] = out.get((i + j, s + t), 0) + x * y
    return out


known_votes = {}


def maj_at(votes, right, unanswered, k):
    """Exact: the chance that the majority of k of the samples, in any order, is right; t tied ones share it."""
    key = (tuple(sorted(zip(votes, right))), unanswered, k)
    if key not in known_votes:
        n = sum(votes) + unanswered
        wins = Fraction(0)
        for winner, (own, is_right) in enumerate(zip(votes, right)):
            for m in range(1, min(own, k) + 1) if is_right else ():
                ways = {(u, 0): math.comb(unanswered, u) for u in range(unanswered + 1)}
                for other, count in enumerate(votes):
                    if other != winner:
                        choices = {(x, int(x == m)): math.comb(count, x) for x in range(min(count, m) + 1)}
                        ways = multiply(ways, choices, k - m)
                wins += sum(math.comb(own, m) * w * Fraction(1, t + 1) for (i, t), w in ways.items() if i == k - m)
        known_votes[key] = wins / math.comb(n, k)
    return known_votes[key]


# --- bootstrap -----------------------------------------------------------------------------------------------------

RANDOM_BOOTSTRAP = 10


def philox(counter, key):
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        a, b = c0 * 0xD2511F53, c2 * 0xCD9E8D57
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & 0xFFFFFFFF, (a >> 32) ^ c3 ^ k1, a & 0xFFFFFFFF
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def stream(seed, purpose, step, row):
    key, block = (seed & 0xFFFFFFFF, seed >> 32), 0
    while True:
        yield from philox((block, row, step, purpose), key)
        block += 1


def draws(seed, resamples, count):
    """The problems of every resample: 32 bits times count, the low half rejected where it would not be uniform."""
    threshold = (1 << 32) % count
    for b in range(resamples):
        words, picked = stream(seed, RANDOM_BOOTSTRAP, b, 0), []
        while len(picked) < count:
            product = next(words) * count
            if product & 0xFFFFFFFF >= threshold:
                picked.append(product >> 32)
        yield picked


def intervals(columns, seed, resamples):
    """95% percentile intervals of the means of all columns of values."""
    means = [[] for _ in columns]
    for picked in draws(seed, resamples, len(columns[0])):
        for own, values in zip(means, columns):
            own.append(sum(values[i] for i in picked) / len(picked))
    return [(rank(own, 0.025), rank(own, 0.975)) for own in means]


# --- reading -------------------------------------------------------------------------------------------------------


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):  # a torn last line is none
                yield json.loads(line)


def read_traces(directory):
    """{stage: {row: {sample: trace}}}; of a response that is there twice the first counts."""
    traces = {}
    for trace in read_lines(directory + "/traces.jsonl"):
        if trace.get("event") == "trace" and "row" in trace:
            of_row = traces.setdefault(trace["stage"], {}).setdefault(trace["row"], {})
            of_row.setdefault(trace["sample"], trace)
    return traces


def check_votes(what, own, votes):
    """Equal texts vote alike, classes are numbered as first seen, no answer has no vote; returns the classes."""
    seen, texts = 0, {}
    for trace, vote in zip(own, votes):
        if (trace["answer"] is None) != (vote is None):
            check(what + ": a vote without an answer", 1, 0)
            continue
        if vote is None:
            continue
        if vote > seen:
            check(what + ": numbers of classes", vote, seen)
        seen = max(seen, vote + 1)
        if texts.setdefault(trace["answer"], vote) != vote:
            check(what + ": equal texts", vote, texts[trace["answer"]])
    return seen


def check_part(what, part, own):
    words = [name for name in part if name.startswith("words_")]
    lengths = [t["tokens"] for t in own]
    check(what + " responses", part["responses"], len(own))
    check(what + " length", part["length"], mean(lengths))
    check(what + " length_p50", part["length_p50"], rank(lengths, 0.5))
    check(what + " length_p95", part["length_p95"], rank(lengths, 0.95))
    check(what + " truncated", part["truncated"], mean([t["truncated"] for t in own]))
    check(what + " answered", part["answered"], mean([t["answer"] is not None for t in own]))
    check(what + " boxed", part["boxed"], mean([t.get("found_by") == "box" for t in own]))
    check(what + " repetition", part["repetition"], mean([t["behaviours"]["repetition"] for t in own]))
    for name in words:
        check(f"{what} {name}", part[name], mean([t["behaviours"][name] > 0 for t in own]))


def check_eval(report, result, traces, problems):
    name, n = result["name"], result["samples"]
    by_row = traces.get("eval_" + name, {})
    rows = sorted(by_row)
    check(name + " problems", report["problems"], len(rows))
    own = [[by_row[row].get(k) for k in range(n)] for row in rows]
    missing = sum(t is None for traces_of in own for t in traces_of)
    check(name + " missing responses", 0, missing)
    if missing or not rows:
        return
    right = [[t["verdict"] == "correct" for t in traces_of] for traces_of in own]
    share = [sum(r) / n for r in right]
    everything = [t for traces_of in own for t in traces_of]
    check(name + " accuracy", result["accuracy"], mean(share))
    check(name + " accuracy_stderr", result["accuracy_stderr"], standard_error(share))
    check(name + " tokens", result["tokens"], sum(t["tokens"] for t in everything))

    majority, counted = [], []
    for row, traces_of, is_right in zip(rows, own, right):
        problem = problems[name, row]
        votes = problem["votes"]
        classes = check_votes(f"{name} row {row}", traces_of, votes)
        counts = [votes.count(c) for c in range(classes)]
        winner = votes.index(counts.index(max(counts))) if counts else None
        majority.append(winner is not None and is_right[winner])
        check(f"{name} row {row} correct", problem["correct"], sum(is_right))
        check(f"{name} row {row} majority_correct", problem["majority_correct"], majority[-1])
        counted.append((counts, [is_right[votes.index(c)] for c in range(classes)], n - sum(counts)))
    columns = []
    for key in ("pass_at", "maj_at"):
        for k in map(int, result[key]):
            if key == "pass_at":
                values = [float(pass_at(n, sum(r), k)) for r in right]
            elif k == n:
                values = [float(m) for m in majority]
            else:
                values = [float(maj_at(*c, k)) for c in counted]
            tolerance = 1e-9 if key == "pass_at" or k == n or result["maj_at_drawn_problems"] == 0 else 0.02
            check(f"{name} {key} {k}", result[key][str(k)], mean(values), tolerance)
            check(f"{name} {key} {k} stderr", result[key + "_stderr"][str(k)], standard_error(values), tolerance)
            columns.append((key, k, values))
    if "--intervals" in sys.argv and len(rows) > 1:
        found = intervals([values for _, _, values in columns], report["seed"], result["bootstrap_resamples"])
        for (key, k, _), (low, high) in zip(columns, found):
            check(f"{name} {key} {k} low", result[key + "_low"][str(k)], low)
            check(f"{name} {key} {k} high", result[key + "_high"][str(k)], high)

    parts = result["responses_by_verdict"]
    check_part(name + " all", parts["all"], everything)
    check_part(name + " right", parts["right"], [t for t in everything if t["verdict"] == "correct"])
    check_part(name + " wrong", parts["wrong"], [t for t in everything if t["verdict"] != "correct"])
    for kind in ("subject", "level"):
        names = sorted({traces_of[0][kind] for traces_of in own if kind in traces_of[0]})
        check(f"{name} {kind}s", len(result[kind + "s"]), len(names))
        for group in result[kind + "s"]:
            at = [i for i, traces_of in enumerate(own) if traces_of[0].get(kind) == group["name"]]
            what = f"{name} {kind} {group['name']}"
            check(what + " problems", group["problems"], len(at))
            check(what + " accuracy", group["accuracy"], mean([share[i] for i in at]))
            check(what + " stderr", group["accuracy_stderr"], standard_error([share[i] for i in at]))
            check(what + " pass_at_k", group["pass_at_k"], mean([any(right[i]) for i in at]))
            check(what + " maj_at_k", group["maj_at_k"], mean([majority[i] for i in at]))


def main():
    folders = [a for a in sys.argv[1:] if not a.startswith("--")]
    if len(folders) != 1:
        sys.exit(__doc__)
    directory = folders[0]
    with open(directory + "/report.json", encoding="utf-8") as file:
        report = json.load(file)
    traces = read_traces(directory)
    problems = {(p["name"], p["row"]): p for p in read_lines(directory + "/problems.jsonl")}
    if not quiet:
        print(f"       {'':44s} {'report':24s} recomputed")
    for result in report["evals"]:
        check_eval(report, result, traces, problems)
    print(f"{directory}: {'the same' if failures == 0 else f'{failures} numbers differ'}")
    sys.exit(failures > 0)


main()
