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

# Linux without an NVIDIA driver gets the build of torch without CUDA, which has its own index: 1.5 GB in the place of 6.
# On other systems the usual build has none. Whatever goes wrong here, the installation below brings the usual build.
install_torch_without_cuda() {
    [ "$(uname -s)" = Linux ] && ! command -v nvidia-smi > /dev/null || return 0
    local index=https://download.pytorch.org/whl/cpu
    .venv/bin/python -c "import urllib.request as r; r.urlopen('$index/torch/', timeout=5)" 2> /dev/null || return 0
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt \
        --extra-index-url "$index" torch || echo "torch without CUDA could not be installed: taking the usual build" >&2
}

# What an installation depends on; the native trainer is rebuilt when its sources change.
stamp=$(cat pyproject.toml constraints.txt setup.py search_spaces/neuron/native/* 2>/dev/null | cksum)
installed=.venv/stamp$extras
if [ ! -x .venv/bin/python ] || [ "$(cat "$installed" 2>/dev/null)" != "$stamp" ]; then
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    echo "installing into .venv: 1.5 GB without CUDA, 6 GB with it, as a rule in one or two minutes ..."
    install_torch_without_cuda
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$extras"
    for file in .venv/stamp "$installed"; do echo "$stamp" > "$file"; done
fi
