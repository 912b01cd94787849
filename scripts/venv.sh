# Sourced by the other scripts: a virtual environment with this package in it, made on the first run.
#   GOT_VENV    where it is (default: .venv in the repository)
#   install EXTRAS, e.g. `install dev`; nothing is installed again while pyproject.toml is the same
#   launch EXTRAS FILE …    runs FILE by $LAUNCHER (words, e.g. "deepspeed --hostfile hosts"), else installs and runs it here

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${GOT_VENV:-$root/.venv}"
python="$venv/bin/python"

install() {
  local extras="${1:+[$1]}" stamp="$venv/.installed${1:+-$1}" base
  if [ ! -x "$python" ]; then
    base="$(command -v python3.11 || command -v python3.12 || command -v python3)" ||
      { echo "Python 3.11 or 3.12 is needed." >&2; exit 1; }
    "$base" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' ||
      { echo "Python 3.11 or 3.12 is needed; $base is $("$base" --version)." >&2; exit 1; }
    "$base" -m venv "$venv" || true # judged by what is in it, below
  fi
  # Debian's python3 without python3-venv makes an environment with nothing to install by.
  "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null 2>&1 ||
    { echo "$venv has no pip; on Debian and Ubuntu: apt-get install python3-venv, then remove $venv" >&2; exit 1; }
  if [ ! -e "$stamp" ] || [ "$root/pyproject.toml" -nt "$stamp" ]; then
    echo "installing got-ocr$extras into $venv …" >&2
    "$python" -m pip install --quiet --disable-pip-version-check -e "$root$extras" >&2
    touch "$stamp"
  fi
}

launch() {
  local extras="$1"
  shift
  if [ -n "${LAUNCHER:-}" ]; then
    $LAUNCHER "$@"
  else
    install "$extras"
    "$python" "$@"
  fi
}
