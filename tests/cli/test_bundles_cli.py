"""One file, verified by whoever trusts nothing but a digest; and signed on one's own machine."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from office import PAYEE, Office, codes, opened

from sekisho.app import current_time
from sekisho.cli import run


class Carried(Office):
    """The office, its witness, and other machines that hold nothing but what was carried there."""

    def checkpoint(self, name: str) -> str:
        path = self.file(name)
        assert self("journal", "checkpoint", "--out", path)[0] == 0
        return path

    def export(self, pass_id: str, name: str, *more: str) -> Path:
        path = self.root / name
        code, said = self("pass", "export", pass_id, "--out", str(path), *more)
        assert code == 0, said
        return path

    def genesis(self) -> str:
        _, said = self.bare("roster", "digest", self.file("roster.json"))
        return str(said["digest"])

    def verify(self, path: Path, *more: str) -> tuple[int, Any]:
        return self.bare("pass", "verify", str(path), "--genesis", self.genesis(), *more)


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Carried:
    return Carried(opened(tmp_path, capsys).root, capsys)


def test_a_pass_is_verified_from_one_file_far_from_any_workspace(
    office: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = office.asked()
    office.approved(asked["pass_id"])
    office.checkpoint("c1")
    bundle = office.export(asked["pass_id"], "pass.bundle")
    far = tmp_path / "auditor"
    far.mkdir()
    shutil.copy(bundle, far)
    monkeypatch.chdir(far)
    code, said = office.verify(Path("pass.bundle"))
    assert (code, said["answer"], said["digest"]) == (0, "good", asked["digest"])
    assert office.told("pass", "verify", "pass.bundle", "--genesis", office.genesis())[0] == 0
    code, said = office.bare("pass", "verify", "pass.bundle")
    assert (code, "pinned" in said["error"] or "workspace" in said["error"]) == (2, True), said
    code, said = office.bare("pass", "verify", "pass.bundle", "--genesis", "ab" * 32)
    assert code == 3


def test_a_changed_byte_anywhere_is_refused(office: Carried, tmp_path: Path) -> None:
    asked = office.asked()
    office.approved(asked["pass_id"])
    office.checkpoint("c1")
    whole = office.export(asked["pass_id"], "pass.bundle").read_bytes()
    changed = tmp_path / "changed"
    for place in range(0, len(whole), len(whole) // 60):
        changed.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        code, said = office.verify(changed)
        assert code in {2, 3}, (place, said)
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        changed.write_bytes(whole[:cut])
        assert office.verify(changed)[0] in {2, 3}
    entries = whole.splitlines(keepends=True)
    changed.write_bytes(b"".join(entries[:-1]))
    assert codes(office.verify(changed)[1]) == {"passes.bundle_incomplete"}


def test_an_older_checkpoint_is_refused_by_whoever_has_seen_a_later_one(
    office: Carried, tmp_path: Path
) -> None:
    asked = office.asked()
    office.approved(asked["pass_id"])
    office.checkpoint("c1")
    before = office.export(asked["pass_id"], "before.bundle")
    void = ("pass", "void", asked["pass_id"], "--reason", "x", *office.signing("dave"))
    assert office(*void)[0] == 0
    office.checkpoint("c2")
    after = office.export(asked["pass_id"], "after.bundle")
    older = office.export(asked["pass_id"], "older.bundle", "--checkpoint", office.file("c1"))
    assert older.read_bytes() == before.read_bytes()
    seen = ("--seen", str(tmp_path / "seen"))
    assert office.verify(before, *seen)[0] == 0, "nobody can know that it is old"
    code, said = office.verify(after, *seen)
    assert (code, said["answer"], codes(said)) == (3, "no", {"passes.voided"})
    code, said = office.verify(before, *seen)
    assert (code, said["answer"]) == (3, "no")
    assert codes(said) == {"journal.checkpoint_lower"}


def test_a_witness_cosigns_and_the_bundle_says_so(office: Carried, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    made = ("journal", "witness", "init", str(witness), "--name", "witness.example")
    assert office.bare(*made)[0] == 0
    path = office.file("next.json")
    assert office("roster", "next", "--out", path, f"--witness={witness}/witness.vkey")[0] == 0
    _, rotation = office("roster", "rotate", path, *office.signing("alice"))
    office.approved(rotation["pass_id"])
    office.adopt_policy(("needed = 0", "needed = 1"))
    asked = office.asked()
    office.approved(asked["pass_id"])
    checkpoint = office.checkpoint("c1")
    alone = office.export(asked["pass_id"], "alone.bundle")
    code, said = office.verify(alone)
    assert (code, said["answer"]) == (3, "no"), "the policy wants a witness"
    at = ("--dir", str(witness))
    log = office.file("journal.vkey")
    assert office.bare("journal", "witness", "add", "--log", log, *at)[0] == 0
    cosigned = str(tmp_path / "cosigned")
    cosign = ("journal", "witness", "cosign", checkpoint, "--out", cosigned, *at)
    assert office.bare(*cosign)[0] == 0
    joined = ("--cosignature", cosigned, "--witness", str(witness / "witness.vkey"))
    assert office("journal", "checkpoint", *joined)[0] == 0
    bundle = office.export(asked["pass_id"], "pass.bundle")
    code, said = office.verify(bundle, "--fresh")
    assert (code, said["answer"], said["witnesses"]) == (0, "good", ["witness.example"])


def test_a_pass_from_after_the_checkpoint_is_in_no_bundle_yet(office: Carried) -> None:
    office.checkpoint("c1")
    asked = office.asked()
    code, said = office("pass", "export", asked["pass_id"], "--out", office.file("x"))
    assert (code, codes(said)) == (3, {"passes.not_in_checkpoint"})
    assert "sekisho journal checkpoint" in json.dumps(said)
    office.checkpoint("c2")
    office.export(asked["pass_id"], "x")
    code, said = office("pass", "export", asked["pass_id"], "--out", office.file("x"))
    assert (code, "exists already" in said["error"]) == (2, True), said


def carry_key(office: Carried, who: str, folder: Path) -> None:
    """Carry a key file with everything that belongs to it."""
    for path in office.root.glob(f"{who}.key*"):
        shutil.copy(path, folder)


def carried(office: Carried, folder: Path, pass_id: str, who: str) -> Path:
    """Carry a bundle and one person's key file to another machine; return the bundle there."""
    folder.mkdir()
    office.checkpoint(f"checkpoint-for-{who}")
    shutil.copy(office.export(pass_id, f"for-{who}.bundle"), folder / "pass.bundle")
    carry_key(office, who, folder)
    return folder / "pass.bundle"


def test_an_approver_reviews_and_signs_on_a_machine_of_their_own(
    office: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = office.asked("--price", "bank-a=10000000")
    bundle = carried(office, tmp_path / "home", asked["pass_id"], "carol")
    monkeypatch.chdir(tmp_path / "home")
    review = ["pass", "review", "pass.bundle", "--key", "carol.key", "--terminal", "desk-2"]
    pinned = ["--genesis", office.genesis(), "--seen", "seen"]
    code, said = office.bare(*review, *pinned)
    assert (code, "words" in said["error"]) == (2, True), "nobody is there to type them"
    code, said = office.bare(*review, *pinned, "--words", "abandon " * 12)
    assert (code, "do not approve" in said["error"]) == (2, True)
    assert not Path("pass.bundle.statement").exists()
    words = " ".join(asked["words"]["en"])
    office.capsys.readouterr()
    assert run([*review, *pinned, "--words", words]) == 0
    told = office.capsys.readouterr().out
    for line in (
        " ".join(PAYEE[at : at + 4] for at in range(0, len(PAYEE), 4)),
        "Pays 1.50000000 BTC to",
        "worth ¥15,000,000",
        "never paid before",
        "0.37 % of the wallet",
        "0.37 % of all customers' coins",
        "quorum: denied",
        words,
        "the last of ",
        "! No witness says that nothing newer was withheld",
        "Signed: approve. Carry pass.bundle.statement to the server.",
    ):
        assert line in told
    statement = str(Path("pass.bundle.statement").resolve())
    before = office.entries()
    code, said = office("pass", "submit", statement)
    assert (code, said["counted"]) == (0, {"security": ["carol"]})
    assert said["statements"][-1]["words_entered"]
    assert said["statements"][-1]["terminal_id"] == "desk-2"
    assert office.entries() == before + 1
    assert bundle.exists()


def test_a_pass_is_rejected_on_ones_own_machine_without_any_words(
    office: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = office.asked()
    carried(office, tmp_path / "home", asked["pass_id"], "carol")
    monkeypatch.chdir(tmp_path / "home")
    review = ["pass", "review", "pass.bundle", "--key", "carol.key", "--terminal", "desk-2"]
    more = ["--genesis", office.genesis(), "--reject", "I never heard of this customer"]
    assert office.bare(*review, *more, "--out", "no.statement")[0] == 0
    code, said = office("pass", "submit", str(Path("no.statement").resolve()))
    assert (code, codes(said) >= {"passes.rejected"}) == (0, True)


def test_a_statement_that_was_touched_on_the_way_is_refused(
    office: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, other = office.asked(), office.asked()
    carried(office, tmp_path / "home", asked["pass_id"], "carol")
    monkeypatch.chdir(tmp_path / "home")
    review = ["pass", "review", "pass.bundle", "--key", "carol.key", "--terminal", "desk-2"]
    words = " ".join(asked["words"]["en"])
    assert office.bare(*review, "--genesis", office.genesis(), "--words", words)[0] == 0
    statement = json.loads(Path("pass.bundle.statement").read_text(encoding="utf-8"))
    before = office.entries()
    for field, value in (
        ("pass_digest", other["digest"]),
        ("decision", "reject"),
        ("approver", "erin"),
        ("terminal_id", "desk-1"),
        ("method", "webauthn-browser"),
        ("words", ""),
    ):
        changed = json.loads(json.dumps(statement))
        changed["approval"][field] = value
        Path("changed").write_text(json.dumps(changed), encoding="utf-8")
        code, said = office("pass", "submit", str(Path("changed").resolve()))
        assert code in {2, 3}, (field, said)
    assert office.entries() == before
    for junk in (b"", b"{}", b"\xff", b"[" * 100_000, b'{"approval":1}'):
        Path("changed").write_bytes(junk)
        assert office("pass", "submit", str(Path("changed").resolve()))[0] == 2
    assert office("pass", "submit", str(Path("pass.bundle.statement").resolve()))[0] == 0
    code, said = office("pass", "submit", str(Path("pass.bundle.statement").resolve()))
    assert office.shown(asked["pass_id"])["counted"] == {"security": ["carol"]}, "once"


def test_several_statements_are_handed_in_together_and_answered_apart(
    office: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, other = office.asked(), office.asked()
    carried(office, tmp_path / "home", asked["pass_id"], "carol")
    shutil.copy(office.export(other["pass_id"], "other.bundle"), tmp_path / "home")
    monkeypatch.chdir(tmp_path / "home")
    files = []
    for bundle, each in (("pass.bundle", asked), ("other.bundle", other)):
        review = ["pass", "review", bundle, "--key", "carol.key", "--terminal", "desk-2"]
        words = ["--words", " ".join(each["words"]["en"])]
        code, said = office.bare(*review, "--genesis", office.genesis(), *words)
        assert code == 0, said
        files.append(str(Path(said["statement"]).resolve()))
    forged = json.loads(Path(files[0]).read_text(encoding="utf-8"))
    forged["approval"]["reason"] = "another"
    Path("forged").write_text(json.dumps(forged), encoding="utf-8")
    before = office.entries()
    Path("junk").write_bytes(b"{}")
    code, said = office("pass", "submit", *files, str(Path("junk").resolve()))
    assert (code, office.entries()) == (2, before), "a file that cannot be read stops all of them"
    told_code, told = office.told("pass", "submit", str(Path("forged").resolve()), files[0])
    assert (told_code, "refused" in told, f"recorded on pass {asked['pass_id']}" in told) == (
        3,
        True,
        True,
    )
    code, said = office("pass", "submit", *files)
    assert (code, [each["answer"] for each in said["statements"]]) == (0, ["recorded"] * 2)
    assert [each["counted"] for each in said["statements"]] == [{"security": ["carol"]}] * 2
    assert office.entries() == before + 2


def reviewed(office: Carried, asked: Any, *more: str) -> tuple[int, Any]:  # noqa: ANN401 - JSON
    words = " ".join(asked["words"]["en"])
    return office.bare(
        "pass", "review", "pass.bundle", "--key", "carol.key", "--terminal", "desk-2",
        "--genesis", office.genesis(), "--words", words, *more,
    )  # fmt: skip


def test_a_review_keeps_what_it_saw_and_is_shown_no_older_journal(
    office: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, other = office.asked(), office.asked()
    old = carried(office, tmp_path / "home", asked["pass_id"], "carol").read_bytes()
    void = ("pass", "void", asked["pass_id"], "--reason", "x", *office.signing("dave"))
    assert office(*void)[0] == 0
    office.checkpoint("later")
    new = office.export(other["pass_id"], "new.bundle").read_bytes()
    home = tmp_path / "home"
    monkeypatch.chdir(home)
    (home / "pass.bundle").write_bytes(new)
    code, said = reviewed(office, other, "--out", "one")
    assert code == 0, said
    assert (code, said["seen"], said["witnesses"]) == (0, "carol.key.seen", [])
    assert said["entries"] == office.entries()
    (home / "pass.bundle").write_bytes(old)
    code, said = reviewed(office, asked, "--out", "two")
    assert (code, codes(said)) == (3, {"journal.checkpoint_lower"})
    kept = home / "carol.key.seen"
    for damaged in (b"", b"{}", kept.read_bytes()[:-9], b"x" * 10_000_000):
        whole = kept.read_bytes()
        kept.write_bytes(damaged)
        code, said = reviewed(office, asked, "--out", "two")
        assert (code, "carol.key.seen" in said["where"]) == (2, True), said
        assert "Put the newest copy of it back" in said["error"]
        assert kept.read_bytes() == damaged, "what is damaged is not made good by overwriting it"
        kept.write_bytes(whole)
    assert not (home / "two").exists()


def test_a_stale_bundle_is_not_reviewed(
    office: Carried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = tmp_path / "witness"
    at = ("--dir", str(witness))
    assert office.bare("journal", "witness", "init", str(witness), "--name", "w.example")[0] == 0
    path = office.file("next.json")
    assert office("roster", "next", "--out", path, f"--witness={witness}/witness.vkey")[0] == 0
    _, rotation = office("roster", "rotate", path, *office.signing("alice"))
    office.approved(rotation["pass_id"])
    office.adopt_policy(("needed = 0", "needed = 1"))
    asked = office.asked()
    checkpoint, cosigned = office.checkpoint("c1"), str(tmp_path / "cosigned")
    log = office.file("journal.vkey")
    assert office.bare("journal", "witness", "add", "--log", log, *at)[0] == 0
    cosign = ("journal", "witness", "cosign", checkpoint, "--out", cosigned, *at)
    assert office.bare(*cosign)[0] == 0
    joined = ("--cosignature", cosigned, "--witness", str(witness / "witness.vkey"))
    assert office("journal", "checkpoint", *joined)[0] == 0
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(office.export(asked["pass_id"], "pass.bundle"), home)
    carry_key(office, "carol", home)
    monkeypatch.chdir(home)
    later = current_time() + timedelta(days=2)
    with monkeypatch.context() as clock:
        clock.setattr("sekisho.cli.review.current_time", lambda: later)
        code, said = reviewed(office, asked)
        assert (code, codes(said)) == (3, {"journal.cosignatures_few", "journal.cosignature_old"})
        assert "new checkpoint signed and cosigned" in json.dumps(said), "and what to do"
        assert not list(home.glob("*.statement")) + list(home.glob("*.seen"))
    code, said = reviewed(office, asked)
    assert (code, said["witnesses"], said["time"]) == (0, ["w.example"], [])


def test_a_review_names_one_key(office: Carried) -> None:
    for keys in ((), ("--key", "x", "--security-key", "y")):
        code, said = office.bare("pass", "review", "x", "--terminal", "desk-1", *keys)
        assert (code, said["where"]) == (2, "--key")
