"""The drill's page in a real browser, opened from the disk as people will open it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from drill_world import outcome
from playwright.sync_api import Browser, Page, sync_playwright

from sekisho.drills.dmm_2024.page import page as page_of
from sekisho.drills.dmm_2024.records import Variant

pytestmark = [
    pytest.mark.browser,
    pytest.mark.enable_socket,  # the browser is spoken to over a local pipe and an event loop
    pytest.mark.xdist_group("browser"),
]
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (1280, 390, 360)
both_variants = pytest.mark.parametrize("variant", Variant)


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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for variant in Variant:
        html = page_of(outcome(variant))
        (folder / f"{variant.value}.html").write_text(html, encoding="utf-8")
    return folder


class Opened:
    """A page, with everything that it asked for and complained of."""

    def __init__(self, browser: Browser, file: Path, width: int = 1280) -> None:
        self.uri = file.as_uri()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page: Page = browser.new_page(viewport={"width": width, "height": 844})
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(self.uri)

    def shown(self) -> list[str | None]:
        """Return the languages of the stories that can be seen."""
        articles = self.page.locator("article").all()
        return [each.get_attribute("lang") for each in articles if each.is_visible()]

    def choose(self, language: str) -> None:
        self.page.locator(f"label[for=show-{language}]").click()


@pytest.fixture
def opened(browser: Browser, folder: Path, variant: Variant) -> Iterator[Opened]:
    found = Opened(browser, folder / f"{variant.value}.html")
    yield found
    found.page.close()


@both_variants
def test_it_opens_from_the_disk_and_asks_for_nothing(opened: Opened) -> None:
    assert opened.page.title() == "Sekisho drill dmm-2024 · 関所 演習 dmm-2024"
    for language in ("ja", "en"):
        opened.choose(language)
        opened.page.locator(f"article[lang={language}] footer").scroll_into_view_if_needed()
    assert opened.requests == [opened.uri]
    assert opened.complaints == []


@both_variants
def test_one_language_is_shown_and_the_other_is_one_click_away(opened: Opened) -> None:
    assert opened.shown() == ["en"]
    opened.choose("ja")
    assert opened.shown() == ["ja"]
    opened.choose("en")
    assert opened.shown() == ["en"]


@pytest.mark.parametrize("variant", [Variant.PASS])
def test_the_switch_works_from_the_keyboard(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    opened.page.keyboard.press("ArrowRight")
    assert opened.shown() == ["ja"]


@pytest.mark.parametrize("variant", [Variant.PASS])
def test_without_the_switch_both_languages_can_be_read(opened: Opened) -> None:
    opened.page.evaluate("document.querySelector('style').remove()")
    assert opened.shown() == ["en", "ja"]


@pytest.mark.parametrize("variant", [Variant.PASS])
def test_paper_shows_the_language_that_was_chosen(opened: Opened) -> None:
    opened.choose("ja")
    opened.page.emulate_media(media="print")
    assert opened.shown() == ["ja"]
    assert not opened.page.locator(".switch").is_visible()
    assert opened.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


@both_variants
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_has_to_be_scrolled_sideways(
    browser: Browser, folder: Path, variant: Variant, width: int
) -> None:
    opened = Opened(browser, folder / f"{variant.value}.html", width)
    for language in ("en", "ja"):
        opened.choose(language)
        wide = opened.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{language}: {wide} pixels on {width}"
        flows = opened.page.locator(f"article[lang={language}] svg.flow").all()
        assert [each.is_visible() for each in flows] == [width > 860, width <= 860]
    opened.page.close()


@both_variants
def test_the_first_screen_holds_the_answer(opened: Opened) -> None:
    """What happened, what it means, what to do next, before anything is scrolled."""
    for language in ("en", "ja"):
        opened.choose(language)
        first = opened.page.locator(f"article[lang={language}] .next").bounding_box()
        assert first is not None
        assert first["y"] + first["height"] <= 844
