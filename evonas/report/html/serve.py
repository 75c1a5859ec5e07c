"""The page over HTTP on this machine, kept up to date while a run goes on. Read-only: three addresses, no files."""

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
#: Seconds between two looks at a run, and the smallest multiple of the seconds a look takes: watching must not slow
#: down what is watched.
PAUSE, RESPITE = 2.0, 12.0
#: Seconds that a client may be silent in a request, or leave an answer unread; characters of an error that it is told.
SOCKET_TIMEOUT, MOST_TOLD = 20.0, 1000


class Feed:
    """The newest data of a run, collected when somebody asks and not too often.

    Args:
        collect: Reads the run; may raise :class:`UserError` where it cannot be read.
        clock: Gives seconds.
    """

    def __init__(self, collect: Callable[[], Json], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._collect, self._clock, self._lock = collect, clock, threading.Lock()
        self._look()

    def newest(self) -> Json:
        """What the run holds, or held a moment ago."""
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
    """A server that answers on 127.0.0.1; port 0 is any free one.

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
        """Nothing: a client that hangs up is none of the user's business."""


class _Handler(BaseHTTPRequestHandler):
    source: Feed
    timeout = SOCKET_TIMEOUT

    def do_GET(self) -> None:
        """The page, its data, or how much of it there is; 500 with a sentence where that cannot be given."""
        try:
            self._answer()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the client has hung up, or reads nothing
        except Exception as error:  # what a run holds must not end in a broken connection
            sentence = f"the report cannot be made: {type(error).__name__}: {error}"
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, explain=sentence[:MOST_TOLD])

    def _answer(self) -> None:
        if self.headers.get("Host", "").partition(":")[0] not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)  # another site whose name was made to point here
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
        """Send with every answer, errors included, what it may do in a browser: nothing beside the page's own."""
        self.send_header("Content-Security-Policy", served_policy())
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")  # for browsers that know no frame-ancestors
        self.send_header("Referrer-Policy", "no-referrer")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal belongs to the user."""
