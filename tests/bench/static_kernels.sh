# What amd_static.sh, intel_static.sh and nvidia_static.sh compile. Read by them, not run.

# shellcheck disable=SC2034 # used by those
hot="gemm_tiled gemm_tiled_pairs:256,1,64,4,0,0,0,1 gemm_tiled_pairs:256,1,64,4,0,0,0,2 gemm_reduce gemm_weight gemm_few dequantize_halves attention_decode_grouped rmsnorm rmsnorm_backward swiglu
swiglu_backward rope logits_statistics logits_backward columns adamw"
# tiled_attention CHUNK PER_LANE...: as engine/ops/attention_tiled.c divides it: threads, heads, key heads, head size, parts, rows of
# an invocation, ... quads of a row at a time, ...; PER_LANE rows of the forward and of the two backwards, for heads of 64, then
# of 128, then of 256; CHUNK of the backward for keys.
tiled_attention() {
    chunk=$1
    shift
    for size in 64 128 256; do
        for pass in "" _backward_q _backward_kv; do
            quads=8 step=16
            [ "$pass" != _backward_kv ] || quads=$chunk
            [ "$size,$1" != 256,4 ] || step=8 # for shared memory
            echo "attention_tiled$pass:256,32,8,$size,1,$1,64,0,16,$quads,$step"
            shift
        done
    done
}

# few_rows COLUMNS: products of eight rows by a weight of each format as engine/ops/matmul_few.c has them; COLUMNS of int8, int4.
few_rows() {
    for format in 0 1 2; do
        echo "gemm_few:64,1,$format,8,4"
    done
    echo "gemm_few:64,1,3,8,$1 gemm_few:64,1,4,8,$1"
}

# decoding_attention SUBGROUP TOGETHER: as engine/ops/attention_decode.c has it, of f32, and of f16 with so many heads together;
# SUBGROUP with its @, or empty.
decoding_attention() {
    for size in 64 128 256; do
        for cached in 0,8 "2,$2"; do
            echo "attention_decode_grouped$1:128,64,8,$size,1,1,1,0,512,1,$cached"
        done
    done
}

# matrices SUBGROUP M,N,K THREADS,TILE,TILE,PART,PART STEP STAGES OPERANDS...: products on matrix units as
# engine/ops/matmul_coopmat.c has them, of these $kernels and $layouts (NN, NT, TN), A and B as stored; $turned is 16 where
# they are turned.
layouts="0 1 2" turned=0
matrices() {
    subgroup=$1 shape=$2 tiles=$3 step=$4 stages=$5
    shift 5
    for kernel in $kernels; do
        for layout in $layouts; do
            for operands in "$@"; do
                echo "$kernel@$subgroup:${tiles%%,*},$layout,${tiles#*,},$shape,$step,$stages,$((operands + turned))"
            done
        done
    done
}

# in_pairs PRODUCT...: products of matrices() with SwiGLU, kept and not, into halves, and with RoPE
# (include/gemm_pairs.glsl); of a frozen weight, whose format they end in, with SwiGLU alone.
in_pairs() {
    for product in "$@"; do
        case $product in
        *_weight_*) echo "$product,0,1" ;;
        *) echo "$product,0,0,1 $product,0,1,1 $product,0,2,0" ;;
        esac
    done
}

# matrix_attention TYPE SUBGROUP M,N,K ACROSS BOUNDED,AHEAD OWN...: attention on matrix units as engine/ops/attention_coopmat.c
# divides it, TYPE empty or _bf16; OWN of the forward and the two backwards, for heads of 64, then of 128.
matrix_attention() {
    type=$1 subgroup=$2 shape=$3 across=$4 compiler=$5
    shift 5
    for size in 64 128; do
        for pass in "" _backward_q _backward_kv; do
            split=0
            [ "$pass" != _backward_kv ] || [ $size -le 64 ] || split=1
            threads=$(($1 / ${shape%%,*} * across * subgroup))
            echo "attention_coopmat$pass$type@$subgroup:$threads,32,8,$size,1,1,32,0,$shape,$1,$split,$across,$compiler"
            shift
        done
    done
}
