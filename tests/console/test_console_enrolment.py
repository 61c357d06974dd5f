"""A passkey is made with a ticket; what comes of it is a file, and evidence, and no power."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from console_world import ORIGIN, RP_ID, Browser, Console, asked_world, console_in
from httpx import Response
from world_people import NOW, key_of
from world_policy import OPEN_POLICY

from sekisho.console.tickets import (
    ENROLLED,
    INVITED,
    Ticket,
    Tickets,
    invited,
    judged_again,
    ticket_code,
    ticket_digest,
    why_not_invited,
)
from sekisho.console.tickets import enrolled as enrolled_entry
from sekisho.drills.authenticator import (
    Attestation,
    Authenticator,
    assert_in_browser,
    register_in_browser,
)
from sekisho.journal.records import Draft
from sekisho.kernel.canonical import Json, canonical_bytes, parse_json
from sekisho.kernel.fields import Fields
from sekisho.kernel.ulid import make_ulid
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.browser import read_registration, registration_options
from sekisho.passes.enrolment import Ceremony, EnrolmentRule, enrol
from sekisho.passes.policy.records import Passkeys
from sekisho.passes.records import Credential, CredentialKind
from sekisho.passes.roster import credential_document, read_credential

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
    tickets = followed(console)
    for taken in ("goto-passkey-1", "baba-1"):
        (found,) = why_not_invited(tickets, {"baba-1"}, taken)
        assert found.code == "console.credential_id_taken"
    assert why_not_invited(tickets, {"baba-1"}, "goto-passkey-2") == []


THIEF = Authenticator("the thief's device", attestation=Attestation.NONE)
RELAXED = EnrolmentRule(roots=(), attested_required=False, device_bound_required=False)


def followed(console: Console) -> Tickets:
    tickets = Tickets()
    for entry in console.journal.entries():
        tickets.follow(entry)
    return tickets


def evidence(
    console: Console, device: Authenticator, code: str, **ceremony: str
) -> dict[str, Json]:
    """Return the body of a whole enrolment that `device` answered, as the console records it."""
    genesis = console.office.desk.register.genesis_digest
    asked = Ceremony(
        genesis_digest=ceremony.get("genesis_digest", genesis),
        person_id=ceremony.get("person_id", "goto"),
        terminal_id=ceremony.get("terminal_id", "desk-1"),
        kind=CredentialKind.WEBAUTHN,
        nonce=b"n" * 32,
    )
    options = registration_options(
        asked, exchange="x", name="x", known_handles=(), console_origin=ORIGIN
    )
    answer = canonical_bytes(register_in_browser(device, options, ORIGIN))
    registration = read_registration(answer, "answer")
    outcome = enrol(
        asked,
        registration,
        RELAXED,
        credential_id="goto-passkey-1",
        device="YK-0001",
        console_origin=ORIGIN,
        now=NOW,
    )
    return enrolled_entry(code, asked, registration, outcome, NOW).body


def recorded(console: Console, kind: str, body: dict[str, Json], at: datetime = NOW) -> None:
    """Add an entry as whoever can append does, without a key."""
    number = (console.journal.last() or pytest.fail("empty")).seq
    entry_id = make_ulid(at, number.to_bytes(10, "big"))
    console.journal.append(Draft(entry_id=entry_id, at=at, kind=kind, actor="x", body=body))


def came_of_it(console: Console, rule: EnrolmentRule = RELAXED) -> Credential | None:
    claim = followed(console).claims.get("goto-passkey-1")
    if claim is None:
        return None
    genesis = console.office.desk.register.genesis_digest
    said = judged_again(claim, rule, genesis_digest=genesis, console_origin=ORIGIN)
    assert (said.credential is None) <= bool(said.findings)
    return said.credential


def test_an_entry_without_the_ticket_puts_no_passkey_in_anothers_place(
    browser: Browser, console: Console
) -> None:
    """Whoever can append has the digest of the code and not the code."""
    thief = Credential(
        credential_id="goto-passkey-1",
        kind=CredentialKind.WEBAUTHN,
        public_key=bytes.fromhex("a4010103272006215820")
        + key_of("x").public_key().public_bytes_raw(),
        handle=b"h" * 16,
        device="YK-0001",
        attested=True,
    )
    body: dict[str, Json] = {"credential": credential_document(thief)}
    recorded(console, ENROLLED, {**body, "ticket_digest": "00" * 32})
    recorded(console, ENROLLED, {**body, "ticket_digest": ticket_digest(CODE)})
    whole = evidence(console, THIEF, CODE)
    for code in ("", "x" * 43, ticket_digest(CODE), ticket_digest(CODE)[:43]):
        recorded(console, ENROLLED, {**whole, "ticket": code})
    assert followed(console).claims == {}
    device = Authenticator("a new device")
    said = enrolled(browser, device)
    assert said.status_code == 200, "the ticket is still its owner's"
    recorded(console, ENROLLED, whole)  # the code can be read now
    file = browser.get("/api/enrolment/credential").json()
    assert file == said.json()["credential"]
    assert bytes.fromhex(file["public_key"]) in {
        device.public_key(each) for each in device.handles(RP_ID)
    }


def test_a_second_invitation_for_one_id_is_none(browser: Browser, console: Console) -> None:
    """Whoever can append invites themselves under the id that was handed to another."""
    other = ticket_code(b"\x02" * 32)
    recorded(console, INVITED, invited(ticket(other), actor="x", now=NOW).body)
    recorded(console, ENROLLED, evidence(console, THIEF, other))
    assert followed(console).claims == {}
    assert enrolled(browser, Authenticator("a new device"), other).status_code == 403
    assert enrolled(browser, Authenticator("a new device")).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("person_id", "baba"),
        ("terminal_id", "desk-2"),
        ("nonce", "00" * 32),
        ("more", "x"),
        ("client_data", "7b7d"),
        ("attestation_object", "a0"),
        ("attestation_object", "ff" * 20_000),
        ("findings_total", -1),
        ("credential.credential_id", "goto-passkey-2"),
        ("credential.device", "YK-9999"),
        ("credential.attested", True),
        ("credential.kind", "fido2"),
        ("credential.handle", "68" * 16),
        ("credential.public_key", "a4010103272006215820" + "11" * 32),
        ("seen.attested", True),
        ("seen.device_bound", False),
        ("seen.backed_up", True),
        ("seen.sign_count", 2**31),
        ("seen.fmt", "packed"),
        ("seen.more", "x"),
    ],
)
def test_what_an_entry_says_is_judged_again(console: Console, field: str, value: Json) -> None:
    body = evidence(console, Authenticator("any", attestation=Attestation.NONE), CODE)
    changed = parse_json(canonical_bytes(body), "copy")
    assert isinstance(changed, dict)
    at, _, name = field.rpartition(".")
    place = changed[at] if at else changed
    assert isinstance(place, dict)
    place[name] = value
    recorded(console, ENROLLED, changed)
    assert came_of_it(console) is None
    recorded(console, ENROLLED, body)
    assert came_of_it(console) is None, "the code was shown, so the ticket is used up"


def test_an_honest_entry_is_taken_and_only_as_far_as_the_rule_goes(console: Console) -> None:
    device = Authenticator("any", attestation=Attestation.NONE)
    recorded(console, ENROLLED, evidence(console, device, CODE))
    found = came_of_it(console)
    assert found is not None
    assert found.public_key == device.public_key(found.handle)
    assert came_of_it(console, replace(RELAXED, attested_required=True)) is None


@pytest.mark.parametrize(
    "ceremony",
    [{"genesis_digest": "ab" * 32}, {"person_id": "baba"}, {"terminal_id": "desk-2"}],
    ids=["another installation", "another person", "another terminal"],
)
def test_a_registration_for_something_else_is_none(
    console: Console, ceremony: dict[str, str]
) -> None:
    body = evidence(console, Authenticator("any", attestation=Attestation.NONE), CODE, **ceremony)
    recorded(console, ENROLLED, {**body, "person_id": "goto", "terminal_id": "desk-1"})
    assert came_of_it(console) is None


def test_a_late_entry_and_an_unknown_ticket_are_none(console: Console) -> None:
    body = evidence(console, Authenticator("any", attestation=Attestation.NONE), CODE)
    recorded(console, ENROLLED, {**body, "ticket": ticket_code(b"\x03" * 32)})
    recorded(console, ENROLLED, body, at=NOW + timedelta(hours=24))
    assert came_of_it(console) is None
