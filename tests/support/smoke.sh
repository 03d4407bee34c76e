# For scripts that train: the smallest run that goes through everything, in seconds. $rlsp and $source are set.
#
#     . "$source/tests/support/smoke.sh"
#     smoke_train "$work/run" --set rl.steps=1

# SFT in two phases of 2 steps, then RL; a checkpoint after each step, all kept.
smoke_train() { # OUT EXTRA…
    smoke_out=$1
    shift
    "$rlsp" train --config "$source/configs/countdown-smoke.json" --out "$smoke_out" --batch \
        --set model.init.hidden_size=16 --set model.init.intermediate_size=32 \
        --set 'sft.phases.*.steps=2' --set 'sft.phases.*.batch_size=4' --set sft.phases.0.listing_rows=1 \
        --set rl.max_new_tokens=12 --set eval.problems=4 --set eval.final_problems=4 --set eval.final_samples=1 \
        --set checkpoint.every=1 --set checkpoint.keep=0 "$@"
}
