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

out=$(printf '%s\n' '{"target":1,"pred":"1"}' 'nonsense' '{"numbers":[1,2],"target":3,"pred":"1+2"}' | "$rlsp" verify 2>errors.$$)
[ $? -eq 2 ] || fail "exit code of bad lines"
[ "$(printf '%s\n' "$out" | wc -l)" -eq 3 ] || fail "one line for each: $out"
printf '%s\n' "$out" | sed -n 3p | grep -q '"correct":true' || fail "a good line after bad ones: $out"
grep -q 'line 2' errors.$$ || fail "the message names the line"
rm -f errors.$$

out=$(printf '%s\n' '{"numbers":[3,7,20],"target":53,"response":"Try (20*3)-7=60-7=53. Yes.\n\\boxed{(20*3)-7}"}' |
    "$rlsp" verify --explain)
printf '%s' "$out" | grep -q '"hit_attempt":1' || fail "explain: $out"

# against a reference in LaTeX
out=$(printf '%s\n' '{"gt":"\\frac{14}{3}","pred":"4\\frac{2}{3}"}' \
    '{"gt":"\\frac{14}{3}","response":"First \\boxed{4}. No, \\boxed{\\dfrac{28}{6}}."}' \
    '{"gt":"3 \\pm 2\\sqrt{2}","pred":"3+\\sqrt{8}"}' | "$rlsp" verify) || fail "exit code of references"
[ "$out" = '{"correct":true,"answer":"4\\frac{2}{3}","reason":"correct"}
{"correct":true,"answer":"\\dfrac{28}{6}","reason":"correct"}
{"correct":false,"answer":"3+\\sqrt{8}","reason":"wrong value"}' ] || fail "references: $out"
line='{"gt":"14/3","response":"\\boxed{14/3} \\boxed{4}"}'
printf '%s' "$line" | "$rlsp" verify --box first | grep -q '"correct":true' || fail "--box first"
printf '%s' "$line" | "$rlsp" verify --box only | grep -q '"reason":"no answer"' || fail "--box only"
printf '%s' '{"gt":"5","response":"the answer is 5."}' | "$rlsp" verify | grep -q '"answer":null' || fail "no box"
printf '%s' '{"gt":"5","response":"the answer is 5."}' | "$rlsp" verify --phrases | grep -q '"correct":true' || fail "--phrases"
printf '%s' '{"gt":"1/2","pred":"0.5"}' | "$rlsp" verify --explain | grep -q '"rule":"exact rational numbers"' || fail "rule"
# the labelled pairs: no category below the peer, which the script says by its exit status
sh "$2/tests/tools/verifier_table.sh" "$rlsp" "$2/tests/data/verifier/pairs.jsonl" || fail "the table of labelled pairs"

"$rlsp" verify --help </dev/null | grep -q -- '--explain' || fail "help"
"$rlsp" verify --task chess </dev/null >/dev/null 2>&1
[ $? -eq 2 ] || fail "exit code of an unknown task"
"$rlsp" verify --explian </dev/null 2>&1 | grep -q -- '--explain' || fail "nearest option"
[ -z "$("$rlsp" verify </dev/null)" ] || fail "nothing in, nothing out"
echo ok
