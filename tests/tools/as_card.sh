#!/bin/sh
# as_card.sh BUILD CARD PROGRAM ARGUMENT...: runs a program on a CPU device that has the limits, features and memory of a
# card, below the validation layer if that is installed: tests/tools/card_layer. CARD is a row of its cards.c, with limits of
# one's own behind it ("required,shared=16384"). Behind interpreted.sh it is the interpreter that has them (choose its card with
# the same subgroups). Exit status: the program's; 77 where there is no layer or no CPU device.
set -u
[ $# -ge 3 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
layers=$(cd "$1" && pwd)/layers
"$1/rlsp" devices 2>/dev/null | grep -q '^    CPU, \|^ *[0-9]*  rlsp interpreter' || { echo "as_card: there is no CPU device" >&2; exit 77; }
export RLSP_CARD="$2"
shift 2
[ -f "$layers/card_layer.json" ] || { echo "as_card: the layer is not built (Linux only)" >&2; exit 77; }
# By VK_LAYER_PATH, which loaders of any age know: it takes the place of all other folders. Validation has to come first,
# in older loaders among the folders, in newer ones among the layers, to lie next to the program.
paths=
for folder in "${XDG_DATA_HOME:-${HOME:-/root}/.local/share}" /usr/local/share /usr/share /etc; do
    folder=$folder/vulkan/explicit_layer.d
    [ -n "$paths" ] || [ ! -f "$folder/VkLayer_khronos_validation.json" ] || paths=$folder
done
on=${paths:+VK_LAYER_KHRONOS_validation:}VK_LAYER_RLSP_card
VK_LAYER_PATH=${paths:+$paths:}$layers VK_INSTANCE_LAYERS=$on exec "$@"
