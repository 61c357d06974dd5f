"""A passkey is made with a ticket; what comes of it is a file, and evidence, and no power."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from console_world import ORIGIN, Browser, Console, asked_world, console_in
from httpx import Response
from world_people import NOW
from world_policy import OPEN_POLICY

from sekisho.console.tickets import (
    ENROLLED,
    INVITED,
    Ticket,
    Tickets,
    invited,
    ticket_code,
    ticket_digest,
    why_not_invited,
)
from sekisho.drills.authenticator import (
    Attestation,
    Authenticator,
    assert_in_browser,
    register_in_browser,
)
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.fields import Fields
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.policy.records import Passkeys
from sekisho.passes.roster import read_credential

pytestmark = pytest.mark.enable_socket  # an event loop is made of a pair of sockets
CODE = ticket_code(b"\x01" * 32)
MODEL = Authenticator("a new device")


def ticket(code: str = CODE, *, expires_at: timedelta = timedelta(hours=24)) -> Ticket:
    return Ticket(
        digest=ticket_digest(code),
        person_id="goto",
        name="後藤　花子",
        credential_id="goto-passkey-1",
        device="YK-0001",
        terminal_id="desk-1",
        expires_at=NOW + expires_at,
    )


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    world, _ = asked_world()
    roots = (TrustRoot(fmt="packed", pem=MODEL.maker.root_pem),)
    found = console_in(tmp_path, world, roots=roots)
    found.journal.append(invited(ticket(), actor="test", now=NOW))
    yield found
    found.journal.close()


def enrolled(browser: Browser, device: Authenticator, code: str = CODE) -> Response:
    begun = browser.post("/api/enrolment/begin", {"ticket": code})
    if begun.status_code != 200:
        return begun
    answer = register_in_browser(device, begun.json()["publicKey"], ORIGIN)
    return browser.post("/api/enrolment/finish", {"credential": answer})


def test_a_passkey_is_enrolled_and_its_file_is_for_the_roster(
    browser: Browser, console: Console
) -> None:
    device = Authenticator("a new device")
    before = dict(console.office.desk.register.live)
    said = enrolled(browser, device)
    assert said.status_code == 200, said.text
    assert (said.json()["findings"], said.json()["seen"]["attested"]) == ([], True)
    file = browser.get("/api/enrolment/credential")
    assert 'filename="goto-passkey-1.json"' in file.headers["content-disposition"]
    found = read_credential(Fields(parse_json(file.content, "file"), "file"))
    assert (found.credential_id, found.device, found.attested) == (
        "goto-passkey-1",
        "YK-0001",
        True,
    )
    assert found.public_key == device.public_key(found.handle)
    last = console.journal.last()
    assert last is not None
    assert last.kind == ENROLLED
    assert last.body["credential"] == said.json()["credential"]
    with console.office.at_desk() as desk:
        assert desk.register.live == before, "an enrolment puts nobody on the roster"
    options = browser.post("/api/login/begin", {"person_id": "goto"}).json()["publicKey"]
    with pytest.raises(ValueError, match="none of these"):
        assert_in_browser(device, options, ORIGIN)


def test_the_journal_holds_no_code(console: Console) -> None:
    entries = [entry for entry in console.journal.entries() if entry.kind == INVITED]
    assert [entry.body["ticket_digest"] for entry in entries] == [ticket_digest(CODE)]
    assert CODE not in str([entry.body for entry in entries])


def test_a_ticket_is_good_once(browser: Browser, console: Console) -> None:
    assert enrolled(browser, Authenticator("a new device")).status_code == 200
    again = enrolled(console.browser(), Authenticator("a new device"))
    assert (again.status_code, again.json()["error"]) == (403, "console.ticket_invalid")


def test_two_who_hold_one_ticket_do_not_both_enrol(browser: Browser, console: Console) -> None:
    """Both begin before either has finished; the journal takes one."""
    other = console.browser()
    begun = [
        each.post("/api/enrolment/begin", {"ticket": CODE}).json() for each in (browser, other)
    ]
    said = []
    for each, options in zip((browser, other), begun, strict=True):
        answer = register_in_browser(Authenticator("a new device"), options["publicKey"], ORIGIN)
        said.append(each.post("/api/enrolment/finish", {"credential": answer}).status_code)
    assert said == [200, 403]


def test_a_ticket_ends(browser: Browser, console: Console) -> None:
    console.clock.at = NOW + timedelta(hours=24)
    said = enrolled(browser, Authenticator("a new device"))
    assert said.json()["error"] == "console.ticket_invalid"


@pytest.mark.parametrize("code", ["", "x", CODE[:-1], CODE + "A", "票" * 64])
def test_another_code_is_no_ticket(browser: Browser, code: str) -> None:
    said = browser.post("/api/enrolment/begin", {"ticket": code})
    assert said.json()["error"] == "console.ticket_invalid"


def test_an_answer_counts_in_its_session_once(browser: Browser, console: Console) -> None:
    begun = browser.post("/api/enrolment/begin", {"ticket": CODE}).json()
    answer = {
        "credential": register_in_browser(
            Authenticator("a new device"), begun["publicKey"], ORIGIN
        )
    }
    other = console.browser()
    said = other.post("/api/enrolment/finish", answer)
    assert said.json()["error"] == "console.challenge_gone"
    other.post("/api/enrolment/begin", {"ticket": CODE})
    said = other.post("/api/enrolment/finish", answer)
    assert said.json()["error"] == "passes.registration_invalid"
    assert browser.post("/api/enrolment/finish", answer).status_code == 200
    again = browser.post("/api/enrolment/finish", answer)
    assert again.json()["error"] == "console.challenge_gone"


@pytest.mark.parametrize(
    ("device", "code"),
    [
        (Authenticator("somebody's own make"), "passes.credential_not_attested"),
        (
            Authenticator("a new device", attestation=Attestation.NONE),
            "passes.credential_not_attested",
        ),
        (Authenticator("a new device", flags=0x01), "passes.registration_invalid"),
        (Authenticator("a new device", flags=0x0D), "passes.credential_not_device_bound"),
    ],
    ids=["another maker", "no attestation", "no verification", "synchronised"],
)
def test_what_the_policy_does_not_take_is_refused_with_its_reason(
    browser: Browser, device: Authenticator, code: str
) -> None:
    said = enrolled(browser, device)
    assert (said.status_code, said.json()["error"]) == (409, code)
    assert said.json()["findings"][0]["do"]["ja"]
    assert enrolled(browser, Authenticator("a new device")).status_code == 200


def test_a_relaxed_policy_takes_it_and_says_so(tmp_path: Path) -> None:
    relaxed = Passkeys(attested_required=False, device_bound_required=True)
    world, _ = asked_world(policy=replace(OPEN_POLICY, passkeys=relaxed))
    console = console_in(tmp_path, world)
    console.journal.append(invited(ticket(), actor="test", now=NOW))
    said = enrolled(console.browser(), Authenticator("any", attestation=Attestation.NONE))
    assert said.status_code == 200
    assert [each["code"] for each in said.json()["findings"]] == ["passes.credential_not_attested"]
    assert said.json()["credential"]["attested"] is False
    console.journal.close()


def test_a_stranger_gets_no_file(browser: Browser, console: Console) -> None:
    assert enrolled(browser, Authenticator("a new device")).status_code == 200
    said = console.browser().get("/api/enrolment/credential")
    assert said.status_code == 409


def test_an_id_means_one_key_for_ever(console: Console, browser: Browser) -> None:
    enrolled(browser, Authenticator("a new device"))
    tickets = Tickets()
    for entry in console.journal.entries():
        tickets.follow(entry)
    for taken in ("goto-passkey-1", "baba-1"):
        (found,) = why_not_invited(tickets, {"baba-1"}, taken)
        assert found.code == "console.credential_id_taken"
    assert why_not_invited(tickets, {"baba-1"}, "goto-passkey-2") == []
