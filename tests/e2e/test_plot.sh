#!/bin/sh
# rlsp plot on the recorded run: pictures, metrics, bad input.
# usage: test_plot.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
run=$source/tests/data/run-recorded
at_exit() { chmod -R u+w "$work"; }

plot() { # ARGUMENTS…; exit code in $code
    "$rlsp" plot "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
    grep -qE "Sanitizer|runtime error" "$work/err" && fail "plot $*: a crash"
}

number() { # FILE OFFSET: four bytes, the highest first
    od -An -tu1 -j "$2" -N 4 "$1" | awk '{print (($1 * 256 + $2) * 256 + $3) * 256 + $4}'
}

# picture WHAT FILE PANELS: a PNG that is whole, not blank; its size in $width and $height
picture() {
    [ $code -eq 0 ] || { fail "$1: exit code $code"; return; }
    [ "$(od -An -tx1 -N 8 "$2" | tr -d ' ')" = 89504e470d0a1a0a ] || fail "$1: no PNG"
    [ "$(tail -c 8 "$2" | od -An -tx1 | tr -d ' ')" = 49454e44ae426082 ] || fail "$1: the PNG is not whole"
    [ "$(wc -c <"$2")" -gt 5000 ] || fail "$1: there can be little in it"
    grep -q ": $3 panel" "$work/err" || fail "$1: not $3 panels"
    [ ! -s "$work/out" ] || fail "$1: something on stdout"
    width=$(number "$2" 16)
    height=$(number "$2" 20)
}

# --- what a run has, as a picture
plot "$run" -o "$work/all.png"
picture "all of a run" "$work/all.png" 6
[ "$width" -ge 900 ] && [ "$width" -le 1800 ] || fail "all of a run: $width pixels wide"
plot "$run" -o "$work/again.png"
cmp -s "$work/all.png" "$work/again.png" || fail "the same run gives another picture"
plot "$run" --metric reward,kl --size 1000x400 -o"$work/two.png"
picture "two metrics" "$work/two.png" 2
[ "$width" -eq 1000 ] && [ "$height" -eq 400 ] || fail "--size: $width x $height"
plot "$run" --metric reward --size 500x400 --smoothing 0 -o "$work/raw.png"
picture "one metric" "$work/raw.png" 1
for option in "--smoothing 0.9" --log-y "--from 10 --to 20" "--title another" "--metric reward+correct"; do
    # shellcheck disable=SC2086
    plot "$run" --metric reward --size 500x400 --smoothing 0 $option -o "$work/other.png"
    picture "$option" "$work/other.png" 1
    cmp -s "$work/raw.png" "$work/other.png" && fail "$option changes nothing"
done

# --- several runs: by name, by directory where the names are the same
cp -r "$run" "$work/first"
cp -r "$run" "$work/second"
plot "$work/first" "$work/second" "$run" -o "$work/runs.png"
picture "three runs" "$work/runs.png" 6
plot "$work/first" "$work/second" --metric eval.accuracy --json
[ "$(grep -c . "$work/out")" -eq 2 ] && grep -q '^{"run":"first","metric":"eval.accuracy","step":\[0,10,20,30,40\],"value":\[0\.' "$work/out" &&
    grep -q '^{"run":"second"' "$work/out" || fail "--json: the curves of two runs"
cp -r "$work/first" "$work/second/first" # the same directory name too: by path
plot "$work/first" "$work/second/first" "$run" --metric reward --json
grep -qF "{\"run\":\"$work/second/first\"" "$work/out" || fail "two runs of one name in directories of one name"
rm -r "$work/second/first"
sed -i 's/"name":	"pick-three-recorded"/"name":	"another"/' "$work/second/config.json"
sed -i '1s/"name":"pick-three-recorded"/"name":"another"/' "$work/second/events.jsonl"
plot "$work/first" "$work/second" --metric reward --json
grep -q '^{"run":"another","metric":"rl.reward"' "$work/out" && grep -q '^{"run":"pick-three-recorded"' "$work/out" || fail "the names of runs"

# --- SFT alone
mkdir "$work/sft"
cp "$run/config.json" "$work/sft/"
for i in 1 2 3 4 5 6 7 8 9; do
    echo "{\"event\":\"sft_step\",\"step\":$i,\"loss\":$((10 - i)).5,\"lr\":0.00$i,\"grad_norm\":1.$i,\"tokens\":100}"
done >"$work/sft/events.jsonl"
plot "$work/sft" -o "$work/sft.png"
picture "SFT" "$work/sft.png" 3
plot "$work/sft" --json
[ "$(sed 's/.*"metric":"\([a-z_.]*\)".*/\1/' "$work/out" | tr '\n' ' ')" = "sft.loss sft.lr sft.grad_norm " ] || fail "the panels of SFT"
plot "$work/sft" --json --metric loss
grep -qF '"step":[1,2,3,4,5,6,7,8,9],"value":[9.5,8.5,7.5,6.5,5.5,4.5,3.5,2.5,1.5]}' "$work/out" || fail "--json: values"

# --- the metrics there are
plot "$run" --list
[ $code -eq 0 ] && grep -qE '^rl\.reward +0\.[0-9]+$' "$work/out" && grep -q '^eval\.accuracy ' "$work/out" || fail "--list"
plot "$run" "$work/sft" --list --json
[ $code -eq 0 ] && grep -q '"metric":"sft.loss","points":9,"last":1.5}' "$work/out" || fail "--list --json"

# --- names that a terminal would obey, numbers that are none
mkdir "$work/odd"
{
    echo '{"event":"run_start","step":0,"format":1,"name":"odd\u001b[31m\u009b2J"}'
    for i in 1 2 3 4; do
        printf '{"event":"rl_step","step":%d,"reward":1e30%d,"kl":null,"length":%d,"\033]0;x\007":1,"\302\2332J":2}\n' $i $i $i
    done
} >"$work/odd/events.jsonl"
for arguments in --list "--metric x" "--metric ]0;x" "-o $work/odd.png"; do
    # shellcheck disable=SC2086
    plot "$work/odd" $arguments
    cat "$work/out" "$work/err" | LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" && fail "plot $arguments: a control byte"
    cat "$work/out" "$work/err" | LC_ALL=C grep -q "$(printf '\302\233')" && fail "plot $arguments: a C1 control"
done
picture "odd numbers" "$work/odd.png" 1

# --- bad input: one line on stderr that says what is wrong, and nothing written
refused() { # EXIT-CODE WORD ARGUMENTS…
    wanted=$1 word=$2
    shift 2
    plot "$@"
    [ $code -eq "$wanted" ] || fail "plot $*: exit code $code, wanted $wanted"
    grep -qF -e "$word" "$work/err" || fail "plot $*: no \"$word\" on stderr"
    [ "$(wc -l <"$work/err")" -eq 1 ] && [ ! -s "$work/out" ] || fail "plot $*: more than one line"
    [ ! -e "$work/bad.png" ] || fail "plot $*: something was written"
}
mkdir "$work/empty" "$work/new"
cp "$run/config.json" "$work/new/"
refused 2 "argument is missing"
refused 2 "-o F.png is missing" "$run"
refused 2 "$work/none" "$work/none" -o "$work/bad.png"
refused 2 "$work/empty" "$run" "$work/empty" -o "$work/bad.png"
refused 1 "nothing to draw: no curve yet" "$work/new" -o "$work/bad.png"
refused 1 "no point between --from and --to" "$run" --from 1000 -o "$work/bad.png"
refused 2 "--from is after --to" "$run" --from 9 --to 3 -o "$work/bad.png"
refused 2 "the nearest: rl.reward;" "$run" --metric rewrad -o "$work/bad.png"
refused 2 "rl.policy_loss, rl.value_loss" "$run" --metric sft.loss -o "$work/bad.png"
refused 2 "a name is missing" "$run" --metric reward, -o "$work/bad.png"
refused 2 "more than 6 curves" "$run" --metric reward+kl+correct+entropy+length+search+check -o "$work/bad.png"
refused 2 "more than 24 panels" "$run" --metric "$(yes kl | head -25 | paste -sd,)" -o "$work/bad.png"
refused 2 "--size: found" "$run" --size 10x10 -o "$work/bad.png"
refused 2 "--size: found" "$run" --size 400x10001 -o "$work/bad.png"
refused 2 "--size: found" "$run" --size 400x300x200 -o "$work/bad.png"
refused 2 "--size: found" "$run" --size big -o "$work/bad.png"
refused 2 "--smoothing" "$run" --smoothing 1 -o "$work/bad.png"
refused 2 "unexpected argument" "$run" "$run" "$run" "$run" "$run" "$run" "$run" -o "$work/bad.png"
refused 1 "$work/no/bad.png" "$run" -o "$work/no/bad.png"

# --- a reader that stops early
{ "$rlsp" plot "$run" --list 2>"$work/err"; echo $? >"$work/code"; } | head -1 >"$work/out"
[ "$(cat "$work/code")" -eq 0 ] && [ ! -s "$work/err" ] || fail "--list | head"

finish
