#!/usr/bin/env bash
# Train a got-tiny from nothing, on samples made on the fly: bash scripts/train_got_tiny.sh [cpu|gpu]. The shipped one is
# cpu's (assets/got-tiny/README.md says what differed); scripts/got_tiny/ship.py makes such files of a run. Wanted
# is WordNet, for its English (apt-get install wordnet-base).
#
#   OUTPUT   folder of the run (runs/got-tiny-cpu or -gpu); each stage has a folder in it. Run the same command again after
#            any interruption: stages that are done are passed over, the one that was cut goes on at its very next sample.
#   SLICE    seconds after which the run stops by itself, e.g. 540 on a machine that is lent for ten minutes at a time; the
#            newest checkpoint is then at most SAVE steps old
#   SCALE    multiplies every stage's steps (0.01 is a quick look at the whole way)
#   BATCH    samples of every step, in place of each stage's own: 2 with SCALE=0.0001 tries the whole way on any machine
#   SAVE     steps between checkpoints
#   UNTIL    name of the last stage, e.g. 2-text
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/venv.sh
install train
install synth

size="${1:-cpu}"
output="${OUTPUT:-runs/got-tiny-$size}"
recipes=scripts/got_tiny
deadline=$((SECONDS + ${SLICE:-10000000}))

# stage NUMBER NAME STEPS BATCH RATE IMAGE_SIZE [flags]: one run of the training command, in its own folder.
stage() {
  local number="$1" name="$2" steps batch="$4" rate="$5" pixels="$6"
  steps="$("$python" -c "print(max(2, round($3 * ${SCALE:-1})))")"
  local folder="$output/$name"
  if [ -f "$folder/config.json" ]; then
    stop_after "$name"
    return # written when a stage is done
  fi
  local left=$((deadline - SECONDS))
  if [ "$left" -le 0 ]; then
    echo "The slice is over before $name; run the same command again." >&2
    exit 0
  fi
  echo "== $name: $steps steps of $batch, $pixels pixels" >&2
  local status=0
  # In the foreground, so that Ctrl-C reaches the training and not this script alone.
  timeout --foreground --signal=INT --kill-after=120 "$left" "$python" -m GOT train --stage "$number" \
    --datasets "synth:$recipes/$size-$name.yaml" --output_dir "$folder" --image_size "$pixels" \
    --max_steps "$steps" --per_device_train_batch_size "${BATCH:-$batch}" --learning_rate "$rate" \
    --lr_scheduler_type cosine --warmup_steps 0.03 --adam_beta2 0.98 --weight_decay 0.05 --max_grad_norm 1.0 \
    --bf16 True --seed 7 --logging_steps 25 --save_steps "${SAVE:-250}" --save_total_limit 2 \
    --length_policy drop --max_tiles 12 --dataloader_num_workers "${WORKERS:-1}" "${@:7}" || status=$?
  if [ "$status" -eq 124 ]; then
    echo "The slice is over within $name; run the same command again." >&2
    exit 0
  fi
  [ "$status" -eq 0 ] || exit "$status"
  stop_after "$name"
}

stop_after() {
  if [ "$1" = "${UNTIL:-}" ]; then
    echo "trained: $output/$1" >&2
    exit 0
  fi
}

architecture="$recipes/architecture-$size.json"
new=(--architecture "$architecture" --tokenizer small:1000)
# A decoder may learn to read glyph codes while its encoder still learns to write them: neither needs the other yet.
codes=("${new[@]}" --start_looking True --read_codes True --train_encoder False --train_projector False)
# General English beside the data engine's own text, whose few words a decoder would soon guess instead of looking.
[ -d runs/got-tiny-text ] || "$python" "$recipes/wordnet_text.py" runs/got-tiny-text
case "$size" in
  cpu) # about seven hours of one core
    stage 1 1-letters 2000 10 1e-3 128 "${new[@]}" --glyph_weight 1.0
    stage 1 1-lines 3300 12 1e-3 128 --model_name_or_path "$output/1-letters"
    stage 2 2-codes 1500 32 1e-3 128 "${codes[@]}"
    stage 2 2-letters 700 24 8e-4 128 --model_name_or_path "$output/2-codes" --vision_tower "$output/1-lines" --encoder_learning_rate 6e-4
    # The shipped page and scenes are among its pictures, so that a demo shows a whole page.
    stage 2 2-words 1000 24 8e-4 128 --model_name_or_path "$output/2-letters" --encoder_learning_rate 6e-4 \
      --datasets "synth:$recipes/cpu-2-words.yaml+shipped-page+shipped-scenes" --data_config "$recipes/shipped.json"
    stage 2 2-text 2400 24 6e-4 128 --model_name_or_path "$output/2-words" --encoder_learning_rate 5e-4 \
      --datasets "synth:$recipes/cpu-2-words.yaml+synth:$recipes/cpu-2-text.yaml+shipped-page+shipped-scenes" \
      --data_config "$recipes/shipped.json" --lr_scheduler_type cosine_with_min_lr --lr_scheduler_kwargs '{"min_lr_rate": 0.5}'
    stage 3 3-regions 1650 24 4.5e-4 128 --model_name_or_path "$output/2-text" --train_encoder True --encoder_learning_rate 4e-4 \
      --datasets "synth:$recipes/cpu-2-words.yaml+synth:$recipes/cpu-3-regions.yaml+shipped-page+shipped-scenes" \
      --data_config "$recipes/shipped.json" --lr_scheduler_type linear --max_tiles 2
    ;;
  gpu) # one data-centre card; meant for under an hour, not measured yet
    stage 1 1-letters 6000 256 1e-3 256 "${new[@]}" --glyph_weight 1.0
    stage 2 2-codes 6000 256 1e-3 256 "${codes[@]}"
    stage 2 2-words 6000 128 8e-4 256 --model_name_or_path "$output/2-codes" --vision_tower "$output/1-letters" --encoder_learning_rate 1e-4
    stage 2 2-text 8000 64 6e-4 512 --model_name_or_path "$output/2-words"
    stage 2 2-kinds 8000 32 4e-4 768 --model_name_or_path "$output/2-text"
    stage 3 3-regions 4000 24 2e-4 768 --model_name_or_path "$output/2-kinds" --train_encoder True
    ;;
  *)
    echo "The size must be cpu or gpu; got $size." >&2
    exit 2
    ;;
esac
echo "trained: $output/3-regions; read with it: got-ocr read page.png --model-name $output/3-regions" >&2
