"""People come in with a passkey, and go out for good."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

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
    with_passkey,
)
from world import rotated
from world_people import NOW, PEOPLE

from sekisho.console.sessions import CHALLENGE_LIFETIME, IDLE, LIFETIME
from sekisho.drills.authenticator import assert_in_browser
from sekisho.kernel.canonical import canonical_bytes
from sekisho.passes.browser import (
    assertion_options,
    login_options,
    read_assertion,
    verify_login,
)
from sekisho.passes.records import Person, Roster

pytestmark = pytest.mark.enable_socket  # an event loop is made of a pair of sockets


def test_somebody_logs_in_and_is_who_they_are(browser: Browser) -> None:
    said = browser.login("baba")
    assert said.status_code == 200, said.text
    assert said.json() == browser.get("/api/me").json()
    assert said.json()["department"] == "operations"
    assert said.json()["credential_id"] == "baba-passkey-1"
    assert [each["terminal_id"] for each in said.json()["terminals"]] == ["desk-1", "desk-2"]


def test_nobody_is_logged_in_before(browser: Browser) -> None:
    said = browser.get("/api/me")
    assert (said.status_code, said.json()["error"]) == (401, "console.not_logged_in")
    assert said.json()["findings"][0]["says"]["ja"].startswith("/api/me の利用には")


def test_a_logout_also_ends_a_copy_of_the_cookie(browser: Browser, console: Console) -> None:
    browser.login("baba")
    thief = console.browser("198.51.100.7")
    thief.client.cookies.update(browser.client.cookies)
    assert thief.get("/api/me").status_code == 200
    assert browser.post("/api/logout").status_code == 200
    assert thief.get("/api/me").status_code == 401
    assert browser.get("/api/me").status_code == 401


def test_the_session_has_another_name_after_the_login(browser: Browser) -> None:
    """Whoever planted a cookie before the login does not share the session after it."""
    browser.post("/api/login/begin", {"person_id": "baba"})
    before = browser.client.cookies["__Host-sekisho"]
    browser.login("baba")
    planted = browser.client.cookies["__Host-sekisho"]
    assert planted != before
    browser.client.cookies.delete("__Host-sekisho")
    browser.client.cookies.set("__Host-sekisho", before)
    assert browser.get("/api/me").status_code == 401


@pytest.mark.parametrize("passes", [IDLE, LIFETIME])
def test_a_session_ends_by_itself(browser: Browser, console: Console, passes: timedelta) -> None:
    browser.login("baba")
    while console.clock.at < NOW + passes - IDLE:
        console.clock.at += IDLE / 2
        browser.get("/api/me")
    console.clock.at = NOW + passes - timedelta(seconds=1)
    assert browser.get("/api/me").status_code == 200
    console.clock.at = NOW + passes + (timedelta(0) if passes == LIFETIME else IDLE)
    assert browser.get("/api/me").status_code == 401


def test_a_challenge_is_good_once(browser: Browser) -> None:
    browser.device = passkey_of("baba")
    begun = browser.post("/api/login/begin", {"person_id": "baba"}).json()["publicKey"]
    answer = browser.answer(begun)
    assert browser.post("/api/login/finish", answer).status_code == 200
    again = browser.post("/api/login/finish", answer)
    assert (again.status_code, again.json()["error"]) == (409, "console.challenge_gone")


def test_a_challenge_does_not_last(browser: Browser, console: Console) -> None:
    browser.device = passkey_of("baba")
    begun = browser.post("/api/login/begin", {"person_id": "baba"}).json()["publicKey"]
    console.clock.at += CHALLENGE_LIFETIME
    late = browser.post("/api/login/finish", browser.answer(begun))
    assert late.json()["error"] == "console.challenge_gone"


def test_a_challenge_of_another_session_is_none(browser: Browser, console: Console) -> None:
    other = console.browser()
    other.device = passkey_of("baba")
    begun = browser.post("/api/login/begin", {"person_id": "baba"}).json()["publicKey"]
    other.post("/api/login/begin", {"person_id": "baba"})
    said = other.post("/api/login/finish", other.answer(begun))
    assert (said.status_code, said.json()["error"]) == (401, "console.login_refused")


def test_somebody_elses_passkey_is_refused(browser: Browser) -> None:
    browser.device = passkey_of("chiba")
    options = browser.post("/api/login/begin", {"person_id": "baba"}).json()["publicKey"]
    answer = browser.answer(only_with(options, browser.device))
    said = browser.post("/api/login/finish", answer)
    assert (said.status_code, said.json()["error"]) == (401, "console.login_refused")


def test_an_answer_of_another_origin_is_refused(browser: Browser) -> None:
    device = passkey_of("baba")
    options = browser.post("/api/login/begin", {"person_id": "baba"}).json()["publicKey"]
    answer = assert_in_browser(device, options, "https://evil.console.hakone.example")
    said = browser.post("/api/login/finish", {"credential": answer})
    assert said.json()["error"] == "console.login_refused"


def with_more_passkeys(person_id: str, number: int) -> Roster:
    """Return the console's roster with a number of passkeys more for one person."""

    def more(person: Person) -> Person:
        found = person.credentials[-1]
        extra = []
        for each in range(number if person.person_id == person_id else 0):
            device = passkey_of(f"{person_id}, device {each}")
            handle = device.handles(RP_ID)[0]
            name, serial = f"{person_id}-more-{each}", f"SN-{each}"
            key = device.public_key(handle)
            extra.append(
                replace(found, credential_id=name, handle=handle, public_key=key, device=serial)
            )
        return replace(person, credentials=(*person.credentials, *extra))

    roster = console_roster()
    return replace(roster, people=tuple(more(each) for each in roster.people))


@pytest.mark.parametrize("more", [0, 1, 3, 6])
def test_the_answer_does_not_tell_who_is_there_or_with_how_many_passkeys(
    tmp_path: Path, more: int
) -> None:
    console = console_in(tmp_path, asked_world(people=with_more_passkeys("baba", more))[0])
    browser = console.browser()

    def asked(who: str) -> tuple[list[str], dict[str, object]]:
        options = browser.post("/api/login/begin", {"person_id": who}).json()["publicKey"]
        allowed = options.pop("allowCredentials")
        options.pop("challenge")
        assert {tuple(sorted(each)) for each in allowed} == {("id", "type")}
        return [each["id"] for each in allowed], options

    baba, chiba, nobody, somebody = (asked(who) for who in ("baba", "chiba", "nobody", "no-2"))
    assert asked("nobody") == nobody, "stable, as real ones are"
    assert asked("baba") == baba
    assert asked("chiba") == chiba
    assert baba[1] == chiba[1] == nobody[1] == somebody[1]
    everyone = (baba, chiba, nobody, somebody)
    assert {len(set(handles)) for handles, _ in everyone} == {max(4, 1 + more)}
    assert len({each for handles, _ in everyone for each in handles}) == 4 * max(4, 1 + more)
    assert browser.login("baba").status_code == 200
    if more:
        assert console.browser().login("baba", passkey_of("baba, device 0")).status_code == 200
    console.journal.close()


def test_a_device_that_counts_backwards_is_refused(browser: Browser) -> None:
    """A copy of a device, or the same device put back, shows a count that was shown before."""
    assert browser.login("baba").status_code == 200
    again = browser.login("baba", passkey_of("baba"))
    assert again.json()["error"] == "console.counter_went_back"


def test_without_user_verification_nobody_comes_in(browser: Browser) -> None:
    device = passkey_of("baba")
    device.flags = 0x01
    assert browser.login("baba", device).json()["error"] == "console.login_refused"


def test_whoever_leaves_the_roster_is_out_at_once(tmp_path: Path) -> None:
    world, _ = asked_world()
    console = console_in(tmp_path, world)
    browser = console.browser()
    assert browser.login("fujii").status_code == 200
    old = console_roster()
    people = tuple(each for each in old.people if each.person_id != "fujii")
    after = rotated(
        world,
        console_roster(version=2, previous_digest=world.genesis_digest, people=people),
        by=("baba", "chiba", "endo"),
    )
    for draft in after.drafts[len(world.drafts) :]:
        console.journal.append(draft)
    assert browser.get("/api/me").status_code == 401
    console.journal.close()


def test_the_same_bytes_make_another_challenge_for_a_login_than_for_a_statement() -> None:
    """Even a document that reads as an approval cannot be had signed at the login."""
    device = passkey_of("baba")
    credential = with_passkey(PEOPLE[1]).credentials[-1]
    document = b'{"format":"sekisho/approval/v1"}'
    handles = (credential.handle,)
    login = login_options(document, handles, console_origin=ORIGIN)
    statement = assertion_options(document, handles, console_origin=ORIGIN)
    assert login["challenge"] != statement["challenge"]
    for options, holds in ((login, True), (statement, False)):
        answer = assert_in_browser(device, options, ORIGIN)
        read = read_assertion(canonical_bytes(answer), "answer")
        held = verify_login(document, credential, read, console_origin=ORIGIN)
        assert (held is not None) == holds
