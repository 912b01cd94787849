#!/usr/bin/env bash
# Run the tests: bash scripts/test.sh [arguments of pytest, e.g. -m slow or tests/model]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
install dev
cd "$root"
exec "$python" -m pytest -q "$@"
