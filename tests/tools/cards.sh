#!/bin/sh
# cards.sh BUILD [CARD...]: all device tests on a CPU device with the limits, features and memory of each of these cards, by
# default all of tests/tools/card_layer/cards.c that rlsp can use. Only those on "required", "h100" and "m1", of the quickest
# programs, are part of ./run test. Half an hour a card on two cores. PROGRAMS="test_a test_b" names them instead.
# Exit status: 0 all passed, 1 some did not.
set -u
build=$1
shift
here=$(dirname "$0")
. "$here/each_card.sh"
[ $# -gt 0 ] || set -- itself required h100 h100-matrices rdna3 apu arc m1 m1-linux mali adreno
on_cards as_card.sh 1800 "$@"
