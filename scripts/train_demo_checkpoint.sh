#!/usr/bin/env bash
# Train the smallest checkpoint that reads something: the shipped sample page and the eight shipped scenes, by heart.
# It stands in for a trained got-tiny, so that a fresh checkout can show reading without a download. Minutes on one core.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/venv.sh
install train

output="${OUTPUT:-runs/demo-checkpoint}"
"$python" -m GOT train \
  --stage 2 --architecture tiny --tokenizer small:1000 \
  --datasets assets/samples/pages.json+scene-ocr \
  --output_dir "$output" \
  --max_steps "${STEPS:-900}" --num_train_epochs 1000 \
  --per_device_train_batch_size 3 \
  --learning_rate 3e-3 --lr_scheduler_type cosine --warmup_steps 20 \
  --save_strategy no --logging_steps 50 --seed 7 "$@"
