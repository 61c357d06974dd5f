"""`sekisho watch status`, its options, its files, and what a service manager is told."""

import json
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from feed_world import name
from office import Office, codes, opened
from watched_office import TIP, keep

from sekisho.app import current_time, installation
from sekisho.cli import run
from sekisho.cli.sentry_coverage import Ledger
from sekisho.edges.metrics_page import MetricsPage
from sekisho.edges.systemd import Notifier
from sekisho.edges.watch_file import read_watch_file, write_watch_file
from sekisho.kernel.errors import WorldError
from sekisho.kernel.finding import finding
from sekisho.kernel.instants import format_instant
from sekisho.watch.coverage import WATCH_BLIND, WATCH_COVERED, WATCH_SEEING, first_coverage

SECOND = timedelta(seconds=1)


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def test_a_watcher_that_sees_is_said_to(office: Office) -> None:
    keep(office)
    code, said = office("watch", "status")
    assert (code, said["blind"], said["findings"]) == (0, False, [])
    assert (said["tip_height"], said["tip_hash"], said["scripts"]) == (800, TIP.hash.hex(), 40)
    code, told = office.told("watch", "status")
    assert code == 0
    assert "Last block searched: 800" in told
    assert "Scripts watched: 40, 30 of them listed for cold-1." in told
    assert said["listed"] == {"cold-1": 30}
    assert "node: block 800, nothing is in doubt" in told


@pytest.mark.parametrize(
    ("kept", "code"),
    [
        ({"age_seconds": 31}, "watch.not_running"),
        ({"blind": True}, "watch.stopped"),
        ({"blind": True, "why": "watch.node_behind"}, "watch.node_behind"),
    ],
)
def test_what_is_not_seen_is_said_with_what_to_do(
    office: Office, kept: dict[str, int | str], code: str
) -> None:
    keep(office, **kept)  # type: ignore[arg-type]  # each of its type
    exit_code, said = office("watch", "status")
    assert (exit_code, said["blind"], codes(said)) == (3, True, {code})
    assert f"[{code}]" in office.told("watch", "status")[1]


def test_a_workspace_that_was_never_watched_says_so(office: Office) -> None:
    code, said = office("watch", "status")
    assert code == 2
    assert "was never watched" in said["error"]


@pytest.mark.parametrize("data", [b"", b"{}", b'{"coverage":{},"status":{}}', b" " * 1_100_000])
def test_a_damaged_file_is_said_and_does_not_keep_anybody_from_watching(
    office: Office, data: bytes
) -> None:
    (office.root / "watch.json").write_bytes(data)
    assert office("watch", "status")[0] == 2
    with installation(office.root) as here:
        assert Ledger(here).coverage.headers == ()


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ([], "--cookie"),
        (["--cookie", "c", "--rpc", "nonsense"], "RPC address"),
        (["--cookie", "c", "--node", "a=http://127.0.0.1:1,c"], "--cookie"),
        (["--node", "a"], "--node"),
        (["--node", "a=http://127.0.0.1:1,c", "--node", "a=http://127.0.0.1:2,c"], "--node"),
        (["--cookie", "c", "--zmq", "hashtx=tcp://127.0.0.1:1"], "--zmq"),
        (["--cookie", "c", "--scripts", "warm-1=deposits"], "--scripts"),
        (["--cookie", "c", "--zmq", "rawtx=http://127.0.0.1:1"], "--zmq"),
        (
            [
                *("--node", "a=http://127.0.0.1:1,c", "--node", "b=http://127.0.0.1:2,c"),
                *("--zmq", "rawtx=tcp://127.0.0.1:1"),
            ],
            "--zmq",
        ),
    ],
)
def test_options_that_say_nothing_are_refused(
    office: Office, options: list[str], where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["watch", "--json", "--workspace", str(office.root), *options]) == 2
    assert json.loads(capsys.readouterr().out)["where"] == where


# The ledger --------------------------------------------------------------------------------------


def kinds(office: Office) -> list[str]:
    with installation(office.root) as here:
        found = [each.kind for each in here.journal.entries()]
    return [each for each in found if each in {WATCH_BLIND, WATCH_COVERED, WATCH_SEEING}]


def test_the_ledger_keeps_where_seeing_began_and_ended(office: Office) -> None:
    with installation(office.root) as here:
        ledger = Ledger(here)
        ledger.searched(TIP, missing=False)
        ledger.blocks.stand_at(TIP.hash)
        assert ledger.is_blind
        assert not ledger.blind([]), "nothing was seen yet"
        start = ledger.coverage.proven_at
        assert ledger.sees(start, ("node",), 0)
        assert not ledger.sees(start + 3600 * SECOND, ("node",), 1)
        assert ledger.blind([finding("watch.node_unanswered", "node")])
        assert not ledger.blind([])
        ledger.searched(replace(TIP, hash=name("next"), height=801), missing=True)
        assert ledger.sees(start + 3700 * SECOND, ("node",), 2)
        ledger.close({}, whole=True)
        found = [each for each in here.journal.entries() if each.kind == WATCH_SEEING]
    assert kinds(office) == [WATCH_SEEING, WATCH_COVERED, WATCH_BLIND, WATCH_SEEING]
    assert [each.body["complete"] for each in found] == [True, False]
    assert found[1].body["from"] == format_instant(start + 3600 * SECOND)
    kept = read_watch_file(office.root)
    assert kept is not None
    assert kept[0].missing_height == 801


def test_blocks_of_which_not_all_is_written_are_searched_again(office: Office) -> None:
    with installation(office.root) as here:
        for whole in (False, True):
            ledger = Ledger(here)
            ledger.searched(TIP, missing=False)
            ledger.close({}, whole=whole)
            kept = read_watch_file(office.root)
            assert kept is not None
            assert (TIP in kept[0].headers) is whole


def test_a_ledger_whose_file_is_lost_goes_on_from_the_journal(office: Office) -> None:
    with installation(office.root) as here:
        first = Ledger(here)
        first.searched(TIP, missing=False)
        first.blocks.stand_at(TIP.hash)
        first.sees(first.coverage.proven_at, ("node",), 0)
        first.close({}, whole=True)
        (office.root / "watch.json").unlink()
        second = Ledger(here)
    assert second.coverage.proven_at == first.coverage.proven_at
    assert second.blocks.tip is not None
    assert second.blocks.tip.hash == TIP.hash


def test_what_the_journal_cannot_take_is_written_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise WorldError("the disk is full")

    with installation(office.root) as here:
        ledger = Ledger(here)
        with monkeypatch.context() as patched:
            patched.setattr(here.journal, "append", refuse)
            assert ledger.sees(ledger.coverage.proven_at, ("node",), 0)
        assert kinds(office) == []
        ledger.close({}, whole=True)
    assert kinds(office) == [WATCH_SEEING]


def test_what_a_killed_watcher_saw_is_covered_before_its_gap(office: Office) -> None:
    with installation(office.root) as here:
        killed = Ledger(here)
        start = killed.coverage.proven_at
        killed.sees(start, ("node",), 0)
        killed.sees(start + 40 * SECOND, ("node",), 1)
        write_watch_file(office.root, killed.coverage, {})
        Ledger(here).sees(start + 60 * SECOND, ("node",), 0)
        found = [each.body for each in here.journal.entries() if each.kind == WATCH_COVERED]
    assert kinds(office) == [WATCH_SEEING, WATCH_COVERED, WATCH_SEEING]
    assert found[0]["to"] == format_instant(start + 40 * SECOND)


def test_the_journal_knows_best_what_it_was_told(office: Office) -> None:
    """The file was kept before the journal was told; or the journal could not be."""
    with installation(office.root) as here:
        first = Ledger(here)
        start = first.coverage.proven_at
        write_watch_file(office.root, first.coverage, {})
        first.sees(start, ("node",), 0)
        first.blind([finding("watch.node_unanswered", "node")])
        assert Ledger(here).coverage.blind
        ahead = replace(first.coverage, told_at=start + 9 * SECOND, proven_at=start + 9 * SECOND)
        write_watch_file(office.root, ahead, {})
        second = Ledger(here)
    assert (second.coverage.told_at, second.coverage.proven_at) == (start, start + 9 * SECOND)


def test_a_clock_that_is_put_back_proves_nothing_of_what_is_to_come(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installation(office.root) as here:
        ledger = Ledger(here)
        start = ledger.coverage.proven_at
        ledger.sees(start, ("node",), 0)
        assert ledger.clock_went_back() == []
        back = start - 3600 * SECOND
        monkeypatch.setattr("sekisho.cli.sentry_coverage.current_time", lambda: back)
        [found] = ledger.clock_went_back()
        assert (found.code, ledger.coverage.proven_at) == ("watch.clock_back", back)
        assert ledger.clock_went_back() == []
        assert not ledger.sees(back - 2 * SECOND, ("node",), 1), "not proven by this clock yet"
        assert ledger.is_blind
        assert ledger.sees(back + SECOND, ("node",), 2)
        last = list(here.journal.entries())[-1].body
    assert kinds(office) == [WATCH_SEEING, WATCH_BLIND, WATCH_SEEING]
    assert (last["from"], last["to"]) == (format_instant(back), format_instant(back + SECOND))


def test_a_folder_that_cannot_be_written_is_said(office: Office) -> None:
    (office.root / "watch.json").mkdir()
    with pytest.raises(WorldError, match=r"watch\.json"):
        write_watch_file(office.root, first_coverage(current_time()), {})


# Service manager, metrics ------------------------------------------------------------------------


@pytest.mark.enable_socket  # a datagram on this machine
def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        notifier = Notifier()
        notifier.tell("READY=1", "STATUS=seeing")
        assert listening.recv(100) == b"READY=1\nSTATUS=seeing"
        assert notifier.watchdog_ms == 30_000
    path.unlink()
    notifier.tell("STOPPING=1")  # nobody hears it
    monkeypatch.setenv("WATCHDOG_USEC", "soon")
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert Notifier().watchdog_ms == 0
    Notifier().tell("READY=1")


@pytest.mark.enable_socket  # a page on this machine
def test_metrics_are_served_and_nothing_else() -> None:
    page = MetricsPage(0, lambda: "a 1\n")
    try:
        with urlopen(f"http://127.0.0.1:{page.port}/metrics") as answer:
            assert answer.read() == b"a 1\n"
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{page.port}/")
        refused.value.close()
        with pytest.raises(WorldError):
            MetricsPage(page.port, str)
    finally:
        page.close()
