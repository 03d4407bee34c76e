#!/bin/sh
# Devices with other limits (tests/tools/card_layer): what rlsp cannot do without is named in one line, and at the limit
# itself it works. Also that the layer lies below validation, or the tests on cards would see nothing.
# usage: test_cards.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
build=$(dirname "$rlsp")
export XDG_CACHE_HOME="$work/cache"
mkdir "$work/cache"

as_card() { # CARD COMMAND…
    sh "$source/tests/tools/as_card.sh" "$build" "$@" >"$work/out" 2>"$work/err" </dev/null
}

as_card itself "$rlsp" devices
status=$?
[ $status -ne 77 ] || { cat "$work/err"; echo "$test_name: left out"; exit 0; }
[ $status -eq 0 ] || fail "devices on the driver itself: exit $status"

# One less than is needed: exit 1, and one line that names the limit.
for limit in invocations=255:maxComputeWorkGroupInvocations group_x=255:maxComputeWorkGroupSize \
    shared=32767:maxComputeSharedMemorySize range=134217727:maxStorageBufferRange \
    stage_buffers=9:maxPerStageDescriptorStorageBuffers set_buffers=9:maxDescriptorSetStorageBuffers; do
    as_card "required,${limit%:*}" "$rlsp" generate --model "$source/assets/countdown-sft" --prompt 1 --max-new 1
    status=$?
    [ $status -eq 1 ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -q "${limit#*:}" "$work/err" || fail "$limit: exit $status"
    as_card "required,${limit%:*}" "$rlsp" devices && grep -q "${limit#*:}" "$work/out" ||
        fail "devices says nothing of $limit"
done
as_card least "$rlsp" devices && grep -q maxComputeWorkGroupInvocations "$work/out" || fail "devices takes the least of Vulkan"

# Just what is needed, of a card without timestamps and with memory that the host does not see.
as_card required "$rlsp" generate --model "$source/assets/countdown-sft" --prompt 1 --max-new 2 --temperature 0 || fail "generate on the least that is required"
mv "$work/out" "$work/card"
as_card itself "$rlsp" generate --model "$source/assets/countdown-sft" --prompt 1 --max-new 2 --temperature 0 || fail "generate"
cmp -s "$work/card" "$work/out" || fail "the card's tokens are others"

# Validation is told of the card's limits: the kernels' push constants have 128 bytes.
if [ -x "$build/test_columns" ] && [ -f /usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json ]; then
    as_card required,push=64 "$build/test_columns" && fail "validation does not see the card's limits"
    grep -q maxPushConstantsSize "$work/err" || fail "validation says nothing of push constants"
fi

finish
