#!/bin/sh
# The whole program on the driver that interprets SPIR-V (tests/tools/interpreter), as on a card: SFT, PPO with a critic and
# a reference policy, evaluations, checkpoints, a resumed run, LoRA on a frozen base, score, generate, eval, plan. A race, an
# access outside or a number that is none ends the program, a message of the validation layer fails it; the rest is compared with
# the default device.
# usage: interpreted.sh path/to/rlsp source-directory {OPTIONS PRECISION WEIGHTS KERNEL}...
#   OPTIONS of the interpreter's driver, PRECISION of the runs, WEIGHTS of the frozen base, KERNEL of products, "" as measured.
#   Two of them are part of ./run test, all are what tests/tools/interpreted_all.sh BUILD --run goes through. TELL=1 says how far
#   numbers are apart.
. "$2/tests/support/e2e.sh"
build=$(dirname "$rlsp")
shift 2
[ $# -gt 0 ] && [ $(($# % 4)) -eq 0 ] || { echo "$test_name: OPTIONS PRECISION WEIGHTS KERNEL, and again" >&2; exit 2; }
need_device
assets=$source/assets/countdown-sft
printf '{"ids":[3,20,21,9,40,41,22,10,11,2,50,7]}\n{"ids":[5,6,7,8]}\n{"ids":[1,90,3,17,12,12,31,60,4]}\n' >"$work/ids"

card() { # RLSP COMMAND…: on the card, below the validation layer, whose messages are failures
    case $2 in devices | plan) ;; *) set -- "$@" --validate ;; esac
    XDG_CACHE_HOME=$cache sh "$source/tests/tools/interpreted.sh" "$build" "$options" "$@"
}
default() { "$@"; }

# on DEVICE WHAT COMMAND…: stdout in $work/out; no fault, and exit code 0
on() {
    device=$1 what="$options, $precision: $2"
    shift 2
    $device "$@" >"$work/out" 2>"$work/err"
    code=$?
    [ $code -eq 0 ] || fail "$what on the $device: exit code $code"
    grep -a 'rlsp interpreter: ' "$work/err" && fail "$what: the driver has found something"
    return $code
}

train() { # DEVICE DIRECTORY EXTRA…
    run=$2
    device=$1
    shift 2
    on "$device" "train $(basename "$run")" "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$run" --batch --set precision="$precision" \
        --set model.init.layers=1 --set 'sft.phases.*.steps=2' --set 'sft.phases.*.batch_size=4' --set sft.phases.0.listing_rows=1 \
        --set rl.prompts_per_step=4 --set rl.minibatch_size=2 --set rl.max_new_tokens=6 --set eval.problems=2 --set eval.every=4 \
        --set eval.final_problems=2 --set eval.final_samples=1 --set checkpoint.every=1 --set checkpoint.keep=0 "$@" </dev/null
}

# close WHAT LIMIT: the numbers of $work/got are those of $work/want, but for the limit, relative to the greater of 1 and them
close() {
    awk -v limit="$2" '
        NR == FNR { want[n++] = $1; next }
        { got = $1; d = got - want[m + 0]; d = d < 0 ? -d : d; s = want[m + 0] < 0 ? -want[m + 0] : want[m + 0]; s = s > 1 ? s : 1; m++
          if (got !~ /[0-9]/ || d / s > most) most = got ~ /[0-9]/ ? d / s : 1e9 }
        END { print most + 0; exit m != n || n == 0 || most > limit }' "$work/want" "$work/got" >"$work/most" ||
        fail "$options, $precision: $1 is off by $(cat "$work/most"), more than $2: $(head -n 6 "$work/got" | tr '\n' ' ')beside $(head -n 6 "$work/want" | tr '\n' ' ')"
    [ -z "${TELL:-}" ] || echo "    $options, $precision: $1 is off by $(cat "$work/most") of $2"
}
# How far numbers lie from those of $work/want: the root of the mean square
distance() { paste "$work/want" "$1" | awk '{ s += ($1 - $2) ^ 2 } END { print NR ? sqrt(s / NR) : -1 }'; }
numbers() { tr -c '0-9.eE+-' '\n' | grep '[0-9]'; }
scores() { # DEVICE FORM…
    device=$1
    shift
    on "$device" "score $*" "$rlsp" score --model "$assets" "$@" <"$work/ids" >&2
    numbers <"$work/out"
}
of_run() { # RUN EVENT FIELD…
    run=$1 event=$2
    shift 2
    for field; do values "$event" "$field"; done
}
responses() { sed 's/.*"response":"//; s/","answer".*//' "$1/traces.jsonl"; }

# What PPO promises on any device.
check_rl() { # RUN WHAT
    run=$1
    values rl_step ratio_first | tail -n 2 | grep -qvx 1 && fail "$options, $precision, $2: the first ratio is $(values rl_step ratio_first | tr '\n' ' ')"
    [ "$(values rl_step kl | head -n 1)" = 0 ] || fail "$options, $precision, $2: the first KL is $(values rl_step kl | head -n 1)"
    [ "$(values rl_step kl | tail -n 1)" != 0 ] || fail "$options, $precision, $2: the policy does not move"
    [ "$(values rl_step lost_steps | sort -u)" = 0 ] || fail "$options, $precision, $2: lost steps"
}
# And that numbers are the default device's.
same_run() { # RUN OTHER WHAT
    of_run "$2" sft_step loss >"$work/want"
    of_run "$1" sft_step loss >"$work/got"
    close "$3, SFT's losses" "$run_limit"
    responses "$1" >"$work/1"
    responses "$2" >"$work/2"
    if cmp -s "$work/1" "$work/2"; then
        for field in logprob entropy value kl policy_loss value_loss grad_norm critic_grad_norm approx_kl; do
            of_run "$2" rl_step $field >"$work/want"
            of_run "$1" rl_step $field >"$work/got"
            close "$3, PPO's $field" "$run_limit"
        done
    elif [ "$precision" = f32 ]; then
        fail "$options, $precision, $3: other responses"
    else
        echo "    $options, $precision, $3: $(diff "$work/1" "$work/2" | grep -c '^<') of $(wc -l <"$work/1") responses differ, and nothing of PPO is compared"
    fi
}

while [ $# -ge 4 ]; do
    options=$1 precision=$2 weights=$3 kernel=$4
    shift 4
    begin=$(date +%s)
    cache=$work/cache
    case $precision in f32) run_limit=1e-5 ;; f16) run_limit=2e-3 ;; *) run_limit=16e-3 ;; esac # three digits less
    rm -rf "$cache" "$work"/run* "$work"/lora* "$work/eval"
    mkdir "$cache"

    # Kernels are measured, and each is checked before it may be chosen.
    on card "devices --probe" "$rlsp" devices --probe --json || continue
    grep -q '"seconds":[0-9]' "$cache"/rlsp/kernels-*.json || fail "$options: nothing was measured"
    if [ -n "$kernel" ]; then
        file=$(ls "$cache"/rlsp/kernels-*.json)
        grep -q "\"kernel\":\"$kernel\"" "$file" || { echo "    $options, $precision: left out, $kernel is not in this build"; continue; }
        sed -E -e "s/(\"compute\":\"$precision\"[^}]*\"chosen\":)true/\1false/g" \
            -e "s/(\"compute\":\"$precision\",\"class\":\"[a-z]*\",\"side\":[0-9]*,\"kernel\":\"$kernel\",\"tiles\":\"64x64x[^}]*\"chosen\":)false/\1true/g" "$file" >"$work/changed" &&
            mv "$work/changed" "$file"
        [ "$(grep -o "$kernel\",\"tiles\":\"64x64x[^}]*\"chosen\":true" "$file" | wc -l)" = 3 ] || fail "$options: $kernel was not chosen"
    fi

    # A model that has learnt something: log-probabilities, greedy tokens, an evaluation.
    for form in "--precision $precision" "--weights $weights"; do
        for device in default card; do
            # shellcheck disable=SC2086
            scores $device $form >"$work/$device.scores"
            # shellcheck disable=SC2086
            on $device "generate $form" "$rlsp" generate --model "$assets" $form --prompt 'Numbers 3,5,8. Target 16.
' --max-new 16 --temperature 0
            mv "$work/out" "$work/$device.text"
        done
        cp "$work/default.scores" "$work/want"
        cp "$work/card.scores" "$work/got"
        case $form in
        *precision*16) # both round, in other places
            scores default --precision f32 >"$work/want"
            own=$(distance "$work/default.scores") cards=$(distance "$work/card.scores")
            [ -z "${TELL:-}" ] || echo "    $options: score $form is $cards from f32, the default device's $own"
            awk "BEGIN { exit !($cards > 0 && $cards < 1.5 * $own) }" || fail "$options: score $form is $cards from f32, the default device's $own"
            ;;
        *) close "score $form" 1e-5 ;;
        esac
        cmp -s "$work/default.text" "$work/card.text" || fail "$options: generate $form: $(cat "$work/card.text") and not $(cat "$work/default.text")"
    done
    on card eval "$rlsp" eval --model "$assets" --precision "$precision" --kv-cache f16 --task countdown --problems 2 --max-new 6 --n 2 --out "$work/eval"

    # All parameters, then an adapter on what that has made.
    if train card "$work/run" && train default "$work/run.default"; then
        check_rl "$work/run" train
        same_run "$work/run" "$work/run.default" train
        planned=$(card "$rlsp" plan --config "$work/run/config.json" --json | sed -n 's/.*"peak_bytes":\([0-9]*\).*/\1/p')
        run=$work/run
        peak=$(values rl_step time_memory_peak_bytes | tail -n 1)
        [ "$planned" = "$peak" ] || fail "$options, $precision: the peak is $peak bytes, not $planned as planned"

        # Without its last steps, and resumed, it repeats the unbroken one.
        cp -r "$work/run" "$work/run.again"
        rm -rf "$work/run.again/checkpoints/best" "$work/run.again/checkpoints/last" "$work"/run.again/checkpoints/step-00000[4-9]
        on card "train --resume" "$rlsp" train --resume "$work/run.again" --batch </dev/null
        compared=0
        for file in $(cd "$work/run" && find checkpoints/step-* reference -type f ! -name checkpoint.json); do
            cmp -s "$work/run/$file" "$work/run.again/$file" || fail "$options, $precision: resumed, $file differs"
            compared=$((compared + 1))
        done
        [ $compared -gt 30 ] || fail "$options, $precision: only $compared files of a resumed run were compared"

        set_adapter="--set model.path=$work/run.default/checkpoints/last --set adapter.kind=lora --set adapter.rank=3 --set model.weights=$weights --set rl.actor_lr=1e-3 --set eval.problems=0"
        # shellcheck disable=SC2086
        if train card "$work/lora" $set_adapter && train default "$work/lora.default" $set_adapter; then
            check_rl "$work/lora" LoRA
            same_run "$work/lora" "$work/lora.default" LoRA
        fi
    fi
    echo "    $options, $precision, weights in $weights${kernel:+, $kernel}: $(($(date +%s) - begin)) s"
done

finish
