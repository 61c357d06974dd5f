"""A security key on an approver's own machine: enrolled, on the roster, and used on a bundle.

The key is software behind the library's own USB list; no physical key was used.
"""

from pathlib import Path
from typing import Any

import pytest
from fido2.hid import CtapHidDevice
from office import PAYEE, Office, codes, opened
from software_key import SoftwareKey

from sekisho.drills.authenticator import Authenticator, maker_of

SEED = "security key of frank"


@pytest.fixture
def office(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Office:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return opened(tmp_path, capsys)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> SoftwareKey:
    """Plug a key in: what the library finds on USB is this one."""
    found = SoftwareKey(Authenticator(SEED), pin=None, fingerprint=True)
    monkeypatch.setattr(CtapHidDevice, "list_devices", lambda: iter([found]))
    return found


def enrolled(office: Office, *more: str) -> str:
    """Enrol the key that is plugged in as Frank's, and return his credential file.

    Its commitment is made, and kept for a roster of keys that are not for trials.
    """
    root = office.root / "maker.pem"
    root.write_bytes(maker_of(SEED).root_pem)
    bare, whole = office.file("frank.credential"), office.file("frank.committed")
    code, said = office.bare(
        "roster", "security-key", "frank", "--out", bare, "--device", "SN-7001",
        "--terminal", "frank-laptop", "--root", str(root), "-w", str(office.root),
    )  # fmt: skip
    assert (code, said["findings"]) == (0, [])
    assert office.bare("roster", "commit", bare, "--out", whole, *more)[0] == 0
    assert Path(f"{whole}.openings").stat().st_mode & 0o077 == 0
    return bare


def with_frank(office: Office) -> None:
    office.root.joinpath("next.json").unlink(missing_ok=True)
    code, said = office(
        "roster", "next", "--out", office.file("next.json"),
        "--add", f"frank:security:{enrolled(office)}",
    )  # fmt: skip
    assert code == 0, said
    office.put_in_force("roster", "rotate", office.file("next.json"))


def bundle_of(office: Office, pass_id: str) -> str:
    assert office("journal", "checkpoint")[0] == 0
    path = office.file(f"{pass_id}.bundle")
    assert office("pass", "export", pass_id, "--out", path)[0] == 0
    return path


@pytest.mark.usefixtures("key")
def test_from_enrolment_to_an_approval_with_the_words_compared(office: Office) -> None:
    with_frank(office)
    asked = office.asked(pay=[f"{PAYEE}=0.5"])
    office.approved(asked["pass_id"], "bob", "dave")
    bundle = bundle_of(office, asked["pass_id"])
    review = ("pass", "review", bundle, "--terminal", "desk-1", "-w", str(office.root))
    frank = (*review, "--security-key", "frank-security-key-1")
    assert office.bare(*frank, "--words", "abandon " * 12)[0] == 2, "other words are another pass"
    words = " ".join(asked["words"]["ja"])
    code, said = office.bare(*frank, "--words", words)
    assert code == 0, said
    code, said = office("pass", "submit", said["statement"])
    assert (code, said["findings"]) == (0, [])
    statement = said["statements"][-1]
    assert (statement["approver"], statement["method"]) == ("frank", "fido2-usb")
    assert statement["words_entered"] is True


def frank_reviews(office: Office, asked: Any, bundle: str, *more: str) -> tuple[int, Any]:  # noqa: ANN401 - JSON
    words = " ".join(asked["words"]["en"])
    return office.bare(
        "pass", "review", bundle, "--terminal", "desk-1", "-w", str(office.root),
        "--security-key", "frank-security-key-1", "--words", words, *more,
    )  # fmt: skip


@pytest.mark.usefixtures("key")
def test_two_reviews_before_either_is_handed_in_both_count(office: Office) -> None:
    """Neither bundle knows of the other's statement, and the key counts nothing we could read."""
    with_frank(office)
    passes = [office.asked(), office.asked()]
    for each in passes:
        office.approved(each["pass_id"], "bob", "dave")
    bundles = [bundle_of(office, each["pass_id"]) for each in passes]
    statements = []
    for asked, bundle in zip(passes, bundles, strict=True):
        code, said = frank_reviews(office, asked, bundle)
        assert code == 0, said
        statements.append(said["statement"])
    for statement in statements:  # in the order of the key's own counter
        code, said = office("pass", "submit", statement)
        assert code == 0, said
    for asked in passes:
        shown = office.shown(asked["pass_id"])
        assert (codes({"findings": shown["set_aside"]}), shown["counted"]["security"]) == (
            set(),
            ["frank"],
        )


@pytest.mark.usefixtures("key")
def test_the_last_checkpoint_seen_is_kept_for_the_user_of_a_security_key(
    office: Office, tmp_path: Path
) -> None:
    with_frank(office)
    asked = office.asked()
    older = bundle_of(office, asked["pass_id"])
    void = ("pass", "void", asked["pass_id"], "--reason", "x", *office.signing("dave"))
    assert office(*void)[0] == 0
    other = office.asked()
    newer = bundle_of(office, other["pass_id"])
    code, said = frank_reviews(office, other, newer)
    assert (code, Path(said["seen"]).parent) == (0, tmp_path / "data" / "sekisho"), said
    assert Path(said["seen"]).exists()
    code, said = frank_reviews(office, asked, older)
    assert (code, codes(said)) == (3, {"journal.checkpoint_lower"})
    assert not Path(f"{older}.statement").exists()


def test_a_key_that_is_not_franks_signs_nothing_in_his_name(
    office: Office, key: SoftwareKey
) -> None:
    with_frank(office)
    asked = office.asked()
    bundle = bundle_of(office, asked["pass_id"])
    key.authenticator = Authenticator("security key of mallory")
    code, _ = office.bare(
        "pass", "review", bundle, "--terminal", "desk-1", "-w", str(office.root),
        "--security-key", "frank-security-key-1", "--words", " ".join(asked["words"]["en"]),
    )  # fmt: skip
    assert code == 1
    assert not Path(f"{bundle}.statement").exists()


@pytest.mark.usefixtures("key")
def test_a_key_that_its_maker_does_not_vouch_for_is_not_enrolled(office: Office) -> None:
    code, said = office.bare(
        "roster", "security-key", "frank", "--out", office.file("x"), "--device", "SN-7001",
        "--terminal", "frank-laptop", "-w", str(office.root),
    )  # fmt: skip
    assert code == 3
    assert codes(said) == {"passes.credential_not_attested"}
    assert not Path(office.file("x")).exists()


@pytest.mark.usefixtures("key")
def test_a_roster_does_not_mix_those_with_and_without_a_commitment(office: Office) -> None:
    enrolled(office)
    code, said = office(
        "roster", "next", "--out", office.file("next.json"),
        "--add", f"frank:security:{office.file('frank.committed')}",
    )  # fmt: skip
    assert code == 2
    assert "commitment" in said["error"]
