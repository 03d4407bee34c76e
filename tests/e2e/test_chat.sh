#!/bin/sh
# Conversations from outside: rlsp tokenize with messages, rlsp generate --chat.
# usage: test_chat.sh path/to/rlsp source-directory
. "$2/tests/support/e2e.sh"
. "$source/tests/support/tmux.sh"
parity=$source/tests/data/parity
case $rlsp in
/*) ;;
*) rlsp=$PWD/$rlsp ;;
esac
at_exit() { tm kill-server 2>/dev/null; }
trap 'exit 1' HUP INT TERM

# Every conversation of the reference: ids and text.
for style in qwen2-style llama3-style; do
    cp "$parity/tokenizers/$style/chat.jsonl" "$work/in"
    run 0 "" tokenize --model "$parity/tokenizers/$style"
    sed 's/.*"ids": /{"ids":/; s/, /,/g' "$work/in" >"$work/want"
    cmp -s "$work/out" "$work/want" || fail "$style: the ids are not the reference's"
    [ "$(wc -l <"$work/out")" -eq 20 ] || fail "$style: not 20 lines"
    run 0 "" tokenize --model "$parity/tokenizers/$style/tokenizer.json" --chat-template chatml --render
    grep -q '^{"text":"<|im_start|>' "$work/out" || fail "$style: chatml is not what is asked for"
    # Labels are the ids where there is a loss, and every answer has some.
    grep '"assistant"' "$parity/tokenizers/$style/chat.jsonl" >"$work/in"
    run 0 "" tokenize --model "$parity/tokenizers/$style" --labels
    tr -d '{}' <"$work/out" | awk -F'"' '
        { gsub(/[^0-9,]/, "", $3); gsub(/[^0-9,-]/, "", $5); n = split($3, ids, ","); m = split($5, labels, ","); some = 0; all = 1
          n-- # of the comma between
          if (n != m) bad = 1
          for (i = 1; i <= m; i++) if (labels[i] == "-100") all = 0; else { some = 1; if (labels[i] != ids[i]) bad = 1 }
          if (!some || all) bad = 1 }
        END { exit bad || NR < 6 }' || fail "$style: labels that do not fit"
done

# What a line may say besides, and what is wrong with it.
qwen=$parity/tokenizers/qwen2-style
echo '{"messages":[{"role":"user","content":"a"}],"add_generation_prompt":true,"chat_template_kwargs":{"x":"y"},"tools":[{"name":"f"}]}' >"$work/in"
echo '{{ messages[0].content }} {{ x }} {{ tools[0].name }} {{ add_generation_prompt }}' >"$work/own.jinja"
run 0 "" tokenize --model "$qwen" --chat-template "$work/own.jinja" --render
[ "$(cat "$work/out")" = '{"text":"a y f True"}' ] || fail "the line's own variables: $(cat "$work/out")"
run 2 "none.jinja" tokenize --model "$qwen" --chat-template "$work/none.jinja"
run 2 "choose one" tokenize --model "$qwen" --render --labels
run 2 "--decode" tokenize --model "$qwen" --decode --labels
echo '{{ messages | sort }}' >"$work/own.jinja"
run 2 "own.jinja line 1: the filter" tokenize --model "$qwen" --chat-template "$work/own.jinja"
run 2 "--chat-template chatml, llama3" tokenize --model "$qwen" --chat-template "$work/own.jinja"
cp "$qwen/tokenizer.json" "$work"
run 2 "--chat-template chatml, llama3" tokenize --model "$work"
printf '{"text":"a"}\n{"messages":[]}\n' >"$work/in"
run 2 "stdin line 2: messages" tokenize --model "$qwen"
echo '{"messages":[{"role":"user"}]}' >"$work/in"
run 2 "stdin line 1: " tokenize --model "$qwen"
echo '{"text":"a"}' >"$work/in"
run 2 "'messages'" tokenize --model "$qwen" --labels

# generate --chat: what is wrong is told before a device is opened.
: >"$work/in"
model=$parity/models/tiny-qwen2
run 2 "--chat does not go" generate --model "$model" --chat --ids
run 2 "--chat does not go" generate --model "$model" --chat --json
run 2 "are for --chat" generate --model "$model" --prompt a --system b
run 2 "name=value" generate --model "$model" --chat --prompt a --chat-set b
run 2 "none.jinja" generate --model "$model" --chat --prompt a --chat-template "$work/none.jinja"

need_device

# One answer: the same ids as by way of tokenize.
run 0 "" generate --model "$model" --chat --system "be brief" --prompt "hello there" --temperature 0 --max-new 12 --json
sed 's/.*"ids":\(\[[^]]*\]\).*/{"ids":\1}/' "$work/out" >"$work/want"
echo '{"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello there"}],"add_generation_prompt":true}' >"$work/in"
run 0 "" tokenize --model "$model"
cp "$work/out" "$work/in"
run 0 "" generate --model "$model" --ids --temperature 0 --max-new 12
cmp -s "$work/out" "$work/want" || fail "generate --chat and generate --ids differ"

# A conversation from a pipe: a line each; /new begins again with the same answer; the second turn knows the first.
printf 'hello there\nhello there\n/new\n\nhello there\n' >"$work/in"
run 0 "" generate --model "$model" --chat --temperature 0 --max-new 3
[ "$(wc -l <"$work/out")" -eq 3 ] || fail "not three answers"
[ "$(sed -n 1p "$work/out")" = "$(sed -n 3p "$work/out")" ] || fail "/new does not begin again"
printf 'a\377b\n' >"$work/in"
run 2 "UTF-8" generate --model "$model" --chat --max-new 3

command -v tmux >/dev/null 2>&1 || { echo "test_chat: no tmux, the rest is left out"; exit $((failures > 0)); }

# In a terminal: Ctrl-C ends an answer and empties a line, Ctrl-D leaves.
export rlsp model
new_session -x 80 -y 24 '"$rlsp" generate --model "$model" --chat --temperature 0 --max-new 30000 --ignore-eos; echo "left with $?"; sleep 60'
await "a prompt" seen '^>'
type_line "hello there"
sleep 1
tm send-keys C-c
await "a prompt after the answer" seen '^> *$'
tm send-keys -l "half a line"
tm send-keys C-c
tm send-keys C-d
await "the end" seen 'left with 0'

finish
