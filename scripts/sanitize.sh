#!/usr/bin/env bash
# Builds the native trainer with AddressSanitizer and UndefinedBehaviorSanitizer and runs its tests on it.
# PYTHON names the interpreter (default: .venv/bin/python), CXX the compiler (default: g++).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
cxx=${CXX:-g++}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

EVONAS_SANITIZE=1 "$python" setup.py --quiet build_ext --build-temp "$build" --build-lib "$build"
export EVONAS_NATIVE_LIBRARY="$build/search_spaces/neuron/trainer/libevonas_native.so"
test -f "$EVONAS_NATIVE_LIBRARY" || { echo "sanitize.sh: the library could not be built" >&2; exit 1; }

# Python itself leaks at exit and is not instrumented: the runtime is preloaded, and leaks are not counted.
LD_PRELOAD="$("$cxx" -print-file-name=libasan.so) $("$cxx" -print-file-name=libubsan.so)" \
ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    "$python" -m pytest -q -p no:cacheprovider tests/search_spaces/neuron/trainer/test_native.py "$@"
