"""The page over HTTP on this machine, updated while a run goes on. Read-only: three addresses, no files."""

from __future__ import annotations

import errno
import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from evonas.report.html.page import as_text, render, served_policy
from evonas.types import Json, UserError

HOST = "127.0.0.1"
#: Seconds between two readings of a run, and that pause as a multiple of the seconds that a reading takes: reading
#: must not slow down the run.
PAUSE, RESPITE = 2.0, 12.0
#: Seconds that a client may be silent in a request or leave an answer unread; largest size of an error in characters.
SOCKET_TIMEOUT, MOST_TOLD = 20.0, 1000


class Feed:
    """The newest data of a run, collected on request and not too often.

    Args:
        collect: Reads the run; may raise :class:`UserError` if it cannot be read.
        clock: Gives seconds.
    """

    def __init__(self, collect: Callable[[], Json], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._collect, self._clock, self._lock = collect, clock, threading.Lock()
        self._look()

    def newest(self) -> Json:
        """The data of the run, which may be a few seconds old."""
        with self._lock:
            if self._clock() >= self._due:
                self._look()
            return self._data

    def _look(self) -> None:
        begin = self._clock()
        self._data = self._collect()
        end = self._clock()
        self._due = end + max(PAUSE, RESPITE * (end - begin))


def make_server(feed: Feed, port: int) -> ThreadingHTTPServer:
    """A server that answers on 127.0.0.1; with port 0 on any free port.

    Raises:
        UserError: The port is in use, not allowed, or not a port.
    """

    class Handler(_Handler):
        source = feed

    try:
        return _Server((HOST, port), Handler)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        raise UserError(f"port {port} of {HOST} {why}: give another with --port, 0 for any free one") from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True  # a port is free again as soon as its server has ended

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the error: a client that hangs up does not concern the user."""


class _Handler(BaseHTTPRequestHandler):
    source: Feed
    timeout = SOCKET_TIMEOUT

    def do_GET(self) -> None:
        """Send the page, its data, or its version; or the status 500 with a sentence if that fails."""
        try:
            self._answer()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the client has hung up or reads nothing
        except Exception as error:  # the contents of a run must not break the connection
            sentence = f"the report cannot be made: {type(error).__name__}: {error}"
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, explain=sentence[:MOST_TOLD])

    def _answer(self) -> None:
        if self.headers.get("Host", "").partition(":")[0] not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)  # another site, whose name resolves to this machine
            return
        answers: dict[str, tuple[str, Callable[[Json], str]]] = {
            "/": ("text/html", lambda data: render(data, live=True)),
            "/data.json": ("application/json", as_text),
            "/version.json": ("application/json", lambda data: json.dumps(data["version"])),
        }
        if self.path not in answers:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind, answer = answers[self.path]
        try:
            body = answer(self.source.newest()).encode(errors="backslashreplace")
        except UserError as error:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, explain=str(error))
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Send the security headers with every answer, errors included: browsers may do only what the page needs."""
        self.send_header("Content-Security-Policy", served_policy())
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")  # for browsers without frame-ancestors
        self.send_header("Referrer-Policy", "no-referrer")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal is used by the run."""
