"""How heartbeats travel: one exchange over HTTP, by whichever of the two can reach the other."""

import http.client
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sekisho.edges.gates import pinned_watcher
from sekisho.edges.node_rpc import http_place
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.watch.beat import (
    MESSAGE_MAX_BYTES,
    QUESTION_BYTES,
    KnownWatcher,
    Message,
    SignedBeat,
    message_bytes,
    read_message,
)

PATH = "/beat"
_LOOPBACK = "127.0.0.1"
_OK = 200
_ASK_SECONDS = 5


class BeatPort:
    """Answers each message with what `answer` makes of it, to this machine alone.

    None is no answer: the one who asked hears that nobody looks.
    """

    def __init__(self, port: int, answer: Callable[[bytes], bytes | None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 5

            def do_POST(self) -> None:
                said = self.headers.get("Content-Length", "")
                size = int(said) if said.isdecimal() and len(said) < 8 else MESSAGE_MAX_BYTES + 1
                fits = self.path == PATH and size <= MESSAGE_MAX_BYTES
                body = answer(self.rfile.read(size)) if fits else None
                self.send_response(_OK if body is not None else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                return  # whoever asked went away, and hears nothing

        try:
            self._server = Server((_LOOPBACK, port), Handler)
        except OSError as error:
            raise WorldError(f"{_LOOPBACK}:{port}: cannot be served: {error.strerror}") from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2)


class BeatLink:
    """Goes to another watcher's port again and again, until it is closed."""

    def __init__(
        self,
        url: str,
        speak: Callable[[], bytes | None],
        hear: Callable[[bytes], None],
        *,
        every_seconds: int,
    ) -> None:
        self._place = http_place(url, "--peer")
        self._speak, self._hear, self._every_seconds = speak, hear, every_seconds
        self.failure = ""
        """Why the last exchange failed; empty if it did not."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Go no more."""
        self._ended.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while True:
            said = self._speak()
            if said is not None:
                try:
                    answer = exchanged(self._place, said, timeout_seconds=self._every_seconds)
                except WorldError as error:
                    self.failure = str(error)
                else:
                    self.failure = ""
                    self._hear(answer)
            if self._ended.wait(self._every_seconds):
                return


def exchanged(place: tuple[str, int], said: bytes, *, timeout_seconds: int) -> bytes:
    """Return what is answered to a message; raises `WorldError` if nothing is."""
    host, port = place
    connection = http.client.HTTPConnection(host, port, timeout=timeout_seconds)
    try:
        connection.request("POST", PATH, body=said, headers={"Content-Type": "application/json"})
        response = connection.getresponse()
        data = response.read(MESSAGE_MAX_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise WorldError(f"{host}:{port}: does not answer: {error}") from error
    finally:
        connection.close()
    if response.status != _OK:
        raise WorldError(f"{host}:{port}: nobody looks there (status {response.status})")
    return data


def ask_watcher(granter: Path) -> tuple[KnownWatcher, SignedBeat | None, bytes] | None:
    """Ask the watcher that a granter pinned how it stands.

    Returns who it is, what it said (None for no answer), and what it was asked; None where no
    watcher is pinned.
    """
    pinned = pinned_watcher(granter)
    if pinned is None:
        return None
    known, url = pinned
    question = secrets.token_bytes(QUESTION_BYTES)
    asked = message_bytes(Message(question=question, signed=None))
    try:
        data = exchanged(http_place(url, "URL"), asked, timeout_seconds=_ASK_SECONDS)
        said = read_message(data, url).signed
    except (WorldError, BadInputError):
        said = None
    return known, said, question
