#!/usr/bin/env bash
# Check format, lint and types, as CI does: bash scripts/check.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
install dev
cd "$root"
"$python" -m ruff format --check .
"$python" -m ruff check .
"$python" -m mypy
