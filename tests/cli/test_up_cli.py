"""`sekisho up`, `roster invite` and `roster enrolled`, from outside."""

import json
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from console_world import Browser, console_roster
from httpx import ASGITransport, AsyncClient
from world import at_genesis, under_policy
from world_people import PEOPLE
from world_policy import OPEN_POLICY

from sekisho.app import checkpoint_of, console_secret, current_time, installation, new_installation
from sekisho.cli import run
from sekisho.console.office import Office
from sekisho.console.sessions import Sessions
from sekisho.console.web import create_app
from sekisho.drills.authenticator import Authenticator, register_in_browser
from sekisho.edges.workspace import open_workspace, pin_genesis
from sekisho.kernel.errors import WorldError
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.flow import open_desk

FAR_AT = datetime(2100, 1, 1, tzinfo=UTC)
INVITE = ("--name", "後藤　花子", "--device", "YK-1", "--terminal", "desk-1")


def workspace_in(folder: Path, origin: str) -> Path:
    """Return a workspace whose roster names `origin` and does not end."""
    root = folder / "workspace"
    people = console_roster(people=PEOPLE, console_origin=origin, expires_at=FAR_AT)
    world = under_policy(at_genesis(people), OPEN_POLICY)
    workspace = new_installation(root, name="test", network="mainnet")
    with installation(root) as here:
        here.journal.append_all(world.drafts)
    pin_genesis(workspace, world.genesis_digest)
    return root


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("origin", "more", "complaint"),
    [
        ("", (), "names no console_origin"),
        ("http://localhost:8321", ("--port", "9000"), "is not that of the console's origin"),
        ("http://localhost:8321", ("--trust-root", "packed"), "is not FORMAT:FILE"),
        ("http://localhost:8321", ("--trust-root", "magic:x.pem"), "is not FORMAT:FILE"),
        ("http://localhost:8321", ("--trust-root", "packed:gone.pem"), "cannot be read"),
    ],
)
def test_it_does_not_start_where_it_could_not_serve(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    origin: str,
    more: tuple[str, ...],
    complaint: str,
) -> None:
    root = workspace_in(tmp_path, origin)
    assert run(["up", "-w", str(root), *more]) == 2
    assert complaint in capsys.readouterr().err


def test_it_does_not_start_before_a_genesis_is_pinned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_installation(tmp_path / "w", name="test", network="mainnet")
    assert run(["up", "-w", str(tmp_path / "w")]) == 2
    assert "no genesis is pinned" in capsys.readouterr().err


def test_the_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    workspace = open_workspace(workspace_in(tmp_path, "http://localhost:8321"))
    secret = console_secret(workspace)
    assert console_secret(workspace) == secret
    assert workspace.console_secret_path.stat().st_mode & 0o777 == 0o600
    workspace.console_secret_path.chmod(0o640)
    with pytest.raises(WorldError, match="owner's alone"):
        console_secret(workspace)
    workspace.console_secret_path.write_text("short")
    workspace.console_secret_path.chmod(0o600)
    with pytest.raises(WorldError, match="no secret"):
        console_secret(workspace)


@pytest.mark.enable_socket
def test_from_a_ticket_to_a_credential_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = "https://console.hakone.example"
    root = workspace_in(tmp_path, origin)
    code, invited = said(capsys, "roster", "invite", "goto", *INVITE, "-w", str(root))
    assert (code, invited["credential_id"]) == (0, "goto-passkey-1")
    assert invited["link"] == f"{origin}/enrol#{invited['ticket']}"
    device = Authenticator("a new device")
    with installation(root) as here:
        office = Office(
            desk=open_desk(here.journal, genesis_digest=here.genesis_digest),
            origin=origin,
            clock=current_time,
            checkpoint=lambda: checkpoint_of(here),
            roots=(TrustRoot(fmt="packed", pem=device.maker.root_pem),),
            secret=console_secret(here.workspace),
            sessions=Sessions(current_time),
        )
        transport = ASGITransport(app=create_app(office))
        browser = Browser(AsyncClient(transport=transport, base_url=origin))
        begun = browser.post("/api/enrolment/begin", {"ticket": invited["ticket"]}).json()
        answer = register_in_browser(device, begun["publicKey"], origin)
        done = browser.post("/api/enrolment/finish", {"credential": answer})
        assert done.status_code == 200, done.text
    out = tmp_path / "goto.json"
    file = ("roster", "enrolled", "goto-passkey-1", "--out", str(out), "-w", str(root))
    code, no = said(capsys, *file)
    assert (code, no["findings"][0]["code"]) == (3, "passes.credential_not_attested")
    assert not out.exists(), "nobody told this machine which maker to believe"
    maker = tmp_path / "maker.pem"
    maker.write_bytes(device.maker.root_pem)
    assert run([*file, "--trust-root", f"packed:{maker}"]) == 0
    assert json.loads(out.read_bytes()) == done.json()["credential"]
    code, again = said(capsys, "roster", "invite", "goto", *INVITE, "-w", str(root))
    assert again["credential_id"] == "goto-passkey-2", "an id means one key for ever"
    taken = ("--credential", "goto-passkey-1")
    code, no = said(capsys, "roster", "invite", "goto", *INVITE, *taken, "-w", str(root))
    assert (code, no["findings"][0]["code"]) == (3, "console.credential_id_taken")


def test_what_is_wrong_with_an_invitation_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = workspace_in(tmp_path, "http://localhost:8321")
    nowhere = ("--name", "x", "--device", "YK-1", "--terminal", "desk-9")
    code, no = said(capsys, "roster", "invite", "goto", *nowhere, "-w", str(root))
    assert (code, "desk-9" in no["where"]) == (2, True)
    code, no = said(capsys, "roster", "invite", "../goto", *INVITE, "-w", str(root))
    assert code == 2
    out = str(tmp_path / "x.json")
    code, no = said(capsys, "roster", "enrolled", "nobody-1", "--out", out, "-w", str(root))
    assert (code, Path(out).exists()) == (2, False)


@pytest.mark.enable_socket
def test_it_serves_on_the_loopback_until_it_is_stopped(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    origin = f"http://localhost:{port}"
    root = workspace_in(tmp_path, origin)
    main = "from sekisho.cli import main; main()"
    command = [sys.executable, "-c", main, "up", "-w", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            document = json.loads(fetched(f"{origin}/api/openapi.json", process))
        finally:
            process.send_signal(signal.SIGINT)
            told = process.communicate(timeout=60)[0].decode()
    assert document["info"]["title"] == "Sekisho console"
    assert f"{origin}\n" in told
    assert "no new passkey will count as attested" in told


def fetched(url: str, process: subprocess.Popen[bytes]) -> bytes:
    while process.poll() is None:
        try:
            with urlopen(url) as answer:  # noqa: S310 - our own server, on this machine
                return bytes(answer.read())
        except URLError:
            time.sleep(0.1)
    raise AssertionError("the console did not start")
