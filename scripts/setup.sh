# Sourced by the other scripts: makes .venv and installs the project with pinned versions, once per change of either.
# $extras, which they set, is installed, too, like [dev].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=""
for candidate in python3.11 python3.12 python3.13 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "evonas needs Python 3.11 or newer: install it, then run this script again" >&2
    exit 1
fi

# What an installation depends on; the native trainer is rebuilt when its sources change.
stamp=$(cat pyproject.toml constraints.txt setup.py search_spaces/neuron/native/* 2>/dev/null | cksum)
installed=.venv/stamp$extras
if [ ! -x .venv/bin/python ] || [ "$(cat "$installed" 2>/dev/null)" != "$stamp" ]; then
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    echo "installing into .venv: up to 2 GB, as a rule in one or two minutes ..."
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$extras"
    for file in .venv/stamp "$installed"; do echo "$stamp" > "$file"; done
fi
