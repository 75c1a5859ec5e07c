"""The server of the page: what goes wrong is a sentence, what a browser may do is nothing, hanging up is silent."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from evonas.report.html import serve
from evonas.report.html.serve import Feed, make_server
from evonas.types import Json, UserError

PATHS = ("/", "/data.json", "/version.json")


class Source:
    """Gives data, or raises."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.data: Json = {"version": [1, 2], "name": "\ud800"}

    def __call__(self) -> Json:
        if self.error is not None:
            raise self.error
        return self.data


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def server(source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setattr(serve, "PAUSE", 0.0)
    monkeypatch.setattr(serve, "RESPITE", 0.0)
    with make_server(Feed(source), 0) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(server: ThreadingHTTPServer, path: str) -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), dict(answer.getheaders())


@pytest.mark.parametrize("error", [ValueError("an odd row"), RecursionError("too deep"), KeyError("x"), MemoryError()])
def test_an_error_answers_500_with_a_sentence_and_the_server_goes_on(
    server: ThreadingHTTPServer, source: Source, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    source.error = error
    for path in PATHS:
        status, body, _ = ask(server, path)
        assert status == 500
        assert f"the report cannot be made: {type(error).__name__}" in body
    source.error = UserError("<b>the run</b> is gone")
    status, body, _ = ask(server, "/data.json")
    assert status == 503
    assert "&lt;b&gt;the run&lt;/b&gt; is gone" in body
    source.error, source.data = None, {"version": float("nan")}
    assert ask(server, "/data.json")[0] == 500
    source.data = {"version": 3}
    assert ask(server, "/version.json")[:2] == (200, "3")
    assert capsys.readouterr() == ("", "")


def test_every_answer_says_what_a_browser_may_do(server: ThreadingHTTPServer) -> None:
    for path in (*PATHS, "/nothing"):
        headers = ask(server, path)[2]
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "'sha256-" in policy
        assert "script-src 'unsafe-inline'" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_clients_that_hang_up_are_silent(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    handled, shut = threading.Semaphore(0), server.shutdown_request

    def ended(request: socket.socket) -> None:
        shut(request)
        handled.release()

    monkeypatch.setattr(server, "shutdown_request", ended)
    for request in (b"", b"GET", b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"):
        client = socket.create_connection(("127.0.0.1", server.server_port))
        client.sendall(request)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset, not closed
        client.close()
        assert handled.acquire(timeout=60)
    assert ask(server, "/version.json")[0] == 200
    assert capsys.readouterr() == ("", "")


def test_a_client_that_says_nothing_is_let_go(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server.RequestHandlerClass, "timeout", 0.2)
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=30) as client:
        assert client.recv(1) == b""
    assert capsys.readouterr() == ("", "")
