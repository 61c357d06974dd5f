"""Why the gate was open, what it was shown and whether it can be gone around: shown everywhere."""

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from drill_world import outcome, section
from page_reader import read
from rich.console import Console

from sekisho.cli.drill_json import outcome_json
from sekisho.cli.drill_story import story
from sekisho.drills.dmm_2024.page import LANGUAGES, page
from sekisho.drills.dmm_2024.records import Outcome, Variant
from sekisho.kernel.words import Language
from sekisho.passes.bundle import open_bundle
from sekisho.wallets.records import Level

both_languages = pytest.mark.parametrize("language", LANGUAGES)
PLAYED = partial(outcome, Variant.PASS)
SAID: dict[Language, tuple[str, ...]] = {
    "en": (
        "lease 1 until 13:35 JST, granted at 13:20 JST by whoever watches (key {key}…)",
        "has seen all 30 journal entries",
        "the pass as a bundle of {size} bytes",
        "storage-1 is advisory: the gate can be gone around (act two shows what is left then)",
    ),
    "ja": (
        "リース第 1 号は 13:35 JST まで。監視（鍵 {key}…）が 13:20 JST に付与",
        "台帳 30 件を確認済み",
        "バンドル（{size} バイト）",
        "storage-1 は強制なし（advisory）：関所は迂回できる（そのとき何が残るかは第二幕）",
    ),
}
ENFORCED: dict[Language, str] = {
    "en": "storage-1 is enforced: without the gate's own key nothing moves",
    "ja": "storage-1 は強制（enforced）：関所自身の鍵がなければ、何も動かない",
}
NO_BUNDLE: dict[Language, str] = {
    "en": "shown no bundle: there is no pass",
    "ja": "バンドルの提示はない",
}


def told(played: Outcome, language: Language) -> str:
    """Return the terminal's story, so wide that no line is broken."""
    console = Console(width=400)
    with console.capture() as capture:
        console.print(story(played, [], language))
    return capture.get()


def shown(played: Outcome, language: Language) -> str:
    """Return what the page's section on the gate says."""
    return section(read(page(played)), "gate", language).text()


def both(played: Outcome, language: Language) -> tuple[str, str]:
    return told(played, language), shown(played, language)


@both_languages
def test_terminal_and_page_show_lease_bundle_and_level(language: Language) -> None:
    played = PLAYED()
    key, size = played.gate.granter_key.hex()[:8], f"{len(played.bundle):,}"
    for text in both(played, language):
        for said in SAID[language]:
            assert said.format(key=key, size=size) in text
        assert NO_BUNDLE[language] not in text


def test_the_document_shows_lease_bundle_and_level() -> None:
    played = PLAYED()
    gate = json.loads(json.dumps(outcome_json(played, [])["gate"]))
    assert (gate["mode"], gate["level"], gate["wallets"]) == (
        "co-located",
        "advisory",
        ["storage-1"],
    )
    assert gate["bundle_bytes"] == len(played.bundle)
    assert gate["lease"] == {
        "number": 1,
        "granter_key": played.gate.granter_key.hex(),
        "granted": "2024-05-31T04:20:00Z",
        "expires": "2024-05-31T04:35:00Z",
        "journal_entries": 30,
    }


def test_the_bundle_is_the_passs() -> None:
    played = PLAYED()
    assert played.standing is not None
    found = open_bundle(
        played.bundle, genesis_digest=played.genesis_digest, seen=None, now=None, where="bundle"
    )
    assert found.pass_digest == played.standing.digest


@both_languages
def test_another_lease_and_another_level_are_shown_as_they_are(language: Language) -> None:
    """No sentence stands by itself: each follows what the drill found."""
    played = PLAYED()
    lease = replace(
        played.lease,
        number=7,
        expires_at=played.lease.expires_at + timedelta(minutes=4),
        journal=replace(played.lease.journal, size=31),
    )
    gate = replace(played.gate, granter_key=bytes.fromhex("5e" * 32))
    other = replace(played, lease=lease, gate=gate, level=Level.ENFORCED, bundle=bytes(1234))
    for text in both(other, language):
        for part in ("13:39 JST", "5e5e5e5e…", " 31 ", " 7 ", "1,234", ENFORCED[language]):
            assert part in text
        assert "storage-1 is advisory" not in text
    said = json.loads(json.dumps(outcome_json(other, [])["gate"]))
    assert (said["level"], said["bundle_bytes"]) == ("enforced", 1234)
    assert (said["lease"]["expires"], said["lease"]["number"]) == ("2024-05-31T04:39:00Z", 7)


@both_languages
def test_without_a_pass_there_is_no_bundle(language: Language) -> None:
    played = outcome(Variant.NO_PASS)
    assert all(NO_BUNDLE[language] in text for text in both(played, language))
    said = json.loads(json.dumps(outcome_json(played, [])["gate"]))
    assert said["bundle_bytes"] == 0
