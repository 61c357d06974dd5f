"""The walk-through, run as it is written; the test is Carol at her browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from forked_cli import forked
from markdown import commands

from sekisho.drills.authenticator import Authenticator, assert_in_browser, register_in_browser

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = (ROOT / "docs" / "walkthrough.md", ROOT / "docs" / "walkthrough.ja.md")
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
DONE = "== done =="


class Shell:
    """One bash that runs block after block, as a reader's does."""

    def __init__(self, folder: Path, path: str) -> None:
        self.environment = {
            **os.environ,
            "PATH": path,
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "200",
        }
        self.folder = folder
        self.bash = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, block: str) -> str:
        """Run a block and return what it wrote; fails if one of its commands did."""
        assert self.bash.stdin is not None
        assert self.bash.stdout is not None
        self.bash.stdin.write(f"{{\n{block}\n}} </dev/null\necho '{DONE}'\n")
        self.bash.stdin.flush()
        said: list[str] = []
        for line in self.bash.stdout:
            if line.strip() == DONE:
                return "".join(said)
            said.append(line)
        pytest.fail(f"{block}\n{''.join(said)}")

    def close(self) -> None:
        assert self.bash.stdin is not None
        assert self.bash.stdout is not None
        self.bash.stdin.close()
        self.bash.stdout.close()
        self.bash.wait(timeout=30)


class Browser:
    """Carol's browser: the console's cookies, and the security key that she plugs in."""

    def __init__(self, origin: str, key: Authenticator) -> None:
        self.origin, self.key = origin, key
        self.client = httpx.Client(base_url=origin, timeout=30)
        self.cookies: dict[str, str] = {}

    def _take(self, answer: httpx.Response) -> httpx.Response:
        # A browser sends a Secure cookie to http://localhost; Python's cookie jar does not.
        for header in answer.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        self.client.cookies.clear()
        return answer

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        if not self.cookies:
            self._take(self.client.get("/api/openapi.json"))
        token = next(value for name, value in self.cookies.items() if "token" in name)
        headers = {
            "origin": self.origin,
            "sec-fetch-site": "same-origin",
            "x-csrftoken": token,
            "cookie": self._cookie(),
        }
        answer = self._take(self.client.post(path, json=body, headers=headers))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def enrol(self, ticket: str) -> Any:  # noqa: ANN401 - JSON
        begun = self.post("/api/enrolment/begin", {"ticket": ticket})
        made = register_in_browser(self.key, begun["publicKey"], self.origin)
        return self.post("/api/enrolment/finish", {"credential": made})

    def login(self, person_id: str) -> None:
        begun = self.post("/api/login/begin", {"person_id": person_id})
        self.post("/api/login/finish", self._answer(begun))

    def approve(self, pass_id: str, terminal_id: str) -> Any:  # noqa: ANN401 - JSON
        body = {"decision": "approve", "terminal_id": terminal_id}
        begun = self.post(f"/api/passes/{pass_id}/statement", body)
        return self.post("/api/statement", self._answer(begun))

    def _answer(self, begun: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return {"credential": assert_in_browser(self.key, begun["publicKey"], self.origin)}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def started(shell: Shell, command: str, origin: str) -> subprocess.Popen[str]:
    """Start the console in another terminal, and wait until it answers."""
    served = subprocess.Popen(
        [str(BIN / "sekisho"), *command.split()[1:]],
        cwd=shell.folder / "build" / "walkthrough" / "exchange",
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for _ in range(300):
        try:
            httpx.get(f"{origin}/api/openapi.json", timeout=5)
        except httpx.TransportError:
            if served.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return served
    served.kill()
    pytest.fail(f"the console does not answer: {served.communicate()[0]}")


@pytest.fixture
def shell(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "build" / "walkthrough").mkdir(parents=True)
    with forked(tmp_path_factory.mktemp("cli")) as path:
        found = Shell(tmp_path, path)
        yield found
        found.close()


def test_both_languages_show_the_same_commands() -> None:
    english, japanese = (page.read_text(encoding="utf-8") for page in PAGES)
    assert commands(english) == commands(japanese)
    assert english.count("\n## ") == japanese.count("\n## ")


@pytest.mark.enable_socket  # the console is a server on this machine
@pytest.mark.skipif(shutil.which("bash") is None, reason="it is written for bash")
def test_the_walk_through_works_as_written(shell: Shell) -> None:
    port = free_port()
    text = PAGES[0].read_text(encoding="utf-8").replace("8480", str(port))
    origin = f"http://localhost:{port}"
    key = Authenticator("carol's security key")
    carol = Browser(origin, key)
    told: list[str] = []
    served = None
    try:
        for block in BLOCK.findall(text):
            if block.startswith("sekisho up"):
                exchange = shell.folder / "build" / "walkthrough" / "exchange"
                (exchange / "maker.pem").write_bytes(key.maker.root_pem)
                served = started(shell, block.strip(), origin)
                ticket = re.search(r"/enrol#(\S+)", told[-1])
                assert ticket is not None
                assert carol.enrol(ticket[1])["findings"] == []
                continue
            if block.startswith("sekisho journal checkpoint --out checkpoint-1"):
                pass_id = re.search(r"^Pass (\w+)", told[-1], re.MULTILINE)
                assert pass_id is not None
                assert "The policy says no: quorum, own_machine" in told[-1]
                carol.login("carol")
                assert carol.approve(pass_id[1], "carol-desk")["state"] == "asked"
            told.append(shell.run(block))
    finally:
        carol.client.close()
        if served is not None:
            served.terminate()
            served.communicate(timeout=30)
    check(told)


def check(told: list[str]) -> None:
    """Hold what the commands said to what the page says that they say."""
    whole = "".join(told)
    assert "gets key   carol, carol-passkey-1 (webauthn on YK-0001, its maker vouches" in whole
    assert whole.count("proven: whoever holds it signed this exchange's challenge") >= 3
    assert "Signed: approve. Carry for-dave.bundle.statement to the server." in whole
    assert "The policy says yes." in whole
    assert "is what the pass allows, and nothing more." in " ".join(whole.split())
    assert re.search(r"^ ✓  3 Journal +Entries 1 to \d+, chained", whole, re.MULTILINE)
    assert "Witness witness.example cosigned it at" in whole
    assert "[gate.payment_not_allowed]" in whole
    last, refused = told[-2:]
    assert "cosigned by witness.example" in last
    assert last.endswith("The pass is good.\n")
    for method in ("webauthn-browser", "ed25519-key-file, words compared"):
        assert method in last
    assert refused.count("exit code") == 2
    assert "[journal.entry_changed]" in refused
    assert "[journal.checkpoint_lower]" in refused
