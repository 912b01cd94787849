#!/usr/bin/env bash
# Stage 2: encoder, projector and Qwen decoder train together, starting from stage 1's encoder (section 3.3).
# As it stands: the tiny architecture on the shipped samples, after scripts/stage1_pretrain.sh. The paper's run:
#   STEPS=-1 ARCHITECTURE=full DATASETS=… DATA_CONFIG=sets.json LAUNCHER="deepspeed --hostfile hosts" \
#     bash scripts/stage2_joint.sh --decoder Qwen/Qwen1.5-0.5B --bf16 True --deepspeed zero_config/zero2.json
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/venv.sh

launch train GOT/train/train_GOT.py \
  --stage 2 \
  --architecture "${ARCHITECTURE:-tiny}" \
  --vision_tower "${STAGE1:-runs/stage1}" \
  --datasets "${DATASETS:-pdf-ocr+scene-ocr}" ${DATA_CONFIG:+--data_config "$DATA_CONFIG"} \
  --output_dir "${OUTPUT:-runs/stage2}" \
  --per_device_train_batch_size "${BATCH:-4}" \
  --max_steps "${STEPS:-20}" \
  --logging_steps 5 \
  "$@"
