#!/usr/bin/env bash
# Make .venv if needed and build the documentation into build/site; a warning, like a link that leads nowhere, is an error.
extras="[docs]"
source "$(dirname "$0")/setup.sh"
exec .venv/bin/mkdocs build --strict "$@" # not --quiet: warnings are then not counted
