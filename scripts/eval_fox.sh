#!/usr/bin/env bash
# Read and score Fox's pages, regions, lines and colours, English and Chinese, as in tables 1 and 4 of the paper.
# Wanted: Fox's folder as it is published (https://huggingface.co/datasets/ucaslcl/Fox_benchmark_data), unzipped.
#   FOX=/data/focus_benchmark_test MODEL=stepfun-ai/GOT-OCR-2.0-hf CHUNKS=8 bash scripts/eval_fox.sh --batch-size 8
# Started again it goes on where it stopped. Other models: bash scripts/eval_fox.sh with --from-predictions, one task at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/venv.sh

FOX="${FOX:?set FOX to the folder focus_benchmark_test}"
OUT="${OUT:-runs/fox}"
TASKS="${TASKS:-fox-en-page fox-zh-page fox-en-region fox-zh-region fox-en-line fox-zh-line fox-en-color fox-zh-color}"

for task in $TASKS; do
  launch eval GOT/eval/evaluate_GOT.py \
    --benchmark "$task" --data "$FOX" ${MODEL:+--model-name "$MODEL"} \
    --out_path "$OUT/$task" --num-chunks "${CHUNKS:-1}" \
    "$@"
done
