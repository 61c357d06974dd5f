"""`sekisho watch movements`, and the chronicle from which it is shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest
from feed_world import name
from office import FUNDING, PAYEE, Office, opened, spending_of
from watched_office import TIP, keep

from sekisho.app import Installation, current_time, installation
from sekisho.cli.sentry_judging import Judging
from sekisho.cli.sentry_lives import Chronicle
from sekisho.edges.node_feed import BlockGiven, Post
from sekisho.respond.flow import INCIDENT_OPENED
from sekisho.watch.block_path import Blocks
from sekisho.watch.feed_records import Header, Heard, Listed, Parted
from sekisho.watch.flow import record_verdict, weigh_parsed
from sekisho.watch.frames import SEQUENCE, Label, Note
from sekisho.watch.life_records import WATCH_LIVES, Change, State, lives_body, told_lives
from sekisho.watch.state import WATCH_JUDGED

PAID = spending_of((PAYEE, 150_000_000))
NODES = frozenset({"node"})


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


@pytest.fixture
def here(office: Office) -> Iterator[Installation]:
    with installation(office.root) as opened_here:
        yield opened_here


def begun(here: Installation, blocks: Blocks) -> tuple[Judging, Chronicle]:
    judging = Judging(here, keeper=None, told=lambda *_: None)
    return judging, Chronicle(here, judging, blocks)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow."""
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, before)


def heard(label: Label, number: int) -> Post:
    note = Note(label=label, hash=bytes.fromhex(PAID.txid), mempool_sequence=number)
    return Post(node="node", at_us=0, told=Heard(topic=SEQUENCE, counter=number, note=note))


def listed(*txids: str, number: int) -> Post:
    told = Listed(
        asked_ms=0,
        txids=tuple(bytes.fromhex(each) for each in txids),
        mempool_sequence=number,
    )
    return Post(node="node", at_us=0, told=told)


def states(here: Installation) -> list[State]:
    [told] = told_lives(here.journal.entries()).values()
    assert told.last.txid == PAID.txid
    entries = [each for each in here.journal.entries() if each.kind == WATCH_LIVES]
    return [State(each.body["changes"][0]["state"]) for each in entries]  # type: ignore[index,call-overload,arg-type]  # JSON


def test_what_is_in_flight_is_shown_and_what_ended_lately(office: Office) -> None:
    assert office("watch", "movements")[1]["movements"] == []
    keep(office)
    ended = name("ended").hex()
    office.write(WATCH_JUDGED, {"txid": PAID.txid, "verdict": "unmatched", "pass_id": ""})
    office.write(WATCH_JUDGED, {"txid": ended, "verdict": "deposit", "pass_id": ""})
    block = name("block").hex()
    changes = [
        Change(txid=PAID.txid, state=State.CONFIRMED, block_hash=block, height=TIP.height - 2),
        Change(txid=ended, state=State.REPLACED, by_txid=PAID.txid),
        Change(txid=name("never judged").hex(), state=State.SEEN),
    ]
    office.write(WATCH_LIVES, lives_body(changes))
    office.write(WATCH_LIVES, {"changes": [{"txid": PAID.txid, "state": "gone"}]})
    with installation(office.root) as here:
        here.chain.keep([FUNDING, PAID])
    code, said = office("watch", "movements")
    assert (code, said["tip_height"], said["findings"]) == (0, TIP.height, [])
    first, second = said["movements"]
    assert {each: first[each] for each in ("txid", "state", "depth", "verdict", "height")} == {
        "txid": PAID.txid,
        "state": "confirmed",
        "depth": 3,
        "verdict": "unmatched",
        "height": TIP.height - 2,
    }
    assert (first["amount_sat"], first["wallet_ids"]) == ("150000000", ["cold-1"])
    assert (second["state"], second["by_txid"]) == ("replaced", PAID.txid)
    assert (second["depth"], second["amount_sat"]) == (None, None)
    _, told = office.told("watch", "movements")
    assert "1 movements in flight, 1 ended within a day." in told


def test_a_watcher_that_is_not_there_is_said(office: Office) -> None:
    keep(office, age_seconds=60)
    said = office("watch", "movements")[1]
    assert [each["code"] for each in said["findings"]] == ["watch.not_running"]


def test_what_the_journal_cannot_take_is_owed_and_written_later(
    here: Installation,
) -> None:
    judging, chronicle = begun(here, Blocks([TIP]))
    here.chain.keep([FUNDING])
    judging.one(PAID.serialize(), 0)
    chronicle.after(heard(Label.ADDED, 1))
    with full_disk():
        chronicle.tick(NODES, None)
    assert (chronicle.owed, chronicle.is_whole) == (1, False)
    chronicle.tick(NODES, None)
    assert (chronicle.owed, chronicle.is_whole) == (0, True)
    assert states(here) == [State.SEEN]
    chronicle.close()


def test_a_chronicle_that_begins_again_holds_the_journal_to_what_nodes_say(
    here: Installation,
) -> None:
    judging, chronicle = begun(here, blocks := Blocks([TIP]))
    judging.one(PAID.serialize(), 0)
    chronicle.after(heard(Label.ADDED, 1))
    chronicle.stand()
    chronicle.tick(NODES, None)
    header = Header(hash=name("next"), prev_hash=TIP.hash, height=TIP.height + 1)
    blocks.add(header)
    blocks.stand_at(header.hash)
    judging, chronicle = begun(here, blocks)
    chronicle.after(Post(node="node", at_us=0, told=Parted(topic=SEQUENCE)))
    chronicle.tick(NODES, None)
    assert states(here) == [State.SEEN]
    chronicle.after(listed(number=4))
    chronicle.tick(NODES, None)
    judging.one(PAID.serialize(), 0)
    chronicle.before_block(header)
    chronicle.after(Post(node="node", at_us=0, told=BlockGiven(header=header, data=b"")))
    chronicle.tick(NODES, None)
    assert states(here) == [State.SEEN, State.GONE, State.CONFIRMED]


def test_an_alarm_whose_watcher_was_killed_before_its_incident_gets_one(
    here: Installation,
) -> None:
    here.chain.keep([FUNDING])
    judging, _ = begun(here, Blocks([TIP]))
    weighed = weigh_parsed(judging.watch, PAID, now=current_time())
    assert weighed is not None
    record_verdict(judging.watch, *weighed, now=current_time())
    for _ in range(2):
        judging, _ = begun(here, Blocks([TIP]))
        judging.one(PAID.serialize(), 0)
        opened_here = [each for each in here.journal.entries() if each.kind == INCIDENT_OPENED]
        assert [each.body["txid"] for each in opened_here] == [PAID.txid]
