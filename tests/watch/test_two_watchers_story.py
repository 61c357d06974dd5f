"""Two real watchers of one journal, beside a real node: one falls silent, the other says so."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from node_world import PATIENCE_SECONDS, WatchedExchange, Watcher, watched_exchange
from parts.bitcoind import free_port

from sekisho.edges.beat_link import exchanged
from sekisho.edges.watchers import last_heard, read_watcher_pub
from sekisho.kernel.errors import WorldError
from sekisho.watch.beat import Message, message_bytes, read_message

pytestmark = [
    pytest.mark.bitcoind,
    pytest.mark.xdist_group("bitcoind"),
    pytest.mark.enable_socket,  # the node's RPC and its messages, and the watchers' own port
]
SILENCE_SECONDS = 12
SHARED = ("sekisho.toml", "journal.vkey", "chain.sqlite")


class Two:
    """An exchange that is watched from two places: `osaka` comes to `tokyo`."""

    def __init__(self, exchange: WatchedExchange, folder: Path) -> None:
        self.tokyo, self.port = exchange, free_port()
        root = folder / "osaka"
        (root / "checkpoints").mkdir(parents=True)
        for name in SHARED:
            shutil.copy(exchange.root / name, root / name)
        (root / "journal.sqlite").symlink_to(exchange.root / "journal.sqlite")
        self.osaka = WatchedExchange(root, exchange.node, exchange.seed)
        self.folders = {name: folder / f"beats-{name}" for name in ("tokyo", "osaka")}
        for name, beats in self.folders.items():
            assert exchange.bare("watch", "init", str(beats), "--id", name)[0] == 0
        for name, other in (("tokyo", "osaka"), ("osaka", "tokyo")):
            pub = self.folders[other] / "watcher.pub"
            code, _ = exchange.bare("watch", "enrol", str(pub), "--beats", str(self.folders[name]))
            assert code == 0

    def watcher(self, name: str) -> Watcher:
        """Start one of the two."""
        here = self.tokyo if name == "tokyo" else self.osaka
        beats = ["--beats", str(self.folders[name]), "--silence", str(SILENCE_SECONDS)]
        where = {
            "tokyo": ["--beat-port", str(self.port)],
            "osaka": ["--peer", f"tokyo=http://127.0.0.1:{self.port}"],
        }[name]
        return Watcher(here, *beats, *where)

    @contextmanager
    def both(self) -> Iterator[tuple[Watcher, Watcher]]:
        """Have both at work and seeing."""
        tokyo, osaka = self.watcher("tokyo"), self.watcher("osaka")
        try:
            for each in (tokyo, osaka):
                each.wait("seeing")
            yield tokyo, osaka
        finally:
            for each in (tokyo, osaka):
                each.kill()

    def peers(self, name: str) -> tuple[int, Any]:
        """Return what `watch status` says of the other: its code, and the peer."""
        here = self.tokyo if name == "tokyo" else self.osaka
        code, said = here("watch", "status")
        return code, said["peers"][0]

    def all_is_well(self) -> None:
        """Wait until each knows of the other, and nothing against it."""
        until = time.monotonic() + PATIENCE_SECONDS
        while any(code or not peer["number"] for code, peer in map(self.peers, self.folders)):
            assert time.monotonic() < until
            time.sleep(0.2)

    def heard(self, name: str) -> list[str]:
        """Return the kinds of what stands in the journal about one of them."""
        kinds = ("watch.peer_silent", "watch.peer_back", "watch.peer_differs")
        found = [each for kind in kinds for each in self.tokyo.entries_of(kind)]
        told = sorted((each.seq, each.kind) for each in found if each.body["peer"] == name)
        return [kind for _, kind in told]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    with watched_exchange(tmp_path_factory.mktemp("exchange")) as exchange:
        yield Two(exchange, folder)


def signalled(watcher: Watcher, number: signal.Signals) -> None:
    os.kill(watcher._process.pid, number)


def test_the_one_that_is_stopped_is_missed_and_said_to_be_back(two: Two) -> None:
    with two.both() as (tokyo, osaka):
        for silent, other in ((osaka, tokyo), (tokyo, osaka)):
            two.all_is_well()
            name = "osaka" if silent is osaka else "tokyo"
            after, before = len(other.events), two.heard(name)
            signalled(silent, signal.SIGSTOP)
            alarm = other.wait("peer_alarm", after=after)["finding"]
            assert (alarm["code"], alarm["subject"]) == ("watch.peer_silent", name)
            signalled(silent, signal.SIGCONT)
            back = other.wait("peer_back", after=after)
            assert back["peer"] == name
            assert back["from"] == alarm["facts"]["since_at"]
            assert two.heard(name) == [*before, "watch.peer_silent", "watch.peer_back"]
        for each in two.tokyo.entries_of("watch.peer_silent"):
            assert {each.body["watcher"], each.body["peer"]} == {"tokyo", "osaka"}


def test_the_one_that_is_killed_is_missed_and_the_other_goes_on_judging(two: Two) -> None:
    coin = two.tokyo.fund()
    shutil.copy(two.tokyo.root / "chain.sqlite", two.osaka.root / "chain.sqlite")
    with two.both() as (tokyo, osaka):
        osaka.kill()
        alarm = tokyo.wait("peer_alarm")["finding"]
        assert alarm["code"] == "watch.peer_silent"
        until = time.monotonic() + PATIENCE_SECONDS
        while two.peers("tokyo")[0] != 3:
            assert time.monotonic() < until
        [said] = two.peers("tokyo")[1]["findings"]
        assert said["code"] == "watch.peer_silent"
        txid = two.tokyo.steal(coin)
        tokyo.wait("alarm", txid=txid)
        after = len(tokyo.events)
        again = two.watcher("osaka")
        try:
            again.wait("seeing")
            tokyo.wait("peer_back", after=after)
        finally:
            again.kill()
    assert two.tokyo.verdicts(txid) == ["unmatched"]
    two.tokyo.mine()


def test_both_see_a_theft_and_the_journal_holds_one_verdict_and_one_incident(two: Two) -> None:
    coin = two.tokyo.fund()
    shutil.copy(two.tokyo.root / "chain.sqlite", two.osaka.root / "chain.sqlite")
    with two.both() as (tokyo, osaka):
        txid = two.tokyo.steal(coin)
        first, second = (each.wait("alarm", txid=txid) for each in (tokyo, osaka))
        assert first["incident"] == second["incident"]
    assert two.tokyo.verdicts(txid) == ["unmatched"]
    two.tokyo.mine()


def test_whoever_asks_without_a_key_hears_one_beat_and_is_believed_nothing(two: Two) -> None:
    with two.both() as (tokyo, _):
        place = ("127.0.0.1", two.port)
        question = os.urandom(32)
        asked = message_bytes(Message(question=question, signed=None))
        said = read_message(exchanged(place, asked, timeout_seconds=5), "answer").signed
        assert said is not None
        assert said.is_by(read_watcher_pub(two.folders["tokyo"] / "watcher.pub").public_key)
        assert said.beat.question == question
        thrown_back = message_bytes(Message(question=question, signed=said))
        exchanged(place, thrown_back, timeout_seconds=5)
        found = tokyo.wait("peer_alarm")["finding"]
        assert (found["code"], found["subject"]) == ("watch.beat_refused", "tokyo")
        for odd in (b"{}", b"\xff" * 100, b"[" * 4000, b" " * 5000):
            with pytest.raises(WorldError):
                exchanged(place, odd, timeout_seconds=5)
        assert tokyo.stop() == 0
    kept = last_heard(two.folders["tokyo"], read_watcher_pub(two.folders["osaka"] / "watcher.pub"))
    assert kept is None or kept.beat.watcher_id == "osaka"


def test_a_granter_grants_nothing_without_its_watchers_word(two: Two) -> None:
    granter = two.tokyo.root.parent / "granter"
    pub = str(two.folders["tokyo"] / "watcher.pub")
    url = f"http://127.0.0.1:{two.port}"
    two.tokyo.lift()
    code, _ = two.tokyo.bare("lease", "watcher", pub, url, "--granter", str(granter))
    assert code == 0
    request, number = two.tokyo.root / "asked", 0
    gate = str(two.tokyo.root.parent / "gate")

    def granted() -> tuple[int, Any]:
        nonlocal number
        number += 1
        asked, lease = f"{request}-{number}", f"{request}-{number}.lease"
        assert two.tokyo.bare("gate", "request", "--gate", gate, "--out", asked)[0] == 0
        return two.tokyo("lease", "grant", asked, "--granter", str(granter), "--out", lease)

    code, said = granted()
    assert (code, [each["code"] for each in said["findings"]]) == (3, ["watch.watcher_silent"])
    with two.both() as (tokyo, _):
        assert granted()[0] == 0
        signalled(tokyo, signal.SIGSTOP)
        assert granted()[0] == 3
        signalled(tokyo, signal.SIGCONT)
        two.tokyo.node.kill()
        tokyo.wait("blind")
        code, said = granted()
        assert (code, [each["code"] for each in said["findings"]]) == (3, ["watch.watcher_blind"])
