#!/usr/bin/env bash
# Read pages from a fresh checkout: bash scripts/demo.sh [images, PDFs or folders] [options of got-ocr read]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
install ""
if [ "$#" -eq 0 ]; then
  echo "Two pictures of assets/samples: page.png, one of got-tiny's training pictures, and word-12.png, which it never saw." >&2
  set -- "$root/assets/samples/page.png" "$root/assets/samples/word-12.png"
fi
exec "$python" -m GOT read "$@"
