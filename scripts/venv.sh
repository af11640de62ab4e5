#!/usr/bin/env bash
# Makes .venv in the current folder and installs cxrmine into it: scripts/venv.sh [EXTRA[,EXTRA…]]
# Set PYTHON to choose the interpreter.
set -euo pipefail
extras="${1:-dev}"

usable() {  # Runs it: a pyenv shim exists for versions that are not switched on.
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' \
        >/dev/null 2>&1
}

describe() {
    local said
    said="$("$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)" ||
        { echo "$1 (does not run)"; return; }
    "$1" -c 'import venv, ensurepip' 2>/dev/null || said="$said without venv"
    echo "$1 ($said)"
}

find_python() {
    local candidate found=()
    local candidates=(python3.11 python3.12 python3 python
        "$HOME"/.pyenv/versions/3.1[12].*/bin/python3)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if usable "$candidate"; then echo "$candidate"; return 0; fi
        found+=("$(describe "$candidate")")
    done
    local list
    list="$(IFS=,; echo "${found[*]:-no Python}")"
    echo "cxrmine needs Python 3.11 or 3.12 with venv; found: ${list//,/, }." \
        "Install one (Debian: apt-get install python3.11-venv) or name it: make PYTHON=/path/to/python3.11" >&2
    return 1
}

if ! { [ -x .venv/bin/python ] && usable .venv/bin/python; }; then
    python="$(find_python)"
    echo "making .venv with $python"
    "$python" -m venv --clear .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable ".[$extras]"
# The OpenI reports come as data inside this wheel; its code, which wants torch, is not used.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
    --constraint constraints.txt torchxrayvision
