"""A node's RPC, answered by a small server on this machine that says whatever a test wants."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sekisho.edges.node_rpc import NodeAddress, NodeRefusedError, NodeRPC, node_address
from sekisho.kernel.errors import BadInputError, WorldError

pytestmark = pytest.mark.enable_socket  # on this machine
Said = Callable[[Any], tuple[int, bytes]]


class Node:
    """Answers a batch by `said`."""

    def __init__(self, folder: Path) -> None:
        self.said: Said = usual
        self.asked: list[str] = []
        self.cookie = folder / ".cookie"
        self.cookie.write_text("__cookie__:secret")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.asked.append(self.headers["Authorization"])
                size = int(self.headers["Content-Length"])
                status, body = outer.said(json.loads(self.rfile.read(size)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self) -> NodeAddress:
        return node_address("node", f"http://127.0.0.1:{self.server.server_port}", self.cookie)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def usual(asked: Any) -> tuple[int, bytes]:  # noqa: ANN401 - JSON
    answers = [{"id": each["id"], "result": each["method"], "error": None} for each in asked]
    return 200, json.dumps(answers).encode()


def saying(document: object, status: int = 200) -> Said:
    return lambda _: (status, json.dumps(document).encode())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    made.close()


@pytest.fixture
def rpc(node: Node) -> Iterator[NodeRPC]:
    made = NodeRPC(node.address, timeout_seconds=5)
    yield made
    made.close()


def test_answers_come_in_the_order_of_the_questions(node: Node, rpc: NodeRPC) -> None:
    def turned(asked: Any) -> tuple[int, bytes]:  # noqa: ANN401 - JSON
        status, body = usual(asked)
        return status, json.dumps(json.loads(body)[::-1]).encode()

    node.said = turned
    assert rpc.batch([("a", ()), ("b", (1,)), ("c", ())]) == ["a", "b", "c"]


def test_a_refusal_is_an_answer_and_of_one_call_an_error(node: Node, rpc: NodeRPC) -> None:
    node.said = saying([{"id": 0, "result": None, "error": {"code": -5, "message": "gone"}}])
    [answer] = rpc.batch([("a", ())])
    assert isinstance(answer, NodeRefusedError)
    assert answer.code == -5
    with pytest.raises(NodeRefusedError, match=r"a: gone \(-5\)"):
        rpc.call("a")


def test_a_node_that_warms_up_refuses_the_batch(node: Node, rpc: NodeRPC) -> None:
    node.said = saying({"id": None, "error": {"code": -28, "message": "Loading"}}, 500)
    with pytest.raises(NodeRefusedError, match="Loading"):
        rpc.call("a")


def test_no_number_is_ever_a_float(node: Node, rpc: NodeRPC) -> None:
    node.said = lambda _: (200, b'[{"id":0,"result":[0.1,NaN,7]}]')
    assert rpc.call("a") == ["0.1", "NaN", 7]


@pytest.mark.parametrize(
    "said",
    [
        saying([]),
        saying("no"),
        saying([7]),
        saying([{"id": 1, "result": 1}]),
        saying([{"id": 0}]),
        saying([{"id": 0, "result": None, "error": "no"}]),
        saying([{"id": 0, "result": None, "error": {"code": "x", "message": "y"}}]),
        saying([{"id": 0, "result": None, "error": {"code": 1}}]),
        saying({"result": 1}),
        lambda _: (404, b"<html>"),
    ],
)
def test_a_strange_answer_is_refused(node: Node, rpc: NodeRPC, said: Said) -> None:
    node.said = said
    with pytest.raises(WorldError, match="answers strangely"):
        rpc.call("a")


def test_the_cookie_of_a_node_that_was_restarted_is_read_again(node: Node, rpc: NodeRPC) -> None:
    rpc.call("a")
    node.cookie.write_text("__cookie__:another")
    refused = iter([(401, b"")])
    node.said = lambda asked: next(refused, usual(asked))
    assert rpc.call("a") == "a"
    assert len({*node.asked}) == 2


def test_a_cookie_that_is_not_accepted_is_said(node: Node, rpc: NodeRPC) -> None:
    node.said = lambda _: (401, b"")
    with pytest.raises(WorldError, match="does not accept"):
        rpc.call("a")


def test_a_node_that_went_away_is_said(node: Node, rpc: NodeRPC) -> None:
    rpc.call("a")
    rpc.close()
    node.close()
    with pytest.raises(WorldError, match="does not answer"):
        rpc.call("a")


@pytest.mark.parametrize("held", [None, "", "no colon", "x:" + "y" * 5000])
def test_a_cookie_that_is_none_is_said(node: Node, rpc: NodeRPC, held: str | None) -> None:
    node.cookie.unlink()
    if held is not None:
        node.cookie.write_text(held)
    with pytest.raises(WorldError, match="cookie"):
        rpc.call("a")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8332",
        "https://127.0.0.1:8332",
        "http://127.0.0.1",
        "http://127.0.0.1:x",
        "http://me:secret@127.0.0.1:8332",
        "http://127.0.0.1:8332/wallet/a",
        "http://127.0.0.1:8332?a",
    ],
)
def test_an_address_has_one_form(url: str) -> None:
    with pytest.raises(BadInputError):
        node_address("node", url, Path("c"))


def test_an_address_is_written_as_it_was_read() -> None:
    for url in ("http://127.0.0.1:8332", "http://[::1]:8332"):
        assert node_address("node", url, Path("c")).url == url
