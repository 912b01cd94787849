#!/usr/bin/env bash
# Read a page from a fresh checkout: bash scripts/demo.sh [image, PDF or folder] [options of got-ocr read]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
install ""
if [ "$#" -eq 0 ]; then
  set -- "$root/assets/samples/page.png"
fi
exec "$python" -m GOT read "$@"
