#!/bin/sh
# A model whose parameters are more than 4 GiB in f32, which is more than many devices' buffers may have (lavapipe's and
# AMD's): an embedding and a head of 2.1 GiB each and one thin layer. Rows from the ends of both are read, multiplied by and
# normalised over, and transformers has to agree.
#
#     sh tests/tools/beyond_4gib.sh build/release FOLDER
#
# FOLDER is made: 2.2 GB of files; each of the two programs takes some 5 GiB of memory. RLSP_TORCH_PYTHON and
# RLSP_TORCH_FOLDER as in roundtrip.sh.
set -eu
[ $# -eq 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2; }
build=$1 work=$2
mkdir -p "$work"
cat >"$work/config.json" <<'END'
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 70000, "hidden_size": 8192, "intermediate_size": 64,
 "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 64, "hidden_act": "silu",
 "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 2048, "tie_word_embeddings": false,
 "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16"}
END
[ -f "$work/model/config.json" ] || "$build/make_model" "$work/config.json" "$work/model"

# 4 GiB of f32 from the first parameter on end in the head, at row 61,072.
echo '{"ids":[1,69999,61071,61072,61073,35000,0,69998,65535,65536,3]}' >"$work/ids.jsonl"
"$build/rlsp" score --model "$work/model" --weights f32 <"$work/ids.jsonl" >"$work/scores.jsonl"
cat >"$work/compare.py" <<'END'
import json, sys
import torch, transformers
folder = sys.argv[1]
ids = json.load(open(f"{folder}/ids.jsonl"))["ids"]
mine = json.load(open(f"{folder}/scores.jsonl"))
model = transformers.AutoModelForCausalLM.from_pretrained(f"{folder}/model", dtype=torch.float32)
with torch.inference_mode():
    log = torch.log_softmax(model(torch.tensor([ids])).logits[0], -1)
chosen = log[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
entropy = -(log.exp() * log).sum(-1)
worst = (chosen - torch.tensor(mine["logprobs"])).abs().max().item()
of_entropy = (entropy - torch.tensor(mine["entropy"])).abs().max().item()
size = sum(p.numel() for p in model.parameters()) * 4
print(f"parameters of {size / 2**30:.2f} GiB: log-probabilities, {chosen.min():.2f} to {chosen.max():.2f}, within {worst:.1e}; entropies within {of_entropy:.1e}")
sys.exit(worst > 1e-3 or of_entropy > 1e-3)
END
${RLSP_TORCH_PYTHON:-python3} "${RLSP_TORCH_FOLDER:-$work}/compare.py" "${RLSP_TORCH_FOLDER:-$work}"
