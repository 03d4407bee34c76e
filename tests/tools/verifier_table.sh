#!/bin/sh
# verifier_table.sh RLSP PAIRS.jsonl: accuracy of `rlsp verify` by category beside the peer's, then every
# false accept and false reject with the rule that decided.
# PAIRS: {"id","category","gt","pred","truth","peer"} a line, in that order, as in tests/data/verifier.
# Exit status 1 where a category is below the peer.
rlsp=$1
pairs=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$rlsp" verify --explain <"$pairs" >"$work/verdicts" || exit 2
# category, truth and peer are words without quotes or backslashes, so that sed can take them
sed 's/.*"category": *"\([^"]*\)".*"truth": *\([a-z]*\), *"peer": *\([a-z]*\).*/\1 \2 \3/' "$pairs" >"$work/labels"
sed 's/^{"correct":\([a-z]*\).*/\1/' "$work/verdicts" >"$work/correct"

paste -d ' ' "$work/labels" "$work/correct" | awk '
    { n[$1]++; n["ALL"]++
      if ($4 == $2) { ours[$1]++; ours["ALL"]++ }
      if ($3 == $2) { peer[$1]++; peer["ALL"]++ }
      if ($4 == "true" && $2 == "false") { accepts[$1]++; accepts["ALL"]++ }
      if ($4 == "false" && $2 == "true") { rejects[$1]++; rejects["ALL"]++ } }
    END {
        for (c in n) {
            key = c == "ALL" ? "~" : c
            printf "%s %-15s %6d %7.1f%% %7.1f%% %14d %14d %s\n", key, c, n[c], 100 * ours[c] / n[c], 100 * peer[c] / n[c],
                accepts[c], rejects[c], ours[c] < peer[c] ? "BELOW THE PEER" : ""
        }
    }' | sort | cut -d ' ' -f 2- >"$work/table"
printf '%-15s %6s %8s %8s %14s %14s\n' category pairs rlsp peer "false accepts" "false rejects"
cat "$work/table"
echo
paste -d '\t' "$work/correct" "$work/labels" "$pairs" "$work/verdicts" | awk -F '\t' '
    { split($2, label, " ") }
    $1 == "true" && label[2] == "false" { print "false accept: " $3 "\n    " $4 }
    $1 == "false" && label[2] == "true" { print "false reject: " $3 "\n    " $4 }'
! grep -q 'BELOW THE PEER' "$work/table"
