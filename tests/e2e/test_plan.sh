# rlsp plan: the configs for hub models, each for the card that its name says; switches that make a run fit; bad input.
# usage: test_plan.sh PROGRAM TOP
set -eu
program=$1 top=$2
unset OPENAI_API_KEY

fail() { echo "test_plan: $*" >&2; exit 1; }

value() { printf '%s' "$1" | tr ',{[' '\n\n\n' | sed -n "s/^\"$2\"://p" | head -n 1; }

checked=0
for config in "$top"/configs/llama-3.1-8b-math*.json "$top"/configs/qwen2.5-32b-aime*.json; do
    name=$(basename "$config" .json)
    "$program" config "$config" >/dev/null || fail "$name: rlsp config refuses it"
    shapes=$top/tests/data/plan/${name%%-math*}
    shapes=${shapes%%-aime*}
    case $name in
    *-lora-*gb)
        size=${name##*-lora-} size=${size%gb}
        plan=$("$program" plan --config "$config" --memory "$size" --set model.path="$shapes" --json) || fail "$name: no plan"
        [ "$(value "$plan" fits)" = true ] || fail "$name does not fit $size GiB: $plan"
        # a card's own use of its memory wants some room
        peak=$(value "$plan" peak_bytes)
        [ "$peak" -lt $((size * 1073741824 * 93 / 100)) ] || fail "$name leaves less than 7% of $size GiB: $peak"
        ;;
    *)
        plan=$("$program" plan --config "$config" --memory 80 --set model.path="$shapes" --json) || fail "$name: no plan"
        [ "$(value "$plan" fits)" = false ] || fail "$name, which trains every parameter, fits 80 GiB: $plan"
        case $plan in *adapter.kind=lora*) ;; *) fail "$name: LoRA is not among the changes: $plan" ;; esac
        ;;
    esac
    case $plan in *task.max_prompt_tokens*) ;; *) fail "$name: no note that its data are not there: $plan" ;; esac
    checked=$((checked + 1))
done
[ "$checked" -ge 10 ] || fail "only $checked configs were looked at"

# The changes that are said to make it fit do.
config=$top/configs/llama-3.1-8b-math.json shapes=$top/tests/data/plan/llama-3.1-8b
plan=$("$program" plan --config "$config" --memory 80 --set model.path="$shapes" --json)
changes=$(printf '%s' "$plan" | sed -n 's/.*"fits_with":\[\([^]]*\)\].*/\1/p' | tr -d '"' | tr ',' ' ')
[ -n "$changes" ] || fail "nothing makes it fit: $plan"
set --
for change in $changes; do set -- "$@" --set "$change"; done
plan=$("$program" plan --config "$config" --memory 80 --set model.path="$shapes" "$@" --json)
[ "$(value "$plan" fits)" = true ] || fail "with $* it does not fit: $plan"

# All other configs have a plan, whatever their reward.
for config in "$top"/configs/*.json; do
    case $config in */llama-* | */qwen*) continue ;; esac
    "$program" plan --config "$config" --memory 24 >/dev/null || fail "$config: no plan"
done

# A cache of 16 bits is half of it, and one of the changes that are named.
plan=$("$program" plan --config "$top/configs/llama-3.1-8b-math-lora-24gb.json" --memory 24 --set model.path="$shapes" --set model.kv_cache=f32 --json)
half=$("$program" plan --config "$top/configs/llama-3.1-8b-math-lora-24gb.json" --memory 24 --set model.path="$shapes" --set model.kv_cache=f16 --json)
full=$(value "$plan" peak_bytes) less=$(value "$half" peak_bytes)
cache=$((16 * 32 * 2 * (1024 + 2048) * 8 * 128 * 4)) # slots, layers, keys and values, tokens of a sequence, their heads, f32
[ $((full - less)) -eq $((cache / 2)) ] || fail "a cache of 16 bits takes $((full - less)) bytes off the peak, not $((cache / 2))"
plan=$("$program" plan --config "$top/configs/llama-3.1-8b-math-lora-24gb.json" --memory 12 --set model.path="$shapes" --set model.kv_cache=f32 --json)
case $plan in *model.kv_cache=bf16*) ;; *) fail "model.kv_cache is not among the changes: $plan" ;; esac

# On this device, as text.
"$program" plan --config "$top/configs/countdown-smoke.json" | grep -q '^It fits: ' || fail "the smallest config does not fit this machine"

# One line and exit 2.
for bad in "--config $top/configs/none.json" "--config $top/configs/countdown.json --memory 0" "--config $top/configs/countdown.json --set model.path=/nowhere" \
    "--config $top/configs/countdown-smoke.json --set rl.prompts_per_step=65536 --set rl.samples_per_prompt=512 --set rl.max_new_tokens=200" ""; do
    code=0
    # shellcheck disable=SC2086
    text=$("$program" plan $bad 2>&1 >/dev/null) || code=$?
    [ "$code" = 2 ] || fail "plan $bad: exit $code: $text"
    [ "$(printf '%s\n' "$text" | wc -l)" = 1 ] || fail "plan $bad: more than one line: $text"
done
echo "test_plan: $checked configs"

# What checkpoints take of the disk: all of them where all are kept, else those that are, the best and the one being written.
config=$top/configs/countdown-smoke.json # 12 steps of SFT, 3 of RL, a checkpoint every 2
for case in 0:8 1:3 2:4 9:8; do
    plan=$("$program" plan --config "$config" --memory 24 --out / --set checkpoint.keep=${case%:*} --json)
    [ "$(value "$plan" checkpoints)" = "${case#*:}" ] || fail "checkpoint.keep ${case%:*}: $plan"
    [ "$(value "$plan" disk_free_bytes)" -gt 0 ] || fail "the free space of / is not told: $plan"
done
