# What amd_static.sh, intel_static.sh and nvidia_static.sh compile. Read by them, not run.

# shellcheck disable=SC2034 # used by those
hot="gemm_tiled gemm_reduce gemm_weight gemm_few dequantize_halves attention_decode_grouped rmsnorm rmsnorm_backward swiglu
swiglu_backward rope logits_statistics logits_backward columns adamw"
# As engine/ops/attention_tiled.c and attention_decode.c divide them, for heads of 64 and 128: threads, heads, key heads, head size, ...
# shellcheck disable=SC2034
attention="attention_tiled:256,32,8,64,1,4,64,0,16,8,16 attention_tiled:256,32,8,128,1,4,64,0,16,8,16
attention_tiled_backward_q:256,32,8,64,1,4,64,0,16,8,16 attention_tiled_backward_q:256,32,8,128,1,4,64,0,16,8,16
attention_tiled_backward_kv:256,32,8,64,1,4,64,0,16,8,16 attention_tiled_backward_kv:256,32,8,128,2,2,64,0,16,8,16
attention_decode_grouped:128,64,8,64,1,1,1,0,512,1,0,8 attention_decode_grouped:128,64,8,128,1,1,1,0,512,1,2,8"

# matrices SUBGROUP M,N,K THREADS,TILE,TILE,PART,PART STEP STAGES OPERANDS...: products on matrix units as
# engine/ops/matmul_coopmat.c has them, of these $kernels and $layouts (NN, NT, TN), A and B as stored.
layouts="0 1 2"
matrices() {
    subgroup=$1 shape=$2 tiles=$3 step=$4 stages=$5
    shift 5
    for kernel in $kernels; do
        for layout in $layouts; do
            for operands in "$@"; do
                echo "$kernel@$subgroup:${tiles%%,*},$layout,${tiles#*,},$shape,$step,$stages,$operands"
            done
        done
    done
}

# matrix_attention SUBGROUP M,N,K OWN: attention on matrix units as engine/ops/attention_coopmat.c divides it, for heads of
# 64 and 128.
matrix_attention() {
    rest=$((($3) / 2)),0,$2,$3 threads=$(($3 / ${2%%,*} * $1))
    for size in 64 128; do
        for pass in "" _backward_q _backward_kv; do
            split=0
            [ "$pass" != _backward_kv ] || [ $size -le 64 ] || split=1
            echo "attention_coopmat$pass@$1:$threads,32,8,$size,1,1,$rest,$split"
        done
    done
}
