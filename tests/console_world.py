"""A console over the exchange that tests share, and people with browsers and passkeys.

    office = console_in(folder)             # a journal, a clock, and the application over it
    browser = office.browser()              # a browser without a login, with its cookies
    browser.login("baba")                   # with baba's own authenticator
    browser.state(asked, "approve")         # begins, has the passkey sign, and finishes

Every person has a key file, `<person>-1`, and a passkey, `<person>-passkey-1`.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from httpx import ASGITransport, AsyncClient, Response
from world import World, ask, at_genesis, digest_of, journal_in, register, under_policy
from world import transfer_pass as pass_of
from world_coins import DESCRIPTORS, STRANGER, funding, outpoint, payment, wallet_of
from world_people import NOW, PEOPLE, roster
from world_policy import OPEN_POLICY

from sekisho.console.office import Office
from sekisho.console.sessions import Sessions
from sekisho.console.web import create_app
from sekisho.drills.authenticator import Authenticator, assert_in_browser
from sekisho.journal.store import JournalStore
from sekisho.kernel.canonical import Json
from sekisho.passes.assertion import base64url
from sekisho.passes.attestation import TrustRoot
from sekisho.passes.flow import open_desk
from sekisho.passes.policy.records import Policy
from sekisho.passes.records import Credential, CredentialKind, Pass, Person, Roster
from sekisho.passes.verify import Standing, standing_of

ORIGIN = "https://console.hakone.example"
RP_ID = "console.hakone.example"
TOKEN = "__Host-sekisho-token"


def passkey_of(person_id: str) -> Authenticator:
    """Return a person's authenticator, fresh, with the passkey of the roster in it."""
    device = Authenticator(f"passkey of {person_id}")
    device.make_credential(RP_ID, bytes(32))
    return device


def only_with(options: dict[str, Json], device: Authenticator) -> dict[str, Json]:
    """Return the options as if they had asked for a device's own passkey."""
    handle = device.handles(RP_ID)[0]
    return {**options, "allowCredentials": [{"type": "public-key", "id": base64url(handle)}]}


def with_passkey(person: Person) -> Person:
    """Return the person with the passkey that `passkey_of` holds."""
    device = passkey_of(person.person_id)
    handle = device.handles(RP_ID)[0]
    credential = Credential(
        credential_id=f"{person.person_id}-passkey-1",
        kind=CredentialKind.WEBAUTHN,
        public_key=device.public_key(handle),
        handle=handle,
        device=f"device-{person.person_id}",
        attested=True,
    )
    return replace(person, credentials=(*person.credentials, credential))


def console_roster(**changes: Any) -> Roster:  # noqa: ANN401 - the fields of Roster
    """Return the roster whose people have passkeys for the console at `ORIGIN`."""
    people = tuple(with_passkey(each) for each in PEOPLE)
    return roster(**{"people": people, "console_origin": ORIGIN, **changes})


def asked_world(
    purpose: str = "pay what is owed",
    *,
    policy: Policy = OPEN_POLICY,
    people: Roster | None = None,
) -> tuple[World, Pass]:
    """Return a world with a wallet, and one transfer for which aoki has asked."""
    world = under_policy(at_genesis(people or console_roster()), policy)
    wallet = wallet_of(DESCRIPTORS["wpkh"])
    world = register(world, wallet)
    coins = funding(wallet, 50_000_000)
    to = [payment(STRANGER, 10_000_000)]
    asked = pass_of(world, wallet, to, outpoint(coins, 0), purpose=purpose)
    return ask(world, asked), asked


@dataclass(slots=True)
class Clock:
    """The console's clock: a test moves it."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Browser:
    """One browser on the console's page: its cookies, and whose device is plugged in."""

    client: AsyncClient
    origin: str = ORIGIN
    device: Authenticator | None = None

    def get(self, path: str, **more: Any) -> Response:  # noqa: ANN401 - httpx's own
        return asyncio.run(self.client.get(path, **more))

    def post(self, path: str, body: object = None, **more: Any) -> Response:  # noqa: ANN401 - the same
        if TOKEN not in self.client.cookies:
            self.get("/api/openapi.json")
        headers = {
            "origin": self.origin,
            "sec-fetch-site": "same-origin",
            "x-csrftoken": self.client.cookies[TOKEN],
            **more.pop("headers", {}),
        }
        if "content" not in more:
            more["json"] = body
        return asyncio.run(self.client.post(path, headers=headers, **more))

    def answer(self, options: dict[str, Json]) -> dict[str, Json]:
        """Have the device that is plugged in answer, on a page of the console's origin."""
        assert self.device is not None
        return {"credential": assert_in_browser(self.device, options, self.origin)}

    def login(self, person_id: str, device: Authenticator | None = None) -> Response:
        self.device = device or passkey_of(person_id)
        begun = self.post("/api/login/begin", {"person_id": person_id})
        assert begun.status_code == 200, begun.text
        return self.post("/api/login/finish", self.answer(begun.json()["publicKey"]))

    def begin(self, asked: Pass, decision: str = "approve", **more: str) -> Response:
        body = {"decision": decision, "terminal_id": "desk-1", **more}
        return self.post(f"/api/passes/{asked.pass_id}/statement", body)

    def state(self, asked: Pass, decision: str = "approve", **more: str) -> Response:
        begun = self.begin(asked, decision, **more)
        assert begun.status_code == 200, begun.text
        return self.post("/api/statement", self.answer(begun.json()["publicKey"]))


@dataclass(slots=True)
class Console:
    """The application over one journal."""

    office: Office
    clock: Clock
    journal: JournalStore

    def browser(self, address: str = "192.0.2.1") -> Browser:
        """Return another browser, with cookies of its own, at an address."""
        transport = ASGITransport(app=create_app(self.office), client=(address, 50000))
        return Browser(AsyncClient(transport=transport, base_url=self.office.origin))

    def standing(self, asked: Pass) -> Standing:
        with self.office.at_desk() as desk:
            return standing_of(desk.register, digest_of(asked))


def console_in(
    folder: Path,
    world: World,
    *,
    roots: tuple[TrustRoot, ...] = (),
    note: tuple[bytes, int] = (b"", 0),
) -> Console:
    """Return a console over a world's journal; the caller closes the journal."""
    journal = journal_in(folder, world)
    clock = Clock()
    office = Office(
        desk=open_desk(journal, genesis_digest=world.genesis_digest),
        origin=ORIGIN,
        clock=clock,
        checkpoint=lambda: note,
        roots=roots,
        secret="5e" * 32,
        sessions=Sessions(clock),
    )
    return Console(office=office, clock=clock, journal=journal)
