#!/usr/bin/env bash
# Fine-tune with low-rank adapters on your own data; the merged checkpoint is in OUTPUT, the adapters in OUTPUT/adapter.
# As it stands: the result of scripts/stage2_joint.sh on the shipped samples. On your data, from published weights:
#   MODEL=stepfun-ai/GOT-OCR-2.0-hf DATASETS=my-data.jsonl STEPS=-1 bash scripts/finetune_lora.sh --bf16 True
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/venv.sh

launch train GOT/train/train_GOT.py \
  --stage 3 \
  --model_name_or_path "${MODEL:-runs/stage2}" \
  --lora_enable True --lora_r "${LORA_RANK:-16}" --learning_rate 1e-4 \
  --datasets "${DATASETS:-pdf-ocr+scene-ocr}" ${DATA_CONFIG:+--data_config "$DATA_CONFIG"} \
  --output_dir "${OUTPUT:-runs/lora}" \
  --per_device_train_batch_size "${BATCH:-2}" \
  --max_steps "${STEPS:-20}" \
  --logging_steps 5 \
  "$@"
