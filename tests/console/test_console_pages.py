"""The pages: nobody's words become markup, and both languages say everything."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from console_world import Browser, Console, asked_world, console_in, console_roster, with_passkey
from markupsafe import escape
from world import ask, at_genesis, register, transfer_pass, under_policy
from world_coins import STRANGER, address_at, payment
from world_people import PEOPLE
from world_policy import OPEN_POLICY
from world_power import COINS, HOT, standing_pass

from sekisho.chains.bitcoin.addresses import address_of, script_of
from sekisho.chains.bitcoin.networks import Network
from sekisho.console.pages import _coded
from sekisho.console.views import text, texts
from sekisho.kernel.errors import WorldError
from sekisho.passes.records import Pass, Replacement, Transfer

pytestmark = pytest.mark.enable_socket  # an event loop is made of a pair of sockets
HOSTILE = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>{{ 7*7 }}{% raw %} `x`"
PARTS = Path(__file__).parents[2] / "src" / "sekisho" / "console"


def test_strangers_see_the_login_and_nothing_else(browser: Browser, asked: Pass) -> None:
    for path in ("/", f"/passes/{asked.pass_id}"):
        said = browser.get(path)
        assert (said.status_code, said.headers["location"]) == (303, "/login")
    assert "Hakone Exchange" in browser.get("/login").text
    assert asked.pass_id not in browser.get("/login").text


@pytest.mark.parametrize("language", ["en", "ja"])
def test_hostile_names_and_purposes_are_text(tmp_path: Path, language: str) -> None:
    people = tuple(
        replace(with_passkey(each), name=HOSTILE if each.person_id == "baba" else each.name)
        for each in PEOPLE
    )
    people_named = console_roster(people=people, exchange=HOSTILE)
    world, asked = asked_world(HOSTILE, people=people_named)
    console = console_in(tmp_path, world)
    browser = console.browser()
    browser.login("baba")
    browser.state(asked, "reject", reason=HOSTILE)
    for path in ("/", f"/passes/{asked.pass_id}", "/login"):
        page = browser.get(path, params={"lang": language}).text
        assert str(escape(HOSTILE)) in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "49" not in re.sub(r"<[^>]*>|[0-9A-Z]{26}", "", page).split(HOSTILE)[0][:400]
    console.journal.close()


def test_no_page_holds_script_or_style_of_its_own(browser: Browser, asked: Pass) -> None:
    """The policy would stop it; a page that needs it would be broken, and not merely weak."""
    browser.login("baba")
    for path in ("/", f"/passes/{asked.pass_id}", "/login", "/enrol"):
        page = browser.get(path).text
        assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/console.js" defer>']
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
        assert not re.search(r'(src|href)="(https?:)?//', page)


def test_the_whole_address_is_shown_in_groups_of_four(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    page = browser.get(f"/passes/{asked.pass_id}").text
    (shown,) = re.findall(r'<p class="address">(.*?)</p>', page)
    groups = re.findall(r"<span>(.*?)</span>", shown)
    assert "".join(groups) == asked.action.payments[0].address  # type: ignore[union-attr]  # a transfer
    assert all(len(each) == 4 for each in groups[:-1])


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept-language": "ja,en;q=0.8"}, "ja"),
        ({"accept-language": "fr-FR, ja-JP;q=0.9"}, "ja"),
        ({"accept-language": "de"}, "en"),
        ({"accept-language": ";;;,,,q=" * 50}, "en"),
    ],
    ids=str,
)
def test_the_browsers_language_is_spoken(
    browser: Browser, headers: dict[str, str], language: str
) -> None:
    assert f'<html lang="{language}">' in browser.get("/login", headers=headers).text


def test_the_switch_is_remembered_and_takes_no_other_word(browser: Browser) -> None:
    assert '<html lang="ja">' in browser.get("/login", params={"lang": "ja"}).text
    assert '<html lang="ja">' in browser.get("/login").text
    assert '<html lang="ja">' in browser.get("/login", params={"lang": '"><b>'}).text
    assert '<html lang="en">' in browser.get("/login", params={"lang": "en"}).text


def test_the_requester_is_not_offered_to_approve(console: Console, asked: Pass) -> None:
    browser = console.browser()
    browser.login("aoki")
    page = browser.get(f"/passes/{asked.pass_id}").text
    assert 'value="approve"' not in page
    assert 'value="void"' in page


def test_a_pass_that_is_not_there_is_said_in_words(browser: Browser) -> None:
    browser.login("baba")
    said = browser.get("/passes/" + "0" * 26, params={"lang": "ja"})
    assert said.status_code == 404
    assert "台帳にありません" in said.text


@pytest.mark.parametrize("path", ["/nowhere", "/passes/x", "/?before=x"])
@pytest.mark.parametrize(("language", "says"), [("en", "no such page"), ("ja", "見つかりません")])
def test_what_is_not_there_is_a_page_for_people_and_json_for_programs(
    browser: Browser, path: str, language: str, says: str
) -> None:
    said = browser.get(path, headers={"accept-language": language})
    assert said.status_code in {404, 422}
    assert said.headers["content-type"].startswith("text/html")
    assert says in said.text
    for machine in ("/api/nowhere", "/static/nowhere"):
        assert set(browser.get(machine).json()) == {"error", "where", "reason", "findings"}


def test_a_journal_that_cannot_be_used_is_a_page_that_tells_nothing_of_it(
    browser: Browser, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise WorldError("disk /var/lib/x: gone")

    browser.login("baba")
    monkeypatch.setattr(type(console.office), "at_desk", broken)
    said = browser.get("/")
    assert (said.status_code, said.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "cannot answer now" in said.text
    assert "/var/lib" not in said.text


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", ("any address", "0.00050000 BTC", "20", "3,600 seconds", "key file")),
        ("ja", ("すべてのアドレス", "0.00150000 BTC", "20", "3,600 秒", "鍵ファイル")),
    ],
)
def test_a_standing_pass_shows_its_limits_in_words(
    tmp_path: Path, language: str, shown: tuple[str, ...]
) -> None:
    world = register(under_policy(at_genesis(console_roster()), OPEN_POLICY), HOT)
    asked = standing_pass(world)
    console = console_in(tmp_path, ask(world, asked))
    browser = console.browser()
    browser.login("baba")
    page = browser.get(f"/passes/{asked.pass_id}", params={"lang": language}).text
    facts, _, _ = page.partition('class="card words"')
    said_so = page.partition('class="said-so"')[2]
    for each in shown[:-1]:
        assert f"<dd>{each}</dd>" in facts
    assert shown[-1] in said_so
    console.journal.close()


@pytest.mark.parametrize(
    ("language", "warning", "own"),
    [
        (
            "en",
            r"Looks like {}, and is another address \(\d+ bits: no accident\)",
            "Our own wallet hot-1",
        ),
        (
            "ja",
            r"{} に似せた別のアドレスです（一致度 \d+ ビット。偶然ではありません）",
            "当社ウォレット hot-1",
        ),
    ],
)
def test_an_address_made_to_resemble_one_of_ours_is_warned_of(
    tmp_path: Path, language: str, warning: str, own: str
) -> None:
    world = register(under_policy(at_genesis(console_roster()), OPEN_POLICY), HOT)
    ours = address_at(HOT, 2)
    script = script_of(ours, Network.MAIN, "address")
    false = address_of(script[:14] + bytes(8), Network.MAIN) or ""
    paid = [payment(each, 10_000) for each in (false, ours, STRANGER)]
    asked = transfer_pass(world, HOT, paid, COINS[0])
    console = console_in(tmp_path, ask(world, asked))
    browser = console.browser()
    browser.login("baba")
    page = browser.get(f"/passes/{asked.pass_id}", params={"lang": language}).text
    cards = page.split('<section class="card payee">')[1:]
    says = re.compile(rf'<p class="warning">{warning.format(ours)}</p>')
    assert [bool(says.search(card)) for card in cards] == [True, False, False]
    assert [f'<p class="note">{own}</p>' in card for card in cards] == [False, True, False]
    console.journal.close()


@pytest.mark.parametrize(
    ("language", "label"),
    [
        ("en", "Replaces this pass, and keeps its anchor"),
        ("ja", "置き換える手形（アンカーは同じ）"),
    ],
)
def test_a_pass_that_replaces_another_says_so(tmp_path: Path, language: str, label: str) -> None:
    world, first = asked_world()
    assert isinstance(first.action, Transfer)
    action = replace(first.action, replacement=Replacement(fee_bump=False, replaces=first.pass_id))
    second = replace(first, pass_id="01ARZ3NDEKTSV4RRFFQ69G5FAV", action=action)
    console = console_in(tmp_path, ask(world, second))
    browser = console.browser()
    browser.login("baba")
    row = f'<dt>{label}</dt><dd class="id">{first.pass_id}</dd>'
    for asked, replaces in ((second, True), (first, False)):
        page = browser.get(f"/passes/{asked.pass_id}", params={"lang": language}).text
        assert (row in page, label in page) == (replaces, replaces)
    console.journal.close()


def test_every_text_is_there_in_both_languages_and_used() -> None:
    written = "".join(
        path.read_text(encoding="utf-8")
        for path in PARTS.rglob("*")
        if path.suffix in {".py", ".j2", ".js"}
    )
    for name, (en, ja) in texts().items():
        assert en
        assert ja
        assert set(re.findall(r"\{\d\}", en)) == set(re.findall(r"\{\d\}", ja))
        stem = name.partition("_")[0] + "_"
        dynamic = stem in {"state_", "decision_", "answer_", "key_", "destinations_", "method_"}
        assert dynamic or f'"{name}"' in written, f"{name} is said nowhere"
    for name in re.findall(r'\bt\("([a-z_]+)"', written):
        assert name in texts() or name.endswith("_"), name


def test_a_fact_in_a_text_stays_text() -> None:
    assert text("own_wallet", "en", "{1}\u202e") == "Our own wallet {1}\\u202e"
    assert _coded("run `a <b>` now") == "run <code>a &lt;b&gt;</code> now"
    assert _coded("one ` alone <b>") == "one ` alone &lt;b&gt;"
