#!/bin/sh
# Which folder may include from which: the arrows between the layers (README, "How the code is laid out"). Each folder may
# include from itself and from those named beside it, and the headers of other libraries from the folder that wraps them.
#
# usage: layers.sh SOURCE-DIRECTORY
set -eu
cd "$1"
find engine rlsp tui -name '*.[ch]' | LC_ALL=C sort | xargs awk '
    function allow(folder, list,    names, n, i) {
        known[folder] = 1
        n = split(list, names, " ")
        for (i = 1; i <= n; i++) may[folder, names[i]] = 1
    }
    function folder_of(path) { sub("/[^/]*$", "", path); return path }
    BEGIN {
        allow("engine", "")
        allow("engine/io", "engine")
        allow("engine/vk", "engine engine/io")
        allow("engine/ops", "engine engine/io engine/vk")
        allow("engine/text", "engine engine/io")
        allow("engine/model", "engine engine/io engine/vk engine/ops")
        allow("rlsp", "")
        allow("rlsp/math", "")
        allow("rlsp/trace", "")
        allow("rlsp/remote", "engine")
        allow("rlsp/run", "engine engine/io engine/model")
        allow("rlsp/task", "engine engine/io engine/text rlsp/math rlsp/trace rlsp/run")
        allow("rlsp/reward", "engine engine/io rlsp/math rlsp/remote rlsp/run rlsp/task")
        allow("rlsp/eval", "engine engine/io engine/model rlsp/math rlsp/run rlsp/task")
        allow("rlsp/train", "engine engine/io engine/vk engine/ops engine/text engine/model rlsp rlsp/math rlsp/run rlsp/task rlsp/reward rlsp/eval")
        allow("rlsp/data", "engine engine/io engine/text rlsp/math rlsp/run rlsp/task rlsp/train")
        allow("tui/draw", "engine")
        allow("tui/terminal", "engine tui/draw")
        allow("tui/image", "engine engine/io tui/draw")
        allow("tui/trace", "engine rlsp/run rlsp/task tui/draw") # rlsp/task marks what a trace shows
        allow("tui/pane", "engine rlsp/run tui/draw tui/terminal tui/image tui/trace")
        allow("tui/dashboard", "engine engine/io rlsp/run tui/draw tui/terminal tui/image tui/trace tui/pane")
        allow("rlsp/cli", "engine engine/io engine/vk engine/ops engine/text engine/model rlsp rlsp/run rlsp/task rlsp/eval rlsp/train rlsp/data tui/draw tui/image tui/trace tui/dashboard")
        wrapped["vulkan/"] = "engine/vk"
        wrapped["curses"] = "tui/terminal"
        wrapped["curl/"] = "rlsp/remote"
        wrapped["stb_"] = "tui/image"
    }
    function fault(what) { print FILENAME ":" FNR ": " what; faults++ }
    FNR == 1 {
        here = folder_of(FILENAME)
        files++
        if (!(here in known)) fault("the folder " here " has no row in tests/tools/layers.sh")
    }
    /^#include "/ {
        path = $2
        gsub("\"", "", path)
        there = folder_of(path)
        if (!(there in known)) fault(path " is no header of engine, rlsp or tui")
        else if (there != here && !((here, there) in may)) fault(here " does not include from " there ": " path)
    }
    /^#include </ {
        for (name in wrapped) {
            if (index($2, "<" name) == 1 && here != wrapped[name]) fault($2 " is for " wrapped[name] " alone")
        }
    }
    END {
        if (files == 0) { print "no source files in engine, rlsp and tui"; exit 1 }
        exit faults > 0
    }'
