"""What no request gets past: other sites, other hosts, crooked bodies, and too many of them."""

import json
from collections.abc import Iterator

import pytest
from console_world import ORIGIN, TOKEN, Browser, Console
from httpx import Response
from itsdangerous.url_safe import URLSafeSerializer

from sekisho.console.guards import BODY_MAX_BYTES
from sekisho.console.pace import PER_MINUTE, Act
from sekisho.kernel.errors import WorldError
from sekisho.passes.records import Pass

pytestmark = pytest.mark.enable_socket  # an event loop is made of a pair of sockets


def error_of(said: Response) -> tuple[int, str]:
    body = said.json()
    assert set(body) == {"error", "where", "reason", "findings"}
    return said.status_code, body["error"]


def test_every_answer_carries_the_headers(browser: Browser) -> None:
    for said in (browser.get("/api/me"), browser.get("/nothing"), browser.post("/api/logout")):
        policy = said.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert said.headers["x-content-type-options"] == "nosniff"
        assert said.headers["cache-control"] == "no-store"
        assert said.headers["strict-transport-security"].startswith("max-age=")


def test_a_fault_of_ours_says_nothing_of_itself(
    browser: Browser, console: Console, asked: Pass, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> tuple[bytes, int]:
        raise RuntimeError("the secret way in which it broke")

    browser.login("baba")
    console.office.checkpoint = broken
    said = browser.get(f"/api/passes/{asked.pass_id}/bundle")
    assert error_of(said) == (500, "fault")
    assert "secret" not in said.text
    assert "secret" in caplog.text
    assert "frame-ancestors 'none'" in said.headers["content-security-policy"]


def test_a_journal_that_fails_is_no_answer(
    browser: Browser, console: Console, asked: Pass, caplog: pytest.LogCaptureFixture
) -> None:
    def gone() -> tuple[bytes, int]:
        raise WorldError("/var/lib/x: the disk is full")

    browser.login("baba")
    console.office.checkpoint = gone
    said = browser.get(f"/api/passes/{asked.pass_id}/bundle")
    assert error_of(said) == (503, "unavailable")
    assert "/var/lib" not in said.text
    assert "/var/lib" in caplog.text


def test_the_cookies_stay_with_this_origin(browser: Browser) -> None:
    begun = browser.post("/api/login/begin", {"person_id": "baba"})
    (session,) = begun.headers.get_list("set-cookie")
    assert session.startswith("__Host-sekisho=")
    told = {each.strip().lower() for each in session.split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= told


def test_without_the_token_nothing_changes(browser: Browser) -> None:
    browser.login("baba")
    for token in ("", "wrong", browser.client.cookies["__Host-sekisho"]):
        said = browser.post("/api/logout", headers={"x-csrftoken": token})
        assert error_of(said) == (403, "console.no_token")
    assert browser.get("/api/me").status_code == 200


def test_a_token_that_somebody_else_signed_is_none(browser: Browser) -> None:
    """Whoever can set a cookie, from a neighbouring host say, still cannot make a token."""
    forged = URLSafeSerializer("another secret", "csrftoken").dumps("x")
    browser.client.cookies.set(TOKEN, forged)
    said = browser.post("/api/logout", headers={"x-csrftoken": forged})
    assert error_of(said) == (403, "console.no_token")


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://console.hakone.example"},
        {"origin": f"{ORIGIN}:8443"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
    ],
    ids=str,
)
def test_a_request_of_another_site_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    browser.login("baba")
    said = browser.post("/api/logout", headers=headers)
    assert error_of(said) == (403, "console.other_origin")
    assert browser.get("/api/me").status_code == 200


def test_a_read_under_another_host_is_refused(browser: Browser) -> None:
    """DNS rebinding: the browser believes that the console is the attacker's host."""
    said = browser.get("/api/me", headers={"host": "rebound.example"})
    assert error_of(said) == (403, "console.other_origin")


CROOKED = {
    "a key twice": b'{"person_id":"baba","person_id":"chiba"}',
    "an escaped key twice": b'{"person_id":"baba","person\\u005fid":"chiba"}',
    "a huge number": b'{"person_id":' + b"9" * 400 + b"}",
    "a fraction": b'{"person_id":1.5}',
    "infinity": b'{"person_id":Infinity}',
    "deep nesting": b'{"person_id":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a lone surrogate": b'{"person_id":"\\ud800"}',
    "another encoding": '{"person_id":"baba"}'.encode("utf-16"),
    "a byte-order mark": b'\xef\xbb\xbf{"person_id":"baba"}',
    "no JSON": b"person_id=baba",
    "two documents": b'{"person_id":"baba"}{"person_id":"baba"}',
}


@pytest.mark.parametrize("name", CROOKED)
def test_json_that_reads_in_two_ways_is_refused(browser: Browser, name: str) -> None:
    said = browser.post(
        "/api/login/begin", content=CROOKED[name], headers={"content-type": "application/json"}
    )
    assert error_of(said) == (400, "bad_input")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_can_send_is_no_request(browser: Browser, kind: str) -> None:
    """Pages of other sites can send these without being asked first."""
    body = json.dumps({"person_id": "baba"}).encode()
    said = browser.post("/api/login/begin", content=body, headers={"content-type": kind})
    assert error_of(said) == (415, "bad_input")


def test_a_field_that_is_not_known_is_refused(browser: Browser) -> None:
    said = browser.post("/api/login/begin", {"person_id": "baba", "admin": True})
    assert error_of(said) == (422, "bad_input")
    assert said.json()["where"] == "body.admin"


def test_a_large_body_is_refused_before_it_is_read(browser: Browser) -> None:
    large = b" " * (BODY_MAX_BYTES + 1)
    kind = {"content-type": "application/json"}
    said = browser.post("/api/login/begin", content=large, headers=kind)
    assert error_of(said) == (413, "console.too_large")


def test_a_large_body_is_refused_though_it_says_nothing_of_its_size(browser: Browser) -> None:
    given = 0

    async def parts() -> object:
        nonlocal given
        while True:
            given += 1
            yield b" " * 65_536

    kind = {"content-type": "application/json"}
    said = browser.post("/api/login/begin", content=parts(), headers=kind)
    assert error_of(said) == (413, "console.too_large")
    assert given < 8


@pytest.mark.parametrize("length", ["-1", "1e9", "９", "9" * 400])
def test_a_length_that_is_none_is_refused(browser: Browser, length: str) -> None:
    headers = {"content-type": "application/json", "content-length": length.encode()}
    said = browser.post("/api/login/begin", content=b"{}", headers=headers)
    assert said.status_code == 413


PATHS = (
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/sekisho.toml",
    "%00",
    "0" * 26 + "%0d%0aset-cookie:%20x=1",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "０" * 26,
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_no_id_leads_nowhere(browser: Browser, path: str) -> None:
    browser.login("baba")
    for where in (f"/api/passes/{path}", f"/api/passes/{path}/bundle", f"/static/{path}"):
        said = browser.get(where)
        assert said.status_code in {404, 422}
        assert "x=1" not in str(said.headers.get("set-cookie"))
        assert "root:" not in said.text


def test_a_pass_that_is_not_there(browser: Browser) -> None:
    browser.login("baba")
    assert error_of(browser.get("/api/passes/" + "0" * 26)) == (404, "console.pass_unknown")


def test_too_many_requests_have_to_wait(browser: Browser, console: Console) -> None:
    said = [browser.get("/api/me") for _ in range(PER_MINUTE[Act.REQUEST] + 1)]
    assert said[-2].status_code == 401
    assert error_of(said[-1]) == (429, "console.too_many_requests")
    assert 1 <= int(said[-1].headers["retry-after"]) <= 61
    assert console.browser("192.0.2.2").get("/api/me").status_code == 401


def test_too_many_logins_have_to_wait_and_lock_nobody_out(
    browser: Browser, console: Console
) -> None:
    asked = {"person_id": "baba"}
    said = [browser.post("/api/login/begin", asked) for _ in range(PER_MINUTE[Act.LOGIN] + 1)]
    assert [each.status_code for each in said[-2:]] == [200, 429]
    assert console.browser("192.0.2.2").login("baba").status_code == 200


def test_one_person_cannot_fill_the_journal(browser: Browser, asked: Pass) -> None:
    browser.login("baba")
    said = [browser.begin(asked) for _ in range(PER_MINUTE[Act.STATEMENT] + 1)]
    assert [each.status_code for each in said[-2:]] == [200, 429]


BODIES: dict[str, object] = {
    "/api/passes/{pass_id}/statement": {"decision": "approve", "terminal_id": "desk-1"},
    "/api/statement": {"credential": {}},
    "/api/statements": {
        "approval": {},
        "signature": "",
        "authenticator_data": "",
        "client_data": "",
    },
}


def test_every_route_that_is_not_for_strangers_asks_who_it_is(browser: Browser) -> None:
    document = browser.get("/api/openapi.json").json()
    open_to_all = {
        "/api/login/begin",
        "/api/login/finish",
        "/api/logout",
        "/api/enrolment/begin",
        "/api/enrolment/finish",
        "/api/enrolment/credential",
    }
    for path, methods in document["paths"].items():
        for method in methods:
            if path in open_to_all:
                continue
            where = path.replace("{pass_id}", "0" * 26)
            said = browser.get(where) if method == "get" else browser.post(where, BODIES[path])
            assert error_of(said) == (401, "console.not_logged_in"), path


def test_the_document_says_what_every_route_takes_and_gives(browser: Browser) -> None:
    document = browser.get("/api/openapi.json").json()
    assert document["info"]["title"] == "Sekisho console"
    for name, method, route in routes(document):
        assert route["summary"], name
        assert route["description"], name
        if method == "post" and "logout" not in name:
            assert route["requestBody"]["required"], name
    schemas = document["components"]["schemas"]
    silent = [name for name, each in schemas.items() if not each.get("description")]
    assert not [name for name in silent if name not in {"HTTPValidationError", "ValidationError"}]


def routes(
    document: dict[str, dict[str, dict[str, dict[str, dict[str, object]]]]],
) -> Iterator[tuple[str, str, dict[str, dict[str, object]]]]:
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            yield path, method, route
