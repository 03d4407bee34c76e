#!/bin/sh
# gpu_report.sh SAID OUT PART...: what gpu.sh's parts have said up to now, as OUT/report.md, two tables (what has an aim, everything),
# and OUT/results.json. Whole files, or those of before: a call may be ended at any time. SAID/aims is the first table alone.
set -u
said=$1 out=$2
shift 2
for part; do
    cat "$said/$part.rows" 2>/dev/null
done >"$said/all.rows"
table() { # 1: rows with an aim; 0: all
    awk -F'\t' -v aimed_only="$1" '
        function number(x) { return x ~ /^[-+0-9.e]+$/ ? (x >= 1e9 ? sprintf("%.4g G", x / 1e9) : x >= 1e4 ? sprintf("%d", x) : sprintf("%.4g", x)) : x }
        function aimed(aim, x) {
            split(aim, of, " ")
            return aim == "" || x == "" ? aim : aim (of[1] == ">=" && x + 0 >= of[2] + 0 || of[1] == "<=" && x + 0 <= of[2] + 0 || of[1] == "=" && x + 0 == of[2] + 0 ? ": yes" : ": no")
        }
        BEGIN { print "| what | unit | rlsp | peer | peer, measured | ratio | aim |\n| --- | --- | --- | --- | --- | --- | --- |" }
        !aimed_only || $6 != "" {
          ratio = ($3 ~ /^[0-9.e+]+$/ && $5 ~ /^[0-9.e+]+$/ && $5 + 0 != 0) ? sprintf("%.3f", $3 / $5) : ""
          printf "| %s | %s | %s | %s | %s | %s | %s |\n", $1, $2, number($3), $4, number($5), ratio, aimed($6, $4 == "" ? $3 : ratio)
        }
    ' "$said/all.rows"
}
{ table 1 && printf '\n' && sed 's/^/    /' "$said/parts"; } >"$said/aims"
{ cat "$said/aims" && printf '\n' && table 0; } >"$said/report"
{
    printf '{"rows":['
    awk -F'\t' '
        function value(x) { return x ~ /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/ ? x : "\"" x "\"" }
        { gsub(/["\\]/, " "); between = NR == 1 ? "" : ","
          printf "%s{\"what\":\"%s\",\"unit\":\"%s\",\"rlsp\":%s,\"peer\":\"%s\",\"peer_measured\":%s,\"aim\":\"%s\"}", between, $1, $2, value($3), $4, value($5), $6 }
    ' "$said/all.rows"
    printf ']'
    for file in "$said"/*.json; do
        [ ! -s "$file" ] || { printf ',"%s":' "$(basename "$file" .json)" && cat "$file"; }
    done
    printf '}\n'
} >"$said/results"
cp "$said/report" "$out/report.md.new" && mv "$out/report.md.new" "$out/report.md"
cp "$said/results" "$out/results.json.new" && mv "$out/results.json.new" "$out/results.json"
