"""A sentry's judging when it is killed, kept waiting, or cannot write."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from gate_psbts import Coins, psbt_of, signed_transaction
from office import ANCHOR, WALLET, Office, opened
from world_coins import funding, outpoint, script_at, spending, stranger, txout
from world_people import NOW

from sekisho.app import Installation, installation, new_id
from sekisho.chains.bitcoin.transaction import TxOut
from sekisho.cli.sentry_judging import Judging
from sekisho.journal.records import Draft
from sekisho.kernel.errors import WorldError
from sekisho.kernel.money import Sat
from sekisho.respond.flow import INCIDENT_OPENED
from sekisho.watch.records import VerdictKind
from sekisho.watch.state import WATCH_JUDGED

THEFT = spending([ANCHOR], [txout(stranger(9), 29_000_000_000)]).serialize()
OPEN = "sekisho.cli.sentry_judging.open_incident"


class KilledError(BaseException):
    """The process ends here."""


def killed(*_: object, **__: object) -> None:
    raise KilledError


def full(*_: object, **__: object) -> None:
    raise WorldError("the disk is full")


@pytest.fixture
def here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Installation]:
    office: Office = opened(tmp_path, capsys)
    with installation(office.root) as found:
        yield found


def judging(here: Installation, said: list[str]) -> Judging:
    return Judging(
        here, keeper=None, told=lambda judged, *_: said.append(judged.verdict.kind.value)
    )


def kinds(here: Installation) -> list[str]:
    found = [each.kind for each in here.journal.entries()]
    return [each for each in found if each in {WATCH_JUDGED, INCIDENT_OPENED}]


def test_a_watcher_killed_before_the_incident_opens_it_when_it_begins_again(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(OPEN, killed)
        with pytest.raises(KilledError):
            judging(here, said).one(THEFT, 0)
    assert (kinds(here), said) == ([WATCH_JUDGED], [])
    for _ in range(2):
        judging(here, said).one(THEFT, 0)
        assert (kinds(here), said) == ([WATCH_JUDGED, INCIDENT_OPENED], ["unmatched"])


def test_of_an_alarm_that_does_not_come_again_the_incident_is_opened_from_the_journal(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(OPEN, killed)
        with pytest.raises(KilledError):
            judging(here, []).one(THEFT, 0)
    here.journal.append(
        Draft(
            entry_id=new_id(NOW), at=NOW, kind=WATCH_JUDGED, actor="x", body={"verdict": "expired"}
        )
    )
    sentry = judging(here, [])
    with monkeypatch.context() as patched:
        patched.setattr(OPEN, full)
        assert sentry.open_rest() == []
    [found] = sentry.open_rest()
    assert (found.code, found.facts) == ("watch.opened_late", (("left_sat", "29000000000"),))
    assert kinds(here) == [WATCH_JUDGED, WATCH_JUDGED, INCIDENT_OPENED]
    opened_one = list(here.journal.entries())[-1]
    assert opened_one.body["verdict"] == "unmatched"
    assert sentry.open_rest() == judging(here, []).open_rest() == []


def test_an_incident_that_the_journal_cannot_take_is_owed(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    sentry = judging(here, said)
    with monkeypatch.context() as patched:
        patched.setattr(OPEN, full)
        sentry.one(THEFT, 0)
        assert (len(sentry.owed), said) == (1, [])
    sentry.settle_debts()
    assert not sentry.owed
    assert (kinds(here), said) == ([WATCH_JUDGED, INCIDENT_OPENED], ["unmatched"])


def test_a_view_that_was_too_old_is_read_again_and_judged_by(here: Installation) -> None:
    """The watcher was stopped for a while, or its clock jumped."""
    said: list[str] = []
    sentry = judging(here, said)
    old = sentry.watch.state.view_at - timedelta(hours=1)
    sentry.watch.state = replace(sentry.watch.state, view_at=old)
    sentry.one(THEFT, 0)
    assert said == [VerdictKind.UNMATCHED.value]


DEPOSIT = funding(WALLET, 200_000_000)
LATE = [
    signed_transaction(psbt_of(each, Coins(previous=(DEPOSIT,), wallets=(WALLET,)))).serialize()
    for each in (
        spending([outpoint(DEPOSIT, 0)], [txout(stranger(9), 190_000_000)]),
        spending(
            [outpoint(DEPOSIT, 0)],
            [
                txout(stranger(9), 90_000_000),
                TxOut(amount_sat=Sat(100_000_000), script=script_at(WALLET, branch=1)),
            ],
        ),
    )
]
"""Thefts of a coin that is not known yet: one that touches nothing known, one that pays us too."""
LATE_AND_FIRST = [(LATE[0], []), (LATE[1], ["undetermined"])]


@pytest.mark.parametrize(("theft", "first"), LATE_AND_FIRST)
def test_a_theft_whose_coin_was_unknown_is_judged_when_the_coin_is_listed(
    here: Installation, theft: bytes, first: list[str]
) -> None:
    """The message of the deposit was lost."""
    said: list[str] = []
    sentry = judging(here, said)
    sentry.one(theft, 0)
    assert said == first
    sentry.listed([DEPOSIT.serialize()], 0)
    sentry.listing_done(0)
    assert said == [*first, "deposit", "unmatched"]


@pytest.mark.parametrize(("theft", "first"), LATE_AND_FIRST)
def test_a_theft_whose_coin_could_not_be_written_is_judged_when_it_can(
    here: Installation, monkeypatch: pytest.MonkeyPatch, theft: bytes, first: list[str]
) -> None:
    said: list[str] = []
    sentry = judging(here, said)
    with monkeypatch.context() as patched:
        patched.setattr("sekisho.cli.sentry_judging.record_verdict", full)
        sentry.one(DEPOSIT.serialize(), 0)
        assert len(sentry.owed) == 1
    sentry.one(theft, 0)
    assert said == first
    assert not sentry.follow()
    sentry.settle_debts()
    assert sentry.follow(), "the mempool is to be listed again"
    sentry.one(theft, 0)
    assert said == [*first, "deposit", "unmatched"]


def test_only_so_much_waits_for_its_coins(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekisho.cli.sentry_judging.WAITING_MAX", 0)
    monkeypatch.setattr("sekisho.cli.sentry_judging.HEARD_MAX_BYTES", 0)
    said: list[str] = []
    sentry = judging(here, said)
    for each in LATE:
        sentry.one(each, 0)
    sentry.listed([DEPOSIT.serialize()], 0)
    sentry.listing_done(0)
    assert said == ["undetermined", "deposit"]


def test_a_clock_that_is_put_back_does_not_keep_it_from_working_out_all_anew(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentry = judging(here, [])
    renewed: list[bool] = []
    monkeypatch.setattr(sentry, "_renew", lambda: renewed.append(True))
    back = sentry.watch.state.view_at - timedelta(hours=1)
    sentry.follow()
    assert not renewed
    monkeypatch.setattr("sekisho.cli.sentry_judging.current_time", lambda: back)
    sentry.follow()
    assert renewed
