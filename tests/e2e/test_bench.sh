# rlsp bench: a model of 90,000 parameters; the profile adds up and counts the flops of the shapes; bad input.
# usage: test_bench.sh PROGRAM TOP
set -eu
program=$1

fail() { echo "test_bench: $*" >&2; exit 1; }

# A number of a JSON object, by its first such key.
value() { printf '%s' "$1" | tr ',{[}]' '\n\n\n\n\n' | sed -n "s/^\"$2\"://p" | head -n 1; }

# A condition on numbers.
holds() { awk "BEGIN { exit !($1) }" || fail "$2: $1"; }

width=64 layers=2 heads=2 kv=1 ff=128 vocab=256 batch=2 length=32
shape=$width,$layers,$heads,$kv,$ff,$vocab

# --- training
json=$("$program" bench train --shape $shape --batch $batch --length $length --seconds 0.01 --profile --json)
holds "$(value "$json" parameters) == 90432" "parameters"
holds "$(value "$json" last_loss) < $(value "$json" first_loss)" "the loss"
total=${json##*\"profile_total\":}
rows=${json##*\"profile\":}
rows=${rows%%\"profile_total\"*}
kernels=$(printf '%s' "$rows" | tr '}' '\n' | awk -F'"seconds":' 'NF > 1 { split($2, part, ","); seconds += part[1] } END { printf "%.9g\n", seconds }')
wall=$(value "$total" wall_seconds) gaps=$(value "$total" gap_seconds) idle=$(value "$total" idle_seconds)
holds "($kernels + $gaps + $idle) / $wall > 0.999999 && ($kernels + $gaps + $idle) / $wall < 1.000001" "kernels, gaps and idle time beside the clock"
holds "$kernels > 0 && $idle > 0 && $gaps > -1e-6" "parts of the profile"
holds "$(value "$total" untimed_kernels) == 0" "kernels that were not timed"

# Every product of a step: forward, and twice as much backward, of all matrices; the embedding is one of them, as the head.
steps=$(value "$total" steps)
counted=$(printf '%s' "$rows" | tr '}' '\n' | awk -F'"flops":' '/"kernel":"(gemm|attention)/ { split($2, part, ","); if ($0 ~ /"gemm/) gemm += part[1]; else attention += part[1] } END { printf "%.12g %.12g", gemm, attention }')
matrices=$((width * (width + 2 * width * kv / heads) + width * width + 3 * width * ff))
matrices=$((layers * matrices + vocab * width))
holds "${counted% *} == 6 * $matrices * $batch * $length * $steps" "flops of the products"
holds "${counted#* } == 7 * 2 * $batch * $length * ($length + 1) / 2 * $width * $layers * $steps" "flops of attention"
holds "$(value "${json##*\"ceilings\":}" product_gflops) > 0 && $(value "${json##*\"ceilings\":}" copy_gbytes_per_second) > 0" "ceilings"

json=$("$program" bench train --shape $shape --batch $batch --length $length --seconds 0.01 --lora 4 --recompute --json)
holds "$(value "$json" last_loss) < $(value "$json" first_loss)" "the loss of an adapter"
holds "$(value "$json" idle_share) >= 0 && $(value "$json" idle_share) < 1" "idle time without a profile"

for precision in bf16 f16; do
    json=$("$program" bench train --shape $shape --batch $batch --length $length --seconds 0.01 --precision $precision --json)
    holds "$(value "$json" last_loss) < $(value "$json" first_loss)" "the loss in $precision"
    [ "$(value "$json" precision)" = "\"$precision\"" ] || fail "precision $precision: $json"
done

# --- a whole step of PPO, with models and with adapters
for adapter in "" "--lora 4"; do
    json=$("$program" bench ppo --shape $shape --sequences 8 --prompt 5 --new 7 --seconds 0.01 $adapter --json)
    phases=${json##*\"phases\":}
    whole=$(printf '%s' "$phases" | tr '}' '\n' | awk -F'"share":' '/"phase":"(generate|reward|score|advantages|update)"/ { split($2, part, ","); share += part[1] } END { printf "%.9g", share }')
    holds "$whole > 0.99999 && $whole < 1.00001" "shares of the phases"
    for phase in score_old score_reference score_values update_policy update_critic update_optimizer; do
        holds "$(value "${phases##*\"$phase\"}" seconds) > 0" "$phase"
    done
done

# --- decoding
json=$("$program" bench decode --shape $shape --sequences 4 --prompt 5 --new 4 --seconds 0.01 --profile --json)
holds "$(value "$json" tokens_per_second) > 0" "decoding"

# --- all of it in one table, and what there is no peer for
json=$(RLSP_TORCH_PYTHON=/nowhere/python "$program" bench all --shape $shape --batch $batch --length $length --sequences 4 --prompt 5 --new 4 --seconds 0.01 --peer --json)
rows=${json##*\"rows\":}
[ "$(printf '%s' "$rows" | tr '}' '\n' | grep -c '"rlsp":')" = 4 ] || fail "rows of bench all: $rows"
case $rows in *'"peer"'*) fail "a peer that is not there: $rows" ;; esac
case $json in *'no python3 with PyTorch'*) ;; *) fail "no word on the peer that is missing" ;; esac
holds "$(value "$rows" share) > 0" "the share of the best product"

# --- what was measured is there where the limit comes, and where the device is lost
json=$("$program" bench gemm --limit 0.001 --json)
measured=$(printf '%s' "$json" | grep -o '"gflops":' | wc -l)
holds "$measured <= 1" "products after a limit that came at once"
json=$("$program" bench attention --limit 1e-9 --json)
case $json in *'"shapes":[]'*) ;; *) fail "shapes after a limit that came at once: $json" ;; esac
if [ -f "$(dirname "$program")/libinterpreter_driver.so" ]; then
    for kind in gemm:products attention:shapes; do
        status=0
        json=$(sh "$2/tests/tools/interpreted.sh" "$(dirname "$program")" card=nvidia,steps=100 "$program" bench ${kind%:*} --kernels table --json 2>/dev/null) || status=$?
        [ "$status" = 1 ] || fail "bench ${kind%:*} on a device that is lost: exit $status"
        case $json in *"\"${kind#*:}\":[]"*'"failed":"'*'the device was lost'*'}') ;; *) fail "bench ${kind%:*} on a device that is lost: $json" ;; esac
    done
fi

# --- bad input: one line, exit 2
refused() {
    why=$1
    shift
    status=0
    said=$("$program" bench "$@" 2>&1 >/dev/null) || status=$?
    [ "$status" = 2 ] || fail "bench $*: exit $status: $said"
    case $said in *"$why"*) ;; *) fail "bench $*: $said" ;; esac
    [ "$(printf '%s\n' "$said" | wc -l)" = 1 ] || fail "bench $*: $said"
}
refused "no preset" train --model huge
refused "wanted width,layers" train --shape 64,2,3,1,128,256
refused "wanted width,layers" train --shape 64,2,2,1,128
refused "wanted width,layers" decode --shape 64,2,2,1,128,0
refused "give one" train --shape $shape --model tiny
refused "/nowhere/config.json" train --model /nowhere/config.json
refused "needs a directory with weights" decode --shape $shape --weights bf16
refused "no bench" scaling
refused "--new" decode --new 0
