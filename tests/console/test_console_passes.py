"""A pass is read, approved, rejected and voided in a browser; the register judges what counts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from console_world import (
    ORIGIN,
    RP_ID,
    Browser,
    Console,
    asked_world,
    console_in,
    console_roster,
    only_with,
    passkey_of,
)
from journal_world import SIGNER, signed
from world import World, digest_of, entries_of, statement
from world_people import NOW, key_of
from world_policy import OPEN_POLICY

from sekisho.drills.authenticator import Authenticator, assert_in_browser
from sekisho.journal.records import Draft
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.ulid import make_ulid
from sekisho.kernel.words import digest_words
from sekisho.passes.assertion import base64url
from sekisho.passes.bundle import open_bundle
from sekisho.passes.documents import approval_digest
from sekisho.passes.evidence import statement_body
from sekisho.passes.policy.records import Passkeys
from sekisho.passes.records import Decision, Pass, Transfer
from sekisho.passes.spendings import WATCH_SETTLED

pytestmark = pytest.mark.enable_socket  # an event loop is made of a pair of sockets


def words_of(asked: Pass) -> str:
    return " ".join(digest_words(bytes.fromhex(digest_of(asked)), "en"))


def upload_of(world: World, who: str, asked: Pass, **changes: Any) -> dict[str, Json]:  # noqa: ANN401 - the fields of Approval
    said = statement(world, who, Decision.APPROVE, asked, sequence=90, **changes)
    return statement_body(said, parse_json(said.document, "approval"))


def test_the_newest_pass_stands_first_and_pages_follow(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    page = browser.get("/api/passes", params={"limit": 2}).json()
    everything = browser.get("/api/passes").json()
    assert everything["before"] == ""
    ids = [each["pass_id"] for each in everything["passes"]]
    assert ids == sorted(ids, reverse=True)
    assert asked.pass_id in ids
    rest = browser.get("/api/passes", params={"before": page["before"]}).json()
    assert page["passes"] + rest["passes"] == everything["passes"]


def test_a_pass_is_shown_with_its_words_findings_and_rules(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    shown = browser.get(f"/api/passes/{asked.pass_id}").json()
    assert " ".join(shown["words"]["en"]) == words_of(asked)
    assert shown["pass"]["transfer"]["payments"][0]["amount_sat"] == "10000000"
    assert {each["code"] for each in shown["findings"]} == {"passes.quorum_missing"}
    assert all(each["says"]["ja"] and each["says"]["en"] for each in shown["findings"])
    assert shown["state"] == "asked"
    assert shown["policy"]["rules"]


def test_three_departments_approve_with_passkeys(console: Console, asked: Pass) -> None:
    for who in ("baba", "chiba", "endo"):
        browser = console.browser()
        browser.login(who)
        said = browser.state(asked, words=words_of(asked))
        assert said.status_code == 200, said.text
    assert said.json()["state"] == "issued"
    standing = console.standing(asked)
    assert standing.findings == ()
    assert {each.approval.method.value for each in standing.ballots[1:]} == {"webauthn-browser"}


@pytest.mark.parametrize(("verdict", "state"), [("matched", "settled"), ("unmatched", "dead")])
def test_what_the_watcher_saw_of_the_anchor_ends_a_pass(
    console: Console, browser: Browser, asked: Pass, verdict: str, state: str
) -> None:
    browser.login("baba")
    assert browser.get(f"/api/passes/{asked.pass_id}").json()["state"] == "asked"
    transfer = asked.action
    assert isinstance(transfer, Transfer)
    judged: dict[str, Json] = {
        "txid": "cd" * 32,
        "verdict": verdict,
        "pass_id": asked.pass_id if state == "settled" else "",
    }
    settled: dict[str, Json] = {
        "txid": "cd" * 32,
        "block_hash": "ab" * 32,
        "confirmations": 6,
        "anchors": [str(transfer.anchor)],
    }
    for number, (kind, body) in enumerate((("watch.judged", judged), (WATCH_SETTLED, settled))):
        entry_id = make_ulid(NOW, bytes([number]) * 10)
        draft = Draft(entry_id=entry_id, at=NOW, kind=kind, actor="watch", body=body)
        console.journal.append(draft)
    assert browser.get(f"/api/passes/{asked.pass_id}").json()["state"] == state
    listed = browser.get("/api/passes").json()["passes"]
    assert {each["pass_id"]: each["state"] for each in listed}[asked.pass_id] == state


@pytest.mark.parametrize(("decision", "state"), [("reject", "rejected"), ("void", "voided")])
def test_one_person_stops_a_pass_and_says_why(
    browser: Browser, asked: Pass, decision: str, state: str
) -> None:
    browser.login("doi")
    missing = browser.begin(asked, decision)
    assert (missing.status_code, missing.json()["where"]) == (400, "reason")
    said = browser.state(asked, decision, reason="送付先を確認できません")
    assert said.json()["state"] == state
    shown = browser.get(f"/api/passes/{asked.pass_id}").json()
    assert shown["statements"][-1]["reason"] == "送付先を確認できません"


def test_what_is_signed_is_what_was_shown(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    begun = browser.begin(asked).json()
    document = begun["document"]
    assert document["pass_digest"] == digest_of(asked)
    assert (document["approver"], document["decision"]) == ("baba", "approve")
    challenge = base64url(approval_digest(canonical_bytes(document)))
    assert begun["publicKey"]["challenge"] == challenge


def test_the_requester_does_not_approve_their_own(browser: Browser, asked: Pass) -> None:
    browser.login("aoki")
    said = browser.state(asked)
    assert (said.status_code, said.json()["error"]) == (409, "passes.approved_by_requester")


def test_wrong_words_sign_nothing(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    wrong = browser.begin(asked, words=" ".join(["abandon"] * 12))
    assert wrong.json()["error"] == "console.words_differ"


def test_a_terminal_that_is_not_on_the_roster_does_not_count(
    browser: Browser, asked: Pass
) -> None:
    browser.login("baba")
    begun = browser.begin(asked, terminal_id="desk-9").json()
    said = browser.post("/api/statement", browser.answer(begun["publicKey"]))
    assert said.json()["error"] == "passes.terminal_unknown"


def test_a_statement_of_ones_own_machine_is_taken(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    world, _ = asked_world()
    said = browser.post("/api/statements", upload_of(world, "baba", asked, words=words_of(asked)))
    assert said.status_code == 200, said.text
    shown = browser.get(f"/api/passes/{asked.pass_id}").json()
    assert shown["statements"][-1]["method"] == "ed25519-key-file"
    assert shown["statements"][-1]["words_entered"]


def test_a_statement_of_somebody_else_is_not(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    world, _ = asked_world()
    said = browser.post("/api/statements", upload_of(world, "chiba", asked))
    assert (said.status_code, said.json()["error"]) == (403, "console.not_yours")


def test_a_forged_statement_is_refused(browser: Browser, asked: Pass, console: Console) -> None:
    browser.login("baba")
    world, _ = asked_world()
    forged = upload_of(world, "baba", asked, key=key_of("chiba"))
    assert browser.post("/api/statements", forged).json()["error"] == "passes.signature_invalid"
    assert len(console.standing(asked).ballots) == 1


# What an assertion is not good for ---------------------------------------------------------------


def test_an_assertion_is_recorded_once(browser: Browser, asked: Pass, console: Console) -> None:
    browser.login("baba")
    answer = browser.answer(browser.begin(asked).json()["publicKey"])
    assert browser.post("/api/statement", answer).status_code == 200
    again = browser.post("/api/statement", answer)
    assert again.json()["error"] == "console.challenge_gone"
    size = console.journal.size()
    begun = browser.begin(asked)
    assert begun.status_code == 200
    assert browser.post("/api/statement", answer).json()["error"] == "passes.signature_invalid"
    assert console.journal.size() == size


def test_an_assertion_for_another_pass_or_decision_is_refused(
    browser: Browser, asked: Pass, console: Console
) -> None:
    """The page shows one pass, and the server has another one signed: it does not hold."""
    browser.login("baba")
    approving = browser.answer(browser.begin(asked).json()["publicKey"])
    browser.begin(asked, "reject", reason="no")
    said = browser.post("/api/statement", approving)
    assert said.json()["error"] == "passes.signature_invalid"
    others = browser.get("/api/passes").json()["passes"]
    other = next(each["pass_id"] for each in others if each["pass_id"] != asked.pass_id)
    begun = browser.post(
        f"/api/passes/{other}/statement", {"decision": "approve", "terminal_id": "desk-1"}
    ).json()
    elsewhere = browser.answer(begun["publicKey"])
    browser.begin(asked)
    said = browser.post("/api/statement", elsewhere)
    assert said.json()["error"] == "passes.signature_invalid"
    assert len(console.standing(asked).ballots) == 1


def test_a_login_is_no_approval_and_an_approval_no_login(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    options = browser.post("/api/login/begin", {"person_id": "baba"}).json()["publicKey"]
    login = browser.answer(options)
    assert browser.post("/api/statement", login).json()["error"] == "console.challenge_gone"
    begun = browser.begin(asked).json()
    approval = browser.answer(begun["publicKey"])
    said = browser.post("/api/login/finish", approval)
    assert said.json()["error"] == "console.challenge_gone"
    browser.begin(asked)
    assert browser.post("/api/statement", login).json()["error"] == "passes.signature_invalid"


def test_an_answer_in_another_session_is_refused(
    browser: Browser, asked: Pass, console: Console
) -> None:
    device = passkey_of("baba")
    browser.login("baba", device)
    other = console.browser()
    other.login("baba", device)
    answer = browser.answer(browser.begin(asked).json()["publicKey"])
    assert other.post("/api/statement", answer).json()["error"] == "console.challenge_gone"


def test_somebody_elses_passkey_does_not_sign_for_me(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    options = browser.begin(asked).json()["publicKey"]
    thief = passkey_of("chiba")
    answer = assert_in_browser(thief, only_with(options, thief), ORIGIN)
    said = browser.post("/api/statement", {"credential": answer})
    assert said.json()["error"] == "passes.signature_invalid"


def test_a_passkey_that_no_roster_lists_does_not_sign(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    options = browser.begin(asked).json()["publicKey"]
    stranger = Authenticator("a stranger's")
    stranger.make_credential(RP_ID, bytes(32))
    answer = assert_in_browser(stranger, only_with(options, stranger), ORIGIN)
    said = browser.post("/api/statement", {"credential": answer})
    assert said.json()["error"] == "passes.signature_invalid"


# The bundle --------------------------------------------------------------------------------------


def test_the_bundle_of_a_pass_opens_on_another_machine(tmp_path: Path) -> None:
    people = console_roster(journal_key=str(SIGNER.verifier))
    world, asked = asked_world(people=people)
    entries = entries_of(world)
    console = console_in(tmp_path, world, note=(signed(entries), len(entries)))
    browser = console.browser()
    browser.login("baba")
    said = browser.get(f"/api/passes/{asked.pass_id}/bundle")
    assert said.headers["content-disposition"] == f'attachment; filename="{asked.pass_id}.bundle"'
    opened = open_bundle(
        said.content, genesis_digest=world.genesis_digest, seen=None, now=NOW, where="bundle"
    )
    assert opened.pass_digest == digest_of(asked)
    console.journal.close()


def test_a_pass_after_the_last_checkpoint_has_no_bundle_yet(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    said = browser.get(f"/api/passes/{asked.pass_id}/bundle")
    assert (said.status_code, said.json()["error"]) == (409, "passes.not_in_checkpoint")


def test_a_clearance_that_cannot_be_read_is_named_and_stops_nobody(
    console: Console, browser: Browser, asked: Pass
) -> None:
    """Whoever can append one would else keep everybody from rejecting and voiding."""
    browser.login("baba")
    for number, body in enumerate(({"nothing": "here"}, {"pass_digest": "x"}, {})):
        entry_id = make_ulid(NOW, number.to_bytes(10, "big"))
        console.journal.append(
            Draft(entry_id=entry_id, at=NOW, kind="gate.cleared", actor="x", body=dict(body))
        )
    damaged = browser.get("/api/passes").json()["damaged"]
    assert [each["code"] for each in damaged] == ["passes.entry_unreadable"] * 3
    shown = browser.get(f"/api/passes/{asked.pass_id}").json()
    assert (shown["damaged"], shown["state"]) == (damaged, "asked")
    for page in ("/", f"/passes/{asked.pass_id}"):
        told = browser.get(page, headers={"accept-language": "ja"})
        assert (told.status_code, "関所の通過記録が読み取れません" in told.text) == (200, True)
    assert browser.state(asked, "reject", reason="no").status_code == 200


def test_whole_clearances_leave_nothing_to_say(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    assert browser.get("/api/passes").json()["damaged"] == []
    assert "passes.entry_unreadable" not in browser.get(f"/passes/{asked.pass_id}").text


def test_what_a_relaxed_policy_lets_count_is_reported(tmp_path: Path) -> None:
    """A backed-up passkey without a maker's word approves; whoever reads the pass sees it."""
    relaxed = Passkeys(attested_required=False, device_bound_required=False)
    people = console_roster()
    unvouched = tuple(
        replace(who, credentials=tuple(replace(each, attested=False) for each in who.credentials))
        for who in people.people
    )
    policy = replace(OPEN_POLICY, passkeys=relaxed)
    world, asked = asked_world(policy=policy, people=replace(people, people=unvouched))
    console = console_in(tmp_path, world)
    browser = console.browser()
    device = passkey_of("baba")
    device.flags = 0x1D  # present, verified, eligible for backup, and backed up
    assert browser.login("baba", device).status_code == 200
    assert browser.state(asked).status_code == 200
    statements = browser.get(f"/api/passes/{asked.pass_id}").json()["statements"]
    seen = [
        (each["approver"], each["backed_up"], each["device_bound"], each["attested"])
        for each in statements
    ]
    assert seen == [("aoki", None, None, None), ("baba", True, False, False)]
    page = browser.get(f"/passes/{asked.pass_id}", headers={"accept-language": "en"}).text
    for told in ("has copies outside", "can leave the device", "No maker vouches"):
        assert page.count(told) == 1
    console.journal.close()


def test_a_passkey_that_nothing_speaks_against_is_reported_so(
    browser: Browser, asked: Pass
) -> None:
    browser.login("baba")
    browser.state(asked)
    last = browser.get(f"/api/passes/{asked.pass_id}").json()["statements"][-1]
    assert (last["backed_up"], last["device_bound"], last["attested"]) == (False, True, True)
    assert "copies outside" not in browser.get(f"/passes/{asked.pass_id}").text
