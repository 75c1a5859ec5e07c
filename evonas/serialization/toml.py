"""Reading of TOML files that users write."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from evonas.types import UserError


def read_toml(path: Path, what: str = "configuration file") -> dict[str, Any]:
    """A TOML file as a dict; ``what`` it should be is for the message.

    Raises:
        UserError: The file cannot be read.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"there is no {what} {path}: check the path (it counts from {Path.cwd()})") from None
    except IsADirectoryError:
        raise UserError(f"expected a {what}, got {path}, which is a folder: name the file in it") from None
    except (OSError, ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError
        raise UserError(f"cannot read {path} as TOML: {error}") from None
