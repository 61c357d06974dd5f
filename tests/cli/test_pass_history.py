"""What `sekisho pass show` tells of a pass's life, from the journal and in its order."""

from pathlib import Path
from typing import Any

import pytest
from block_world import hash_of, mined_chain
from gate_psbts import Coins, psbt_of, signed_transaction
from gate_returns import signed
from office import ANCHOR, FUNDING, OTHER_PAYEE, PAYEE, WALLET, Office, codes, opened, spending_of
from world import World, cleared, digest_of, entries_of, issued, record
from world_coins import STRANGER, payment
from world_people import NOW
from world_power import COINS, child, in_force, issue, name_of, standing_world

from sekisho.chains.bitcoin.networks import Network
from sekisho.kernel.canonical import Json
from sekisho.passes.events import Event, events_of, events_of_child
from sekisho.passes.leave import leave_of
from sekisho.passes.records import Pass
from sekisho.passes.verify import standing_of

LIMITS = ("--child-max", "0.5", "--hour-max", "1", "--day-max", "2", "--children", "20")
PAID = spending_of((PAYEE, 150_000_000))
OTHER_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return opened(tmp_path, capsys)


def kinds(said: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [each["kind"] for each in said["history"]]


def told(office: Office, name: str) -> list[str]:
    """Return the lines of the history as people read it, each without its moment."""
    code, text = office.told("pass", "show", name)
    assert code == 0, text
    _, _, history = text.partition("nothing in it grants anything:\n")
    return [line.partition("Z  ")[2] for line in history.splitlines()]


def settled(office: Office) -> str:
    """Scan six blocks, the first of which holds the payment; return that block's hash."""
    transaction = signed_transaction(psbt_of(PAID, Coins(previous=(FUNDING,), wallets=(WALLET,))))
    blocks = mined_chain(bytes(32), 6, held=[transaction])
    magic = Network.MAIN.magic
    (office.root / "blk00000.dat").write_bytes(
        b"".join(magic + len(each).to_bytes(4, "little") + each for each in blocks)
    )
    assert office("scan", office.file("blk00000.dat"))[0] == 0
    return hash_of(blocks[0])[::-1].hex()


def test_the_whole_life_of_a_pass_is_told_in_the_order_of_the_journal(office: Office) -> None:
    asked = office.asked()
    pass_id = asked["pass_id"]
    office.approve(pass_id, "bob")
    psbt = office.psbt((PAYEE, 150_000_000))
    refusal = office.gate(pass_id, psbt)[1]
    office.approved(pass_id, "carol", "dave")
    assert office.gate(pass_id, psbt)[0] == 0
    back = office.root / "back.psbt"
    back.write_bytes(signed(Path(psbt).read_bytes()))
    assert office.gate(pass_id, psbt, "--signed", str(back))[0] == 0
    block = settled(office)
    said = office.shown(pass_id)
    assert kinds(said) == [
        "pass.asked",
        "pass.stated",
        "pass.stated",
        "gate.refused",
        "pass.stated",
        "pass.stated",
        "pass.issued",
        "gate.cleared",
        "gate.returned",
        "watch.judged",
        "watch.settled",
    ]
    facts = {each["kind"]: each["facts"] for each in said["history"]}
    assert set(facts["gate.refused"]["findings"]) == codes(refusal)
    places = [each["journal_entry"] for each in said["history"]]
    assert places == sorted(set(places))
    lines = told(office, pass_id)
    txid = PAID.txid
    refused = ", ".join(facts["gate.refused"]["findings"])
    assert [line.rpartition(" (entry ")[0] for line in lines] == [
        "filed by alice",
        "ask by alice",
        "approve by bob",
        f"gate refused: {refused}",
        "approve by carol",
        "approve by dave",
        "issued: handed on to the gate",
        f"gate cleared transaction {txid}",
        f"signer returned transaction {txid}, signed in full",
        f"watcher judged transaction {txid} matched",
        f"anchor {ANCHOR} spent by transaction {txid} in block {block}, 6 confirmations",
    ]
    assert [line.rpartition(" (entry ")[2] for line in lines] == [f"{each})" for each in places]


def test_what_cannot_be_read_is_shown_and_stops_nobody(office: Office) -> None:
    asked = office.asked()
    own = {"pass_digest": asked["digest"]}
    bad: tuple[tuple[str, dict[str, Any]], ...] = (
        ("pass.asked", {"pass": 1}),
        ("pass.issued", {}),
        ("gate.cleared", {"pass_digest": "x"}),
        ("gate.cleared", own),
        ("gate.refused", {**own, "findings": [{"code": 1}]}),
        ("gate.returned", {**own, "txid": "cd" * 32, "complete": "yes"}),
        ("watch.judged", {"pass_id": asked["pass_id"], "txid": "cd" * 32, "verdict": "\x1b[2J"}),
        ("watch.settled", {"anchors": ["x"]}),
        ("watch.settled", {"anchors": [str(ANCHOR)], "txid": "cd" * 32}),
    )
    for kind, body in bad:
        office.write(kind, body)
    said = office.shown(asked["pass_id"])
    unreadable = [each for each in said["history"] if "unreadable" in each["facts"]]
    assert [each["kind"] for each in unreadable] == [kind for kind, _ in bad]
    assert said["state"] == "asked"
    lines = told(office, asked["pass_id"])
    assert [line.split(":")[0] for line in lines[-len(bad) :]] == [
        f"unreadable {kind}" for kind, _ in bad
    ]
    assert not any("\x1b" in line for line in lines)
    reject = ("pass", "reject", asked["pass_id"], *office.signing("carol"), "--reason", "x")
    assert office(*reject)[1]["state"] == "rejected"
    assert office("pass", "list")[0] == 0


def test_what_is_about_another_pass_is_not_told(office: Office) -> None:
    asked, other = office.asked(), office.asked()
    before = office.shown(asked["pass_id"])["history"]
    txid = "cd" * 32
    for digest in (other["digest"], ""):
        office.write("gate.refused", {"pass_digest": digest, "findings": []})
    office.write("gate.cleared", {"pass_digest": other["digest"], "txid": txid})
    for pass_id in (other["pass_id"], f"{asked['pass_id']}#1", ""):
        office.write("watch.judged", {"pass_id": pass_id, "txid": txid, "verdict": "matched"})
    office.write("watch.settled", {"anchors": [f"{txid}:0"]})
    assert office.shown(asked["pass_id"])["history"] == before


def issued_two(office: Office) -> tuple[str, list[str]]:
    """Have a service issue two children with one anchor; return the pass and their digests."""
    office.new_key("service")
    code, standing = office(
        "pass", "standing", "--wallet", "cold-1", "--issuer", office.file("service.key.pub"),
        "--destinations", "any", *LIMITS, "--fee-max", "0.001", "--feerate-max", "50",
        "--purpose", "withdrawals", *office.signing("alice"),
    )  # fmt: skip
    assert code == 0, standing
    name = standing["pass_id"]
    office.approved(name)
    key = ("--anchor", str(ANCHOR), "--key", office.file("service.key"))
    children = []
    for pay in ((f"{PAYEE}=0.4",), (f"{PAYEE}=0.1", f"{OTHER_PAYEE}=0.2")):
        code, said = office("pass", "child", name, *(f"--pay={each}" for each in pay), *key)
        assert code == 0, said
        children.append(said["child"])
    return name, children


def test_a_standing_pass_shows_its_children_and_what_they_used_up(office: Office) -> None:
    name, _ = issued_two(office)
    said = office.shown(name)
    assert said["children"] == {
        "used": 2,
        "children_max": 20,
        "hour_sat": "70000000",
        "hour_max_sat": "100000000",
        "day_sat": "70000000",
        "day_max_sat": "200000000",
    }
    _, text = office.told("pass", "show", name)
    assert "  last hour  0.70000000 of 1.00000000 BTC\n" in text
    assert "  last day   0.70000000 of 2.00000000 BTC\n" in text
    assert "  children   2 of 20 used\n" in text
    assert f"  child 1: 0.40000000 BTC to 1 destination, anchor {ANCHOR}, sound (entry " in text
    assert f"  child 2: 0.30000000 BTC to 2 destinations, anchor {ANCHOR}, sound (entry " in text


def test_a_child_is_shown_by_its_number_with_what_is_paid_together(office: Office) -> None:
    name, children = issued_two(office)
    batch = office.psbt((PAYEE, 40_000_000), (PAYEE, 10_000_000), (OTHER_PAYEE, 20_000_000))
    one = office.psbt((PAYEE, 40_000_000), name="one.psbt")
    assert office.gate(f"{name}#1", one)[0] == 3
    assert office.gate(f"{name}#2", batch)[0] == 0
    assert kinds(office.shown(name))[-4:] == ["child.issued"] * 2 + [
        "gate.refused",
        "gate.cleared",
    ]
    shown = office.shown(f"{name}#2")
    assert (shown["digest"], shown["paid_with"]) == (children[1], f"{name}#1,2")
    assert (shown["findings"], kinds(shown)) == ([], ["child.issued", "gate.cleared"])
    assert shown["history"][-1]["facts"]["children"] == "1,2"
    assert office.shown(children[1][:16]) == shown
    assert kinds(office.shown(f"{name}#1")) == ["child.issued", "gate.refused", "gate.cleared"]
    _, text = office.told("pass", "show", f"{name}#2")
    for line in (
        f"Pass {name}#2: a child of the standing pass {name}",
        f"pays       0.20000000 BTC to {OTHER_PAYEE}",
        f"paid with  {name}#1,2, by one transaction",
        "It is sound.",
        ", for children 1,2 (entry ",
    ):
        assert line in text
    void = ("pass", "void", name, "--reason", "taken over", *office.signing("carol"))
    assert office(*void)[0] == 0
    assert "passes.voided" in codes(office.shown(f"{name}#2"))
    assert "It allows nothing:" in office.told("pass", "show", f"{name}#2")[1]
    for number in ("9", "x", ""):
        code, said = office("pass", "show", f"{name}#{number}")
        assert (code, "no child of that number" in said["error"]) == (2, True)


def test_a_pass_that_replaces_another_says_so(office: Office) -> None:
    first = office.asked()
    second = office.asked("--replaces", first["pass_id"])
    line = f"  replaces   pass {first['pass_id']}, and keeps its anchor\n"
    assert line in office.told("pass", "show", second["pass_id"])[1]
    approve = ("pass", "approve", second["pass_id"], *office.signing("bob"))
    assert line in office.told(*approve)[1]
    assert "replaces" not in office.told("pass", "show", first["pass_id"])[1]


# Without an installation -------------------------------------------------------------------------


def history(world: World, standing: Pass, number: int = 0) -> list[Event]:
    """Return the events of a standing pass, or of a child of it, from its first child on."""
    register, digest = in_force(world), digest_of(standing)
    family = tuple(register.children[digest].values())
    entries = entries_of(world)
    if number:
        heard = register.children[digest][number]
        return list(events_of_child(entries, standing.pass_id, heard, family))
    events = events_of(entries, standing_of(register, digest), family)
    return [each for each in events if each.seq >= family[0].seq]


def test_a_child_that_breaks_a_limit_is_shown_as_one_that_allows_nothing() -> None:
    world, standing = standing_world()
    good, bad = (
        child(world, standing, each, payment(STRANGER, sat))
        for each, sat in ((1, 10_000), (2, 50_001))
    )
    world = issue(world, good, bad)
    facts = [each.facts for each in history(world, standing)]
    assert [(each["number"], each["sound"], each["findings"]) for each in facts] == [
        (1, True, []),
        (2, False, ["passes.child_limit"]),
    ]
    assert [each.facts["number"] for each in history(world, standing, 2)] == [2]


def test_what_was_cleared_before_another_child_joined_is_told_of_those_it_paid() -> None:
    """The gate names a batch by a digest of its children, which is another one with each child."""
    world, standing = standing_world()
    batch: list[str] = []
    for number in (1, 2, 3):
        signed_child = child(world, standing, number, anchor=COINS[0])
        world = issue(world, signed_child)
        leave = leave_of(in_force(world), name_of(signed_child), now=NOW)
        assert leave is not None
        batch.append(leave.digest)
    for digest in batch[:2]:
        world = record(world, "gate.cleared", {"pass_digest": digest, "txid": PAID.txid})
    said: dict[str, Json] = {"txid": PAID.txid, "verdict": "matched", "findings": []}
    for numbers in ("1,2", "12"):
        world = record(world, "watch.judged", {"pass_id": f"{standing.pass_id}#{numbers}", **said})
    told_of = {
        number: [each.facts["children"] for each in history(world, standing, number)[1:]]
        for number in (1, 2, 3)
    }
    assert told_of == {1: ["1", "1,2", "1,2"], 2: ["1,2", "1,2"], 3: []}
    assert [each.facts.get("children") for each in history(world, standing)[3:]] == [
        "1",
        "1,2",
        "1,2",
    ]


def test_nothing_of_another_standing_pass_is_told() -> None:
    world, standing = standing_world()
    world = issue(world, child(world, standing, 1))
    before = history(world, standing)
    world = cleared(issued(world, standing), standing, PAID)
    said: dict[str, Json] = {"txid": PAID.txid, "verdict": "matched", "findings": []}
    world = record(world, "watch.judged", {"pass_id": f"{OTHER_ID}#1", **said})
    after = history(world, standing)
    assert [each.kind for each in after[len(before) :]] == ["pass.issued", "gate.cleared"]
