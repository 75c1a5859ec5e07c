#!/usr/bin/env bash
# Make .venv if needed and run the tests, all of them in up to 4 processes; arguments go to pytest, which then has one.
extras="[dev]"
source "$(dirname "$0")/setup.sh"
[ $# -gt 0 ] || set -- --numprocesses logical --maxprocesses 4 --dist worksteal
exec .venv/bin/python -m pytest "$@"
