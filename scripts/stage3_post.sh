#!/usr/bin/env bash
# Stage 3: the decoder and projector learn boxes, colours, crops and many pages; the encoder rests (section 3.4).
# As it stands: the result of scripts/stage2_joint.sh on the shipped samples. From published weights:
#   STEPS=-1 MODEL=ucaslcl/GOT-OCR2_0 DATASETS=… DATA_CONFIG=sets.json LAUNCHER=deepspeed \
#     bash scripts/stage3_post.sh --bf16 True --deepspeed zero_config/zero2.json
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/venv.sh

launch train GOT/train/train_GOT.py \
  --stage 3 \
  --model_name_or_path "${MODEL:-runs/stage2}" \
  --datasets "${DATASETS:-pdf-ocr+scene-ocr}" ${DATA_CONFIG:+--data_config "$DATA_CONFIG"} \
  --output_dir "${OUTPUT:-runs/stage3}" \
  --per_device_train_batch_size "${BATCH:-2}" \
  --gradient_accumulation_steps 2 \
  --max_steps "${STEPS:-20}" \
  --logging_steps 5 \
  "$@"
