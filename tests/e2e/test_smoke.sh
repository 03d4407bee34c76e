#!/bin/sh
# The smoke configs run every stage, and so do the forms of reinforcement learning that they leave out;
# what the events say is whole and sane.
# usage: test_smoke.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"

need_device

# all WHAT EVENT FIELD AWK-CONDITION on x: there are such events, and it holds for each
all() {
    values "$2" "$3" | awk "{ x = \$1; n++; if (\$1 == \"null\" || !($4)) bad = 1 } END { exit bad || n == 0 }" || fail "$1: $3 of $2: $(values "$2" "$3" | tr '\n' ' ')"
}
# some: it holds for at least one
some() {
    values "$2" "$3" | awk "{ x = \$1; if ($4) good = 1 } END { exit !good }" || fail "$1: $3 of $2: $(values "$2" "$3" | tr '\n' ' ')"
}

# What holds for every run with RL.
check_rl() { # WHAT
    all "$1" rl_step reward "x > -2 && x < 2"
    all "$1" rl_step entropy "x > 0 && x < 10"
    all "$1" rl_step length "x >= 1"
    all "$1" rl_step kl "x > -10 && x < 10"
    all "$1" rl_step lost_steps "x == 0"
    all "$1" rl_step ratio_max "x < 10"
    all "$1" rl_step grad_norm "x >= 0"
    all "$1" rl_step time_memory_bytes "x > 10000"
    for words in backtrack verification alternative self_correction subgoal; do
        all "$1" rl_step words_$words "x >= 0 && x < 50"
    done
    awk 'BEGIN { FS = "\"behaviours\":" } { n++; for (i = split("attempts repeated checks_right words_subgoal", want, " "); i > 0; i--) if (index($2, "\"" want[i] "\":") == 0) bad = 1 } END { exit bad || n == 0 }' "$run/traces.jsonl" || fail "$1: behaviours are missing in traces"
    head -1 "$run/events.jsonl" | grep -q '"event":"run_start","step":0,"format":1,' || fail "$1: run_start does not tell the format"
    tail -1 "$run/events.jsonl" | grep -q '"event":"run_end"' || fail "$1: no run_end"
    # Where no trace shows a behaviour, or all do, there is nothing to be told of the others.
    grep '"event":"rl_step"' "$run/events.jsonl" | sed 's/"correct_with[a-z_]*":null//g' | grep -q ":null" && fail "$1: a number that is none"
    [ -s "$run/checkpoints/last/model.safetensors" ] || fail "$1: no model"
}

# --- the configs as they are
for name in countdown-smoke pick-three-smoke; do
    run=$work/$name
    begin=$(date +%s)
    form=--batch
    [ $name = countdown-smoke ] || form=--json
    "$rlsp" train --config "$source/configs/$name.json" --out "$run" $form >"$work/out" 2>"$work/err" </dev/null || fail "$name: exit code $?"
    echo "    $name: $(($(date +%s) - begin)) s"
    grep -q "done; the model is $run/checkpoints/best, and rlsp watch $run shows the run" "$work/err" || fail "$name: it does not say what is there"
    if [ $form = --json ]; then
        cut -c1-24 "$work/out" >"$work/printed" # types, in the order of the file
        cut -c1-24 "$run/events.jsonl" | cmp -s - "$work/printed" || fail "$name: --json prints other events than are in events.jsonl"
    else
        [ ! -s "$work/out" ] || fail "$name: something on stdout"
    fi
    check_rl $name
    planned=$("$rlsp" plan --config "$source/configs/$name.json" --json | sed -n 's/.*"checkpoint_bytes":\([0-9]*\),"checkpoints":4,.*/\1/p')
    written=$(find "$run/checkpoints/last/" -name '*.safetensors' -exec cat {} + | wc -c)
    [ $((written * 100)) -gt $((planned * 95)) ] && [ $((written * 100)) -lt $((planned * 105)) ] || fail "$name: a checkpoint is $written bytes, not $planned as planned"
    [ "$(values phase_start name | tr -d '"' | tr '\n' ' ')" = "skill style rl " ] || fail "$name: phases $(values phase_start name | tr '\n' ' ')"
    [ "$(values eval stage | sort -u | tr '\n' ' ')" = '"rl" "sft" ' ] || fail "$name: evaluations $(values eval stage | tr '\n' ' ')"
    all $name sft_step loss "x > 0 && x < 20"
    values sft_step loss | awk 'NR == 1 { first = $1 } NR == 8 { exit !($1 < first) }' || fail "$name: the loss does not fall"
    all $name eval truncated "x >= 0 && x <= 1"
    [ "$(values rl_step lr | head -1)" = 0 ] || fail "$name: the actor is not frozen in the first step"
    some $name rl_step lr "x > 0"
    some $name rl_step critic_grad_norm "x > 0"
    values rl_step ratio_first | tail -2 | grep -qvx 1 && fail "$name: the first ratio is $(values rl_step ratio_first | tr '\n' ' ')"
    grep -q '"stage":"rl"' "$run/traces.jsonl" && grep -q '"stage":"eval"' "$run/traces.jsonl" || fail "$name: no traces"
done

# --- other forms, from the model that the smoke run made; rewards differ by length
variant() { # WHAT SETTINGS…
    what=$1
    run=$work/$(echo "$1" | tr ' +,' '___')
    shift
    "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$run" --batch --set 'stages=["rl"]' \
        --set "model.path=$work/countdown-smoke/checkpoints/last" --set eval.problems=0 --set rl.steps=2 --set rl.critic_warmup_steps=0 \
        --set rl.prompts_per_step=4 --set rl.minibatch_size=2 --set rl.max_new_tokens=16 --set rl.actor_lr=1e-3 \
        --set reward.explore.kind=fraction --set checkpoint.every=0 "$@" >"$work/out" 2>"$work/err" </dev/null || fail "$what: exit code $?"
    check_rl "$what"
    [ -e "$run/checkpoints/best" ] && fail "$what: a best checkpoint, and nothing was evaluated"
    some "$what" rl_step grad_norm "x > 0"
    some "$what" rl_step lr "x > 0"
    cmp -s "$run/checkpoints/last/model.safetensors" "$work/countdown-smoke/checkpoints/last/model.safetensors" && fail "$what: nothing was learnt"
}

variant "grpo, KL in the loss" --set rl.samples_per_prompt=4 --set rl.advantage=grpo --set rl.minibatch_size=8 --set rl.kl_in=loss --set rl.kl_estimator=k3 --set rl.kl_coef=0.05
[ -e "$run/checkpoints/last/critic" ] && fail "grpo has a critic"
all "grpo" rl_step value "x == 0"
all "grpo" rl_step ratio_first "x == 1"
some "grpo" rl_step kl "x != 0"
variant "rloo, two epochs" --set rl.samples_per_prompt=4 --set rl.advantage=rloo --set rl.minibatch_size=8 --set rl.epochs=2 --set rl.entropy_coef=0.01
variant "reinforce++, truncation costs" --set rl.advantage=reinforce++ --set rl.prompts_per_step=8 --set rl.truncated=penalty --set rl.truncated_penalty=-1
variant "shared critic, truncated masked" --set model.critic=shared --set rl.truncated=mask --set rl.prompts_per_step=8 --set rl.critic_warmup_steps=1 --set rl.loss_mean=sequence
[ -e "$run/checkpoints/last/critic" ] && fail "a shared critic is saved apart"
some "shared critic" rl_step value_loss "x > 0" # a step whose responses are all truncated is masked whole
values rl_step value | tail -1 | grep -qx 0 && fail "shared critic: the value head did not learn while the actor was frozen"

finish
