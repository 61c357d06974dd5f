"""Evidence: taken out of the journal as it is, and an entry that holds none spoils no other."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from attacks import ALLOWED, ASKED, WALLET
from attacks_on_wallets import NONSENSE
from world import World, entries_of, evidence_of, journal_in, record, said
from world_people import NOW, roster

from sekisho.journal.entries import entry_hash, seal
from sekisho.journal.records import GENESIS, Draft
from sekisho.kernel.canonical import Json
from sekisho.kernel.errors import BadInputError, WorldError
from sekisho.passes.documents import pass_bytes, read_approval
from sekisho.passes.evidence import (
    PASS_ASKED,
    PASS_STATED,
    ROSTER_FILED,
    WALLET_FILED,
    Asked,
    Evidence,
    Filed,
    Said,
    gather_evidence,
)
from sekisho.passes.records import SignedApproval
from sekisho.passes.roster import roster_bytes
from sekisho.wallets.documents import wallet_digest

BARE: dict[str, Json] = {"authenticator_data": "", "client_data": ""}


def test_what_gives_power_is_found_in_the_order_of_the_journal() -> None:
    evidence = evidence_of(ALLOWED)
    assert [each.seq for each in evidence.events] == [*range(1, len(ALLOWED.drafts) + 1)]
    rosters, policies, wallets, passes = (
        [each for each in evidence.events if isinstance(each, Filed) and each.what == what]
        if what
        else [each for each in evidence.events if isinstance(each, Asked)]
        for what in ("roster", "policy", "wallet", "")
    )
    assert [(each.digest, each.document) for each in rosters] == [
        (ALLOWED.genesis_digest, roster_bytes(roster()))
    ]
    assert [each.digest for each in policies] == [ALLOWED.policy_digest]
    assert [each.digest for each in wallets] == [wallet_digest(WALLET)]
    assert len(passes) == 4, "the genesis, the policy, the wallet, the transfer"
    assert passes[-1].document == pass_bytes(ASKED)
    assert len(statements_in(evidence)) == 4 * 4
    assert evidence.unreadable == ()


def statements_in(evidence: Evidence) -> list[SignedApproval]:
    return [each.signed for each in evidence.events if isinstance(each, Said)]


def test_a_statement_is_found_as_often_as_it_stands() -> None:
    found = statements_in(evidence_of(ALLOWED))
    other = replace(found[0], signature=bytes(64))
    again = said(ALLOWED, *reversed(found), other)
    assert statements_in(evidence_of(again)) == [*found, *reversed(found), other]


def test_entries_of_another_kind_are_nobodys_evidence() -> None:
    world = World(roster=roster())
    for draft in ALLOWED.drafts:
        world = record(world, f"{draft.kind}.not", draft.body)
    assert evidence_of(world) == Evidence()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ROSTER_FILED, "roster"),
        (WALLET_FILED, "wallet"),
        (PASS_ASKED, "pass"),
        (PASS_STATED, "approval"),
    ],
)
def test_what_is_missing_is_told_with_its_place(kind: str, name: str) -> None:
    world = record(ALLOWED, kind, {"other": "x", "signature": "ab" * 64})
    seq = len(world.drafts)
    (found,) = evidence_of(world).unreadable
    assert (found.code, found.subject) == (
        "passes.entry_unreadable",
        f"journal entry {seq}.{name}",
    )
    assert dict(found.facts)["seq"] == str(seq)


@pytest.mark.parametrize("signature", ["", "ab" * 513, "AB" * 64, "zz" * 64, None, 7])
def test_a_signature_of_another_size_or_spelling_is_none(signature: Json) -> None:
    world = record(ALLOWED, PASS_STATED, {"approval": {}, "signature": signature, **BARE})
    (found,) = evidence_of(world).unreadable
    assert found.subject == f"journal entry {len(world.drafts)}.signature"


def test_a_document_need_not_be_an_object_to_be_carried_along_and_refused_later() -> None:
    world = ALLOWED
    for value in NONSENSE:
        world = record(world, PASS_STATED, {"approval": value, "signature": "ab" * 64, **BARE})
    carried = statements_in(evidence_of(world))[len(statements_in(evidence_of(ALLOWED))) :]
    assert len(carried) == len(NONSENSE)
    for each in carried:
        assert isinstance(each, SignedApproval)
        with pytest.raises(BadInputError):
            read_approval(each.document, "approval")


@pytest.mark.parametrize("value", [2**53, -(2**53), 1.5, "\ud800", {"a": b""}])
def test_no_entry_holds_what_has_no_canonical_form(value: Json) -> None:
    body: dict[str, Json] = {"pass": value}
    draft = Draft(entry_id="0" * 26, at=NOW, kind=PASS_ASKED, actor="x", body=body)
    with pytest.raises(BadInputError):
        seal(draft, seq=1, prev_hash=GENESIS)


def test_no_entry_is_nested_deeper_than_anybody_reads() -> None:
    nested: Json = []
    for _ in range(30):
        nested = [nested]
    draft = Draft(entry_id="0" * 26, at=NOW, kind=PASS_ASKED, actor="x", body={"pass": nested})
    with pytest.raises(BadInputError, match="nested deeper"):
        seal(draft, seq=1, prev_hash=GENESIS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"body":{', b'"body":{"pass":{},'),
        (b'"kind":"transfer"', b'"kind":"transfer","kind":"transfer"'),
        (b'"versions":[2]', b'"versions":[2.0]'),
        (b'"versions":[2]', b'"versions":[99999999999999999999]'),
        (b'"versions":[2]', b'"versions":' + b"[" * 40 + b"2" + b"]" * 40),
    ],
)
def test_bytes_that_could_be_read_in_two_ways_are_no_journal(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    """The owner of the file can even put the right hash beside them."""
    with journal_in(tmp_path, ALLOWED) as journal:
        entry = next(each for each in journal.entries() if holds_a_transfer(each.body))
        document = entry.document.replace(old, new)
        assert document != entry.document
        with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
            for trigger in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                connection.execute(f"DROP TRIGGER {trigger[0]}")
            connection.execute(
                "UPDATE journal SET document = ?, hash = ? WHERE seq = ?",
                (document, entry_hash(document), entry.seq),
            )
            connection.commit()
        with pytest.raises(WorldError, match=f"entry {entry.seq}"):
            gather_evidence(journal.entries())


def holds_a_transfer(body: dict[str, Json]) -> bool:
    asked = body.get("pass")
    return isinstance(asked, dict) and asked.get("kind") == "transfer"


def test_the_store_and_the_sealed_entries_tell_the_same(tmp_path: Path) -> None:
    with journal_in(tmp_path, ALLOWED) as journal:
        assert gather_evidence(journal.entries()) == gather_evidence(entries_of(ALLOWED))
