#!/bin/sh
# rlsp generate and rlsp score from outside, on the parity models.
# usage: test_generate.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
models=$source/tests/data/parity/models

# What the reference has under a key for each greedy continuation, a line each: list MODEL KEY
list() {
    tr -d ' \n' <"$models/$1/expected.json" | grep -o "\"$2\":\[[^]]*\]" | sed 's/.*:\[/[/'
}

: >"$work/in"
# Wrong usage and bad input, told before any device is opened.
llama=$models/tiny-llama
run 2 "--model" generate
run 2 "are for --chat" generate --model "$llama" --prompt hello --chat-set a=b
run 2 "--temperature" generate --model "$llama" --prompt hello --temperature hot
run 2 "--prompt" generate --model "$llama" --prompt hello --ids
run 2 "none" generate --model "$work/none" --prompt hello
run 2 "none" score --model "$work/none"
echo '{"ids":[1,384]}' >"$work/in"
run 2 "stdin line 1" generate --model "$llama" --ids
printf '{"ids":[1]}\n\n{"ids":[-1]}\n' >"$work/in"
run 2 "stdin line 3" score --model "$llama"
echo '{"ids":[]}' >"$work/in"
run 2 "0 ids" generate --model "$llama" --ids
echo '{"ids":[1.5]}' >"$work/in"
run 2 "stdin line 1" score --model "$llama"
echo '{"ids":"12"}' >"$work/in"
run 2 "'ids'" score --model "$llama"
echo '{"id":[1]}' >"$work/in"
run 2 "'ids'" generate --model "$llama" --ids
echo '[1,2]' >"$work/in"
run 2 "stdin line 1" generate --model "$llama" --ids
context=$(tr -d ' \n' <"$llama/config.json" | sed 's/.*"max_position_embeddings":\([0-9]*\).*/\1/')
awk -v n="$context" 'BEGIN { printf "{\"ids\":[1"; for (i = 1; i < n; i++) printf ",2"; print "]}" }' >"$work/in"
run 2 "$context ids" generate --model "$llama" --ids
awk -v n="$context" 'BEGIN { for (i = 0; i < n; i++) printf "0 "; print "" }' >"$work/in"
run 2 "context of $context" generate --model "$llama"
: >"$work/in"
run 0 "" generate --model "$llama" --ids
run 0 "" score --model "$llama"
[ -s "$work/out" ] && fail "nothing in, something out"

need_device

# Greedy continuations and their log-probabilities are the reference's.
for model in tiny-llama tiny-qwen3; do
    list $model prompt_ids | sed 's/.*/{"ids":&}/' >"$work/in"
    list $model new_ids | sed 's/.*/{"ids":&}/' >"$work/want"
    run 0 "" generate --model "$models/$model" --ids --temperature 0 --max-new 24 --ignore-eos --validate
    cmp -s "$work/out" "$work/want" || fail "$model: the greedy ids are not the reference's"
    list $model prompt_ids >"$work/a"
    list $model new_ids >"$work/b"
    paste -d, "$work/a" "$work/b" | sed 's/\],\[/,/; s/.*/{"ids":&}/' >"$work/in"
    run 0 "" score --model "$models/$model" --validate
    list $model new_logprobs | tr -d '[]' >"$work/want"
    sed 's/.*"logprobs":\[\([^]]*\)\].*/\1/' "$work/out" | paste -d: "$work/want" - | awk -F: '
        { n = split($1, want, ","); m = split($2, got, ","); if (n != 24) bad = 1
          for (i = 1; i <= n; i++) { d = want[i] - got[m - n + i]; if (d > 1e-4 || d < -1e-4) bad = 1 } }
        END { exit bad || NR != 3 }' || fail "$model: score differs from the reference"
done
echo '{"ids":[5]}' >"$work/in"
run 0 "" score --model "$llama"
grep -q '^{"logprobs":\[\],"entropy":\[[0-9.]*\]}$' "$work/out" || fail "one id: no log-probability, one entropy"

# Text: streamed the same as whole, by --prompt or stdin; seeds; samples.
run 0 "" generate --model "$llama" --prompt Buffer --max-new 40 --seed 3 --ignore-eos
cp "$work/out" "$work/streamed"
printf 'Buffer' >"$work/in"
run 0 "" generate --model "$llama" --max-new 40 --seed 3 --ignore-eos
cmp -s "$work/out" "$work/streamed" || fail "the prompt from stdin gives another text"
run 0 "" generate --model "$llama" --prompt Buffer --max-new 40 --seed 3 --ignore-eos --json
cp "$work/out" "$work/json"
sed 's/.*\("ids":\[[^]]*\]\).*/{\1}/' "$work/json" >"$work/in"
run 0 "" tokenize --model "$llama" --decode --no-special
grep -qF -e "$(sed 's/^{\("text":.*\)}$/\1/' "$work/out")" "$work/json" || fail "text and ids do not say the same"
run 0 "" generate --model "$llama" --prompt Buffer --max-new 40 --seed 4 --ignore-eos
cmp -s "$work/out" "$work/streamed" && fail "another seed gives the same text"
run 0 "" generate --model "$llama" --prompt Buffer --max-new 6 --n 3 --json
[ "$(sort -u "$work/out" | wc -l)" -eq 3 ] || fail "--n 3 gives no three samples"
grep -q '"stopped":' "$work/out" || fail "--json does not say whether it stopped"

finish
