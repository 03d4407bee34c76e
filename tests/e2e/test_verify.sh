# rlsp verify at the command line: order, exit codes, help.
# usage: test_verify.sh RLSP SOURCE_DIR
rlsp=$1
fail() { echo "FAILED: $1" >&2; exit 1; }

out=$(printf '%s\n' \
    '{"numbers":[3,7,20],"target":53,"response":"Answer: \\boxed{(20*3)-7}"}' \
    '' \
    '{"numbers":[3,7,20],"target":53,"pred":"(20+3)-7"}' | "$rlsp" verify) || fail "exit code of two good lines"
[ "$out" = '{"correct":true,"answer":"(20*3)-7","reason":"correct"}
{"correct":false,"answer":"(20+3)-7","reason":"wrong value"}' ] || fail "answers: $out"

out=$(printf '%s' '{"numbers":[2,5,8,9,10,12],"target":22,"response":"\\boxed{2+8+12}"}' | "$rlsp" verify --task pick-three)
[ "$out" = '{"correct":true,"answer":"2+8+12","reason":"correct"}' ] || fail "pick-three: $out"

out=$(printf '%s\n' '{"gt":"1","pred":"1"}' 'nonsense' '{"numbers":[1,2],"target":3,"pred":"1+2"}' | "$rlsp" verify 2>errors.$$)
[ $? -eq 2 ] || fail "exit code of bad lines"
[ "$(printf '%s\n' "$out" | wc -l)" -eq 3 ] || fail "one line for each: $out"
printf '%s\n' "$out" | sed -n 3p | grep -q '"correct":true' || fail "a good line after bad ones: $out"
grep -q 'line 2' errors.$$ || fail "the message names the line"
rm -f errors.$$

out=$(printf '%s\n' '{"numbers":[3,7,20],"target":53,"response":"Try (20*3)-7=60-7=53. Yes.\n\\boxed{(20*3)-7}"}' |
    "$rlsp" verify --explain)
printf '%s' "$out" | grep -q '"hit_attempt":1' || fail "explain: $out"

"$rlsp" verify --help </dev/null | grep -q -- '--explain' || fail "help"
"$rlsp" verify --task chess </dev/null >/dev/null 2>&1
[ $? -eq 2 ] || fail "exit code of an unknown task"
"$rlsp" verify --explian </dev/null 2>&1 | grep -q -- '--explain' || fail "nearest option"
[ -z "$("$rlsp" verify </dev/null)" ] || fail "nothing in, nothing out"
echo ok
