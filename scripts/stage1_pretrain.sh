#!/usr/bin/env bash
# Stage 1: the encoder learns to see text, with a small OPT decoder (section 3.2 of the paper).
# As it stands: the tiny architecture on the shipped samples, a minute on a laptop. The paper's run:
#   STEPS=-1 ARCHITECTURE=full DATASETS=my-scenes+my-pages DATA_CONFIG=sets.json LAUNCHER="deepspeed --hostfile hosts" \
#     bash scripts/stage1_pretrain.sh --decoder facebook/opt-125m --bf16 True --deepspeed zero_config/zero2.json
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/venv.sh
architecture="${ARCHITECTURE:-tiny}"
[ "$architecture" = tiny ] && tokenizer=small:2000 || tokenizer=published  # OPT brings its own

launch train GOT/train/train_GOT.py \
  --stage 1 \
  --architecture "$architecture" \
  --tokenizer "${TOKENIZER:-$tokenizer}" \
  --datasets "${DATASETS:-pdf-ocr+scene-ocr}" ${DATA_CONFIG:+--data_config "$DATA_CONFIG"} \
  --output_dir "${OUTPUT:-runs/stage1}" \
  --per_device_train_batch_size "${BATCH:-4}" \
  --max_steps "${STEPS:-20}" \
  --logging_steps 5 \
  "$@"
