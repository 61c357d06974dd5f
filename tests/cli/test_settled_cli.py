"""From block files to the end of a pass's life: settled, dead, or still in the balance."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from block_world import Held, hash_of, mined_chain
from gate_psbts import Coins, psbt_of, signed_transaction
from office import ANCHOR, FUNDING, OTHER_PAYEE, PAYEE, WALLET, Office, opened, spending_of
from world_people import NOW

from sekisho.chains.bitcoin.networks import Network
from sekisho.chains.bitcoin.transaction import Transaction
from sekisho.journal.records import Draft
from sekisho.journal.store import open_journal
from sekisho.kernel.digest import tagged_digest
from sekisho.passes.life import GATE_CLEARED

PAID = spending_of((PAYEE, 150_000_000))
STOLEN = spending_of((OTHER_PAYEE, 150_000_000))


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def signed(unsigned: Transaction) -> Transaction:
    return signed_transaction(psbt_of(unsigned, Coins(previous=(FUNDING,), wallets=(WALLET,))))


def let_through(office: Office) -> str:
    """Have a pass approved, write down what the gate writes when it clears it; return its id."""
    asked = office.asked()
    office.approved(asked["pass_id"])
    transaction_digest = tagged_digest("unsigned-transaction", PAID.serialize())
    body = {
        "pass_digest": asked["digest"],
        "txid": PAID.txid,
        "transaction_digest": transaction_digest.hex(),
    }
    with open_journal(office.root / "journal.sqlite") as journal:
        journal.append(
            Draft(
                entry_id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
                at=NOW,
                kind=GATE_CLEARED,
                actor="gate",
                body={**body},
            )
        )
    assert office.shown(asked["pass_id"])["state"] == "signed_live"
    return str(asked["pass_id"])


def block_file(office: Office, name: str, blocks: Sequence[bytes]) -> str:
    path = office.root / name
    magic = Network.MAIN.magic
    path.write_bytes(b"".join(magic + len(each).to_bytes(4, "little") + each for each in blocks))
    return str(path)


def chain(size: int, held: Held = (), *, after: bytes = bytes(32), first: int = 1) -> list[bytes]:
    return mined_chain(after, size, held=held, first=first)


def listed(office: Office) -> dict[str, str]:
    return {each["pass_id"]: each["state"] for each in office("pass", "list")[1]["passes"]}


def test_six_blocks_upon_the_payment_settle_its_pass(office: Office) -> None:
    pass_id = let_through(office)
    blocks = chain(6, [signed(PAID)])
    begun = block_file(office, "blk00000.dat", blocks[:5])
    code, said = office("scan", begun)
    assert (code, [each["verdict"] for each in said["movements"]]) == (0, ["matched"])
    assert (said["settled"], office.shown(pass_id)["state"]) == ([], "signed_live")
    later = block_file(office, "blk00001.dat", blocks[5:])
    code, said = office("scan", later, begun)
    assert (code, said["settled"]) == (
        0,
        [
            {
                "txid": PAID.txid,
                "block_hash": hash_of(blocks[0])[::-1].hex(),
                "confirmations": 6,
                "anchors": [str(ANCHOR)],
            }
        ],
    )
    assert office.shown(pass_id)["state"] == listed(office)[pass_id] == "settled"
    entries = office.entries()
    assert office("scan", later, begun)[1]["settled"] == []
    assert office.entries() == entries
    _, told = office.told("pass", "show", pass_id)
    assert f"Pass {pass_id}: settled" in told


def test_people_are_told_what_was_found_deep(office: Office) -> None:
    let_through(office)
    _, told = office.told("scan", block_file(office, "blk00000.dat", chain(7, [signed(PAID)])))
    said = f"7 confirmations of {PAID.txid}: it spent anchor {ANCHOR}."
    assert said in told.replace("\n", "") or said in " ".join(told.split())


def test_a_pass_whose_anchor_went_elsewhere_is_dead(office: Office) -> None:
    pass_id = let_through(office)
    code, said = office("scan", block_file(office, "blk00000.dat", chain(6, [signed(STOLEN)])))
    assert (code, [each["verdict"] for each in said["movements"]]) == (3, ["deviating"])
    assert office.shown(pass_id)["state"] == listed(office)[pass_id] == "dead"


def test_a_payment_that_a_reorganisation_undid_is_still_in_the_balance(office: Office) -> None:
    pass_id = let_through(office)
    stem = chain(1)
    stale = chain(6, [signed(PAID)], after=hash_of(stem[0]), first=10)
    won = chain(7, after=hash_of(stem[0]), first=20)
    files = (
        block_file(office, "blk00000.dat", [*stem, *stale]),
        block_file(office, "blk00001.dat", won),
    )
    code, said = office("scan", *files)
    assert (code, said["settled"]) == (0, [])
    assert office.shown(pass_id)["state"] == "signed_live"
    again = chain(6, [signed(PAID)], after=hash_of(won[-1]), first=30)
    assert office("scan", *files, block_file(office, "blk00002.dat", again))[1]["settled"]
    assert office.shown(pass_id)["state"] == "settled"


def test_a_pass_that_took_the_place_of_another_kills_it(office: Office) -> None:
    first = let_through(office)
    second = office.asked("--replaces", first, pay=[f"{OTHER_PAYEE}=1.5"])["pass_id"]
    office.approved(second)
    office("scan", block_file(office, "blk00000.dat", chain(6, [signed(STOLEN)])))
    assert (listed(office)[second], listed(office)[first]) == ("settled", "dead")
