# What amd_null_compile.sh, intel_null_compile.sh and nvidia_null_compile.sh have in common: shaders through a vendor's
# compiler, for cards that are not here. Read by them, not run.

# find_driver NAME OVERRIDE PATTERN: sets $icd to the file of Mesa's driver; leaves with 77 where there is none.
find_driver() {
    icd=
    # shellcheck disable=SC2086 # a pattern
    for file in "$2" /usr/share/vulkan/icd.d/$3; do
        [ -n "$file" ] && [ -f "$file" ] && icd=$file && return
    done
    echo "$(basename "$0" .sh): Mesa's $1 driver is not installed (Debian: mesa-vulkan-drivers)"
    exit 77
}

# need_built FILE...
need_built() {
    for file in "$@"; do
        [ -x "$file" ] || { echo "$(basename "$0" .sh): $file is not built"; exit 1; }
    done
}

# compile_as PART CARD ARGUMENTS...: $compile_all with the driver of $icd, for a card that $library stands for, whose name
# as a device has that part.
compile_as() {
    device=$1 pretended=$2
    shift 2
    NULL_GPU=$pretended LD_PRELOAD=$library VK_DRIVER_FILES=$icd VK_ICD_FILENAMES=$icd "$compile_all" "$device" "$@"
}

# compile_for_cards NAME CARDS ARGUMENTS...: `pretend CARD ARGUMENTS...`, the caller's, for each; it exits with 77 where this
# Mesa does not know the card. Ends the script.
compile_for_cards() {
    name=$1 cards=$2 failures=0 compiled=0
    shift 2
    for card in $cards; do
        echo "== $card"
        status=0
        pretend "$card" "$@" || status=$?
        case $status in
        0) compiled=$((compiled + 1)) ;;
        77) ;;
        *)
            echo "$(basename "$0" .sh): $card failed (status $status)"
            failures=$((failures + 1))
            ;;
        esac
    done
    [ "$failures" -eq 0 ] || exit 1
    if [ "$compiled" -eq 0 ]; then
        echo "$(basename "$0" .sh): this Mesa offers no $name device that is not there"
        exit 77
    fi
    echo "shaders compile for $compiled $name cards"
    exit 0
}
