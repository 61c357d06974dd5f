"""A Bitcoin node's JSON-RPC, by its cookie file: strict answers, a limit on each, no float.

One `NodeRPC` is for one thread. It keeps its connection, and opens it again when the node was
restarted: the cookie is another one then, and is read again.
"""

import base64
import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError

ANSWER_MAX_BYTES = 256 * 1024 * 1024
"""A million txids are 67 MB; the largest block is 8 MB in hex."""
_COOKIE_MAX_BYTES = 4096
_UNAUTHORISED = 401

Call: TypeAlias = tuple[str, Sequence[Json]]
"""A method and its parameters, by place."""


class NodeRefusedError(WorldError):
    """The node understood a call and refused it."""

    def __init__(self, where: str, method: str, code: int, message: str) -> None:
        super().__init__(f"{where}: {method}: {message[:300]} ({code})")
        self.code = code


Answer: TypeAlias = "Json | NodeRefusedError"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAddress:
    """Where a node answers, and the file that lets one in."""

    name: str
    """What people call the node."""
    host: str
    port: int
    cookie: Path

    @property
    def url(self) -> str:
        """Return the address as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def node_address(name: str, url: str, cookie: Path) -> NodeAddress:
    """Return where `url` says that a node answers; raises `BadInputError` for any other form."""
    host, port = http_place(url, "RPC address")
    return NodeAddress(name=name, host=host, port=port, cookie=cookie)


def http_place(url: str, where: str) -> tuple[str, int]:
    """Return host and port of http://HOST:PORT; raises `BadInputError` for any other form."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadInputError(where, f"{url[:100]!r}: {error}") from error
    plain = parts.scheme == "http" and parts.path in {"", "/"} and not parts.query
    if not plain or host is None or port is None or parts.username is not None:
        raise BadInputError(where, f"{url[:100]!r} is not http://HOST:PORT")
    return host, port


class NodeRPC:
    """One connection to a node. Every failure is a `WorldError` that names the node's address."""

    def __init__(self, address: NodeAddress, *, timeout_seconds: int) -> None:
        self.address = address
        self._timeout_seconds = timeout_seconds
        self._connection: http.client.HTTPConnection | None = None
        self._authorisation = ""

    def call(self, method: str, *params: Json) -> Json:
        """Return what the node answers; raises `NodeRefusedError` if it refuses."""
        (answer,) = self.batch([(method, params)])
        if isinstance(answer, NodeRefusedError):
            raise answer
        return answer

    def batch(self, calls: Sequence[Call]) -> list[Answer]:
        """Return the answer to each call, in their order; a refusal is one of the answers."""
        asked = [
            {"jsonrpc": "1.0", "id": number, "method": method, "params": list(params)}
            for number, (method, params) in enumerate(calls)
        ]
        answers = self._posted(json.dumps(asked).encode())
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise self._strange("the batch has another number of answers")
        by_id: dict[object, Json] = {}
        for each in answers:
            if not isinstance(each, dict):
                raise self._strange("an answer is no object")
            by_id[each.get("id")] = each
        return [
            self._answer(method, by_id.get(number)) for number, (method, _) in enumerate(calls)
        ]

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _answer(self, method: str, answer: "Json | None") -> Answer:
        if not isinstance(answer, dict) or "result" not in answer:
            raise self._strange(f"{method} was not answered")
        error = answer.get("error")
        if error is None:
            return answer["result"]
        if not isinstance(error, dict):
            raise self._strange(f"{method}: the error has no form")
        code, message = error.get("code"), error.get("message")
        if not isinstance(code, int) or not isinstance(message, str):
            raise self._strange(f"{method}: the error has no form")
        return NodeRefusedError(self.address.url, method, code, message)

    def _posted(self, body: bytes) -> Json:
        """Return the answer's document; a connection that the node let go is opened once more."""
        for again in (True, False):
            fresh = self._connection is None
            try:
                status, data = self._exchanged(body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if again and not fresh:
                    continue
                raise WorldError(f"{self.address.url}: does not answer: {error}") from error
            if status == _UNAUTHORISED:
                self.close()
                if again and not fresh:
                    continue
                raise WorldError(f"{self.address.url}: does not accept {self.address.cookie}")
            return self._document(status, data)
        raise RuntimeError("two tries, and neither came to an end")

    def _exchanged(self, body: bytes) -> tuple[int, bytes]:
        if self._connection is None:
            self._authorisation = _authorisation(self.address.cookie)
            self._connection = http.client.HTTPConnection(
                self.address.host, self.address.port, timeout=self._timeout_seconds
            )
        headers = {"Authorization": self._authorisation, "Content-Type": "application/json"}
        self._connection.request("POST", "/", body=body, headers=headers)
        response = self._connection.getresponse()
        data = response.read(ANSWER_MAX_BYTES + 1)
        if len(data) > ANSWER_MAX_BYTES:
            self.close()
            raise self._strange(f"the answer is larger than {ANSWER_MAX_BYTES} bytes")
        return response.status, data

    def _document(self, status: int, data: bytes) -> Json:
        try:
            # A fraction stays the text that it was: nothing here needs one as a number.
            document: Json = json.loads(data, parse_float=str, parse_constant=str)
        except ValueError as error:
            raise self._strange(f"status {status}, and no JSON") from error
        if isinstance(document, dict):  # as it answers a batch while it warms up
            refused = self._answer("batch", {"result": None, **document})
            if isinstance(refused, NodeRefusedError):
                raise refused
        return document

    def _strange(self, how: str) -> WorldError:
        return WorldError(f"{self.address.url}: answers strangely: {how}")


def _authorisation(cookie: Path) -> str:
    try:
        with cookie.open("rb") as file:
            said = file.read(_COOKIE_MAX_BYTES + 1).strip()
    except OSError as error:
        raise WorldError(
            f"{cookie}: cannot be read ({error.strerror}); the node writes it when it starts"
        ) from error
    if len(said) > _COOKIE_MAX_BYTES or b":" not in said:
        raise WorldError(f"{cookie}: is no cookie of a node")
    return "Basic " + base64.b64encode(said).decode()
