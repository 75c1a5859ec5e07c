"""One HTML file made of the data, the plotting library and the page's own scripts and styles."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from evonas.serialization.files import write_output
from evonas.types import Json, UserError

#: Scripts in the order in which they run: each uses the preceding ones.
SCRIPTS = ("format.js", "run.js", "charts.js", "network.js", "details.js", "table.js", "main.js")


def render(data: Json, *, live: bool = False) -> str:
    """The page as HTML.

    Args:
        data: Result of :func:`evonas.report.html.collect`.
        live: Whether the page asks its server for newer data from time to time.
    """
    scripts = _scripts()
    parts = {
        "POLICY": _policy(live=live), "STYLE": _asset("page.css"), "LIVE": "yes" if live else "no",
        "DATA": as_text(data), "PLOTLY": scripts[0], "SCRIPT": scripts[1],
    }
    # In one pass, so that inserted texts are not searched for names.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))


def write(path: Path, page: str) -> None:
    """Write a page by :func:`evonas.serialization.files.write_output`.

    Raises:
        UserError: The file cannot be written.
    """
    try:
        write_output(path, page.encode(), what="the report ")
    except UserError as error:
        raise UserError(f"{error}; name another file with --out") from None


def as_text(data: Json) -> str:
    """JSON that can be embedded in HTML, whatever its strings hold."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def served_policy() -> str:
    """The content security policy of the page's server: that of the page, and no other page may frame it."""
    return f"{_policy(live=True)}; frame-ancestors 'none'"


@cache
def _scripts() -> list[str]:
    return [_plotly(), "\n".join(_asset(name) for name in SCRIPTS)]


@cache
def _policy(*, live: bool) -> str:
    """The content security policy of the page: nothing is loaded, and no script runs but the page's."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in _scripts()]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    connect = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return (files("evonas.report.html") / "assets" / name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    return (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
