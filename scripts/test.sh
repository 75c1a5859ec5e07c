#!/usr/bin/env bash
# Make .venv if needed and run the tests; arguments go to pytest.
source "$(dirname "$0")/setup.sh"
exec .venv/bin/python -m pytest "$@"
