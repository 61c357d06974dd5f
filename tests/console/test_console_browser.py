"""The whole story in a real browser, with Chromium's own virtual authenticator.

Chromium's authenticator has no maker: its attestation is `none`, or by itself. So the policy of
this world does not require attestation, and the page says so; everything else is as it ships.
"""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from console_world import Clock, console_roster
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from world import (
    World,
    ask,
    at_genesis,
    digest_of,
    journal_in,
    register,
    rotated,
    transfer_pass,
    under_policy,
)
from world_coins import DESCRIPTORS, STRANGER, funding, outpoint, payment, wallet_of
from world_people import NOW, PEOPLE
from world_policy import OPEN_POLICY

from sekisho.console.office import Office
from sekisho.console.sessions import Sessions
from sekisho.console.tickets import Ticket, invited, ticket_code, ticket_digest
from sekisho.console.web import create_app
from sekisho.journal.store import JournalStore
from sekisho.kernel.canonical import parse_json
from sekisho.kernel.fields import Fields
from sekisho.passes.flow import open_desk
from sekisho.passes.policy.records import Passkeys
from sekisho.passes.records import Credential, Pass
from sekisho.passes.roster import read_credential
from sekisho.passes.verify import standing_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.enable_socket,  # a server on the loopback, and a browser that speaks to it
    pytest.mark.xdist_group("browser"),
]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PURPOSE = "<img src=x onerror=alert(1)> 出庫 & <script>alert(2)</script>"
"""What an attacker might ask a pass for."""
NEWCOMERS = {"baba": "operations", "chiba": "security", "endo": "finance"}
WIDTHS = (1280, 390)
PICTURES = os.environ.get("SEKISHO_PICTURES", "")
"""A folder for screenshots, where somebody wants to look at them."""


@dataclass(slots=True)
class Site:
    """A console that is being served, and its journal."""

    origin: str
    world: World
    journal: JournalStore
    clock: Clock
    office: Office

    def write(self, after: World) -> None:
        """Put into the journal what the world holds more than before."""
        for draft in after.drafts[len(self.world.drafts) :]:
            self.journal.append(draft)
        self.world = after


@contextmanager
def served(folder: Path) -> Iterator[Site]:
    """Serve a console at a free port of localhost, as `sekisho up` does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    origin = f"http://localhost:{port}"
    relaxed = replace(
        OPEN_POLICY, passkeys=Passkeys(attested_required=False, device_bound_required=True)
    )
    world = under_policy(at_genesis(console_roster(people=PEOPLE, console_origin=origin)), relaxed)
    journal, clock = journal_in(folder, world), Clock()
    office = Office(
        desk=open_desk(journal, genesis_digest=world.genesis_digest),
        origin=origin,
        clock=clock,
        checkpoint=lambda: (b"", 0),
        roots=(),
        secret="5e" * 32,
        sessions=Sessions(clock),
    )
    config = uvicorn.Config(
        create_app(office), host="127.0.0.1", port=port, log_level="warning", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield Site(origin, world, journal, clock, office)
    finally:
        server.should_exit = True
        thread.join()
        journal.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        missing = f"no Chromium on PATH (looked for {', '.join(CHROMIUM)})"
        if os.environ.get("CI"):
            pytest.fail(f"{missing}; on Debian: apt-get install chromium")
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


class Person:
    """Somebody at a browser of their own, with an authenticator plugged in."""

    def __init__(self, browser: Browser, site: Site, person_id: str, language: str = "en") -> None:
        self.site, self.person_id = site, person_id
        self.context: BrowserContext = browser.new_context(
            locale="ja-JP" if language == "ja" else "en-GB",
            viewport={"width": 1280, "height": 900},
        )
        self.complaints: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on("console", self._heard)
        self.page.on("request", self._asked)
        devices = self.context.new_cdp_session(self.page)
        devices.send("WebAuthn.enable")
        devices.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "usb",
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )

    def _heard(self, message: object) -> None:
        text = str(getattr(message, "text", message))
        # Chromium misses RS256 among what we ask for: only two algorithms can be on a roster.
        if "pub_key_cred_params" not in text:
            self.complaints.append(text)

    def _asked(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith(self.site.origin):
            self.complaints.append(f"asked for {url}")

    def open(self, path: str) -> Page:
        self.page.goto(self.site.origin + path)
        return self.page

    def enrol(self, code: str, folder: Path) -> Credential:
        self.open(f"/enrol#{code}")
        self.page.locator("form button").click()
        with self.page.expect_download() as download:
            self.page.locator(".after a").click()
        path = folder / f"{self.person_id}.json"
        download.value.save_as(path)
        return read_credential(Fields(parse_json(path.read_bytes(), "file"), "file"))

    def login(self) -> None:
        self.open("/login")
        self.page.locator("#person").fill(self.person_id)
        self.page.locator("form button").click()
        self.page.wait_for_url(f"{self.site.origin}/")

    def picture(self, name: str) -> None:
        """Look at the page in both widths: nothing has to be scrolled sideways."""
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 844})
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name}: {wide} pixels on {width}"
            if PICTURES:
                path = Path(PICTURES) / f"{name}-{width}.png"
                self.page.screenshot(path=path, full_page=True)
        self.page.set_viewport_size({"width": 1280, "height": 900})


def invite(site: Site, person_id: str) -> str:
    code = ticket_code(person_id.encode().ljust(32, b"."))
    ticket = Ticket(
        digest=ticket_digest(code),
        person_id=person_id,
        name=f"{person_id.capitalize()} <b>太郎</b>",
        credential_id=f"{person_id}-passkey-1",
        device=f"YK-{person_id}",
        terminal_id="desk-1",
        expires_at=NOW + timedelta(hours=24),
    )
    site.journal.append(invited(ticket, actor="test", now=NOW))
    return code


def next_roster(site: Site, enrolled: dict[str, Credential]) -> World:
    """Put the enrolled passkeys on the next roster, and have a quorum put it in force."""
    people = tuple(
        replace(each, credentials=(*each.credentials, enrolled[each.person_id]))
        if each.person_id in enrolled
        else each
        for each in PEOPLE
    )
    after = console_roster(
        version=2,
        previous_digest=site.world.genesis_digest,
        people=people,
        console_origin=site.origin,
    )
    return rotated(site.world, after)


def asked_for(world: World) -> tuple[World, Pass]:
    wallet = wallet_of(DESCRIPTORS["wpkh"])
    world = register(world, wallet)
    coins = funding(wallet, 50_000_000)
    to = [payment(STRANGER, 10_000_000)]
    asked = transfer_pass(world, wallet, to, outpoint(coins, 0), purpose=PURPOSE)
    return ask(world, asked), asked


def test_three_people_enrol_and_approve_a_pass(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as site:
        people = {
            who: Person(browser, site, who, "ja" if who == "chiba" else "en") for who in NEWCOMERS
        }
        enrolled = {
            who: person.enrol(invite(site, who), tmp_path) for who, person in people.items()
        }
        assert {each.attested for each in enrolled.values()} == {False}
        people["baba"].picture("enrolled")
        after, asked = asked_for(next_roster(site, enrolled))
        site.write(after)
        for who, person in people.items():
            person.open("/enrol")
            person.picture(f"enrol-{who}")
            person.login()
            person.picture(f"list-{who}")
            approve(person, asked)
        standing = standing_of(site.office.desk.register, digest_of(asked))
        assert standing.findings == ()
        assert {each.approval.method.value for each in standing.ballots[1:]} == {
            "webauthn-browser"
        }
        for person in people.values():
            assert person.complaints == []
            person.context.close()


def approve(person: Person, asked: Pass) -> None:
    page = person.page
    page.locator(f"a[href='/passes/{asked.pass_id}']").click()
    expect(page.locator("h1")).to_have_text(PURPOSE)
    groups = page.locator(".address span").all_text_contents()
    assert "".join(groups) == asked.action.payments[0].address  # type: ignore[union-attr]  # a transfer
    assert {len(each) for each in groups[:-1]} == {4}
    words = page.locator(".words ol[lang=en] li").all_text_contents()
    assert len(words) == 12
    person.picture(f"pass-{person.person_id}")
    page.locator("#words").fill("abandon " * 12)
    page.locator("button[value=approve]").click()
    expect(page.locator(".said.wrong").first).to_contain_text(asked.pass_id)
    person.complaints[:] = [each for each in person.complaints if "409" not in each]
    page.locator("#words").fill(" ".join(words))
    page.locator("button[value=approve]").click()
    expect(page.locator(".said-so")).to_contain_text(person.person_id)
    page.locator("summary").first.click()
    person.picture(f"approved-{person.person_id}")


def test_somebody_rejects_and_logs_out_from_the_keyboard(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as site:
        doi = Person(browser, site, "doi", "ja")
        enrolled = {"doi": doi.enrol(invite(site, "doi"), tmp_path)}
        after, asked = asked_for(next_roster(site, enrolled))
        site.write(after)
        doi.open("/login")
        doi.picture("login-ja")
        doi.page.keyboard.type("doi")
        doi.page.keyboard.press("Enter")
        doi.page.wait_for_url(f"{site.origin}/")
        doi.open(f"/passes/{asked.pass_id}")
        doi.page.locator("#reason").fill("送付先を確認できません")
        doi.page.locator("button[value=reject]").click()
        expect(doi.page.locator(".said-so q")).to_have_text("送付先を確認できません")
        expect(doi.page.locator(".state").first).to_have_text("却下")
        assert doi.page.locator("form[data-do=state]").count() == 0
        doi.page.locator(".language").click()
        expect(doi.page.locator(".state").first).to_have_text("rejected")
        doi.page.locator("button[data-do=logout]").click()
        doi.page.wait_for_url(f"{site.origin}/login")
        expect(doi.page.locator("h1")).to_have_text("Log in")
        doi.open("/")
        doi.page.wait_for_url(f"{site.origin}/login")
        assert doi.complaints == []
        doi.context.close()


def test_what_a_person_is_to_do_is_said_beside_what_is_wrong(
    browser: Browser, tmp_path: Path
) -> None:
    with served(tmp_path) as site:
        baba = Person(browser, site, "baba")
        baba.open("/enrol")
        baba.page.locator("#ticket").fill("no ticket")
        baba.page.locator("form button").click()
        expect(baba.page.locator(".said.wrong .says")).to_have_count(1)
        expect(baba.page.locator(".said .do code")).to_have_text("sekisho roster invite")
        baba.picture("enrol-wrong")
        baba.open("/nowhere")
        expect(baba.page.locator("h1")).to_have_text("There is no such page.")
        baba.picture("sorry")
        baba.context.close()


def test_a_foreign_page_can_neither_frame_nor_send(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as site:
        victim = Person(browser, site, "baba")
        victim.open("/login")
        other = site.origin.replace("localhost", "127.0.0.1")
        said = victim.page.evaluate(
            """async (url) => {
                const how = {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'};
                try { return (await fetch(url, how)).type } catch (e) { return e.name }
            }""",
            f"{other}/api/logout",
        )
        assert said == "TypeError", "the page's own policy lets it speak to its origin alone"
        framing = victim.context.new_page()
        framing.set_content(f"<iframe src='{site.origin}/login'></iframe>")
        framing.wait_for_timeout(300)
        frames = [each for each in framing.frames if each.url.startswith(site.origin)]
        assert not any(each.locator("form").count() for each in frames)
        victim.context.close()
