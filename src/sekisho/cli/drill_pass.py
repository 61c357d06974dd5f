"""The drill's pass on a terminal: who signed and with what, what the policy said, how to check."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sekisho.drills.dmm_2024.approvals import Signed, approvals_of, device_of, verified_of
from sekisho.drills.dmm_2024.records import Outcome
from sekisho.drills.dmm_2024.rules import RULES
from sekisho.kernel.instants import JST
from sekisho.kernel.words import Language
from sekisho.passes.policy.case import Answer
from sekisho.passes.policy.evaluate import hold_seconds
from sekisho.passes.verify import Standing

_TEXT: dict[str, tuple[str, str]] = {
    "title": ("How it was approved", "承認の方法"),
    "asked": ("asked", "申請"),
    "approved": ("approved", "承認"),
    "software": (
        "Software stands in for the passkeys' devices: real assertions, and no security device.",
        "パスキーの機器はソフトウェアで代用。署名は本物だが、セキュリティ機器ではない。",
    ),
    "policy": ("Policy {policy}", "ポリシー {policy}"),
    "allowed": ("✓ allowed", "✓ 可"),
    "denied": ("✗ DENIED", "✗ 否"),
    "idle": ("– not applicable", "– 対象外"),
    "lock": ("Time lock", "待機期間"),
    "held": (
        "{minutes} minutes after the last approval, until {until}",
        "最後の承認から {minutes} 分間（{until} まで）",
    ),
    "verify": (
        "The pass, verified offline with nothing but the pinned genesis:",
        "手形のオフライン検証（固定した初代名簿のダイジェストだけで可能）：",
    ),
}
_ANSWERS = (
    (Answer.DENIED, "denied", "bold red"),
    (Answer.ALLOWED, "allowed", ""),
    (Answer.NOT_APPLICABLE, "idle", "dim"),
)


def how_it_was_signed(outcome: Outcome, language: Language) -> list[RenderableType]:
    """Return who signed the pass, where and with what, and what the policy said; or nothing."""
    standing = outcome.standing
    if standing is None:
        return []
    grid = Table.grid(padding=(0, 2))
    for _ in range(4):
        grid.add_column(overflow="fold")
    for each in approvals_of(standing):
        grid.add_row(*_row(each, language))
    return [
        Text(),
        Text(f"○ {_say('title', language)}", style="bold"),
        grid,
        Text(f"  {_say('software', language)}", style="dim"),
        _policy(outcome, standing, language),
    ]


def how_to_verify(
    outcome: Outcome, files: Sequence[Path], language: Language
) -> list[RenderableType]:
    """Return the one command that verifies the pass's bundle; nothing where none was kept."""
    bundles = [path for path in files if path.suffix == ".bundle"]
    if not bundles:
        return []
    command = [f"  sekisho pass verify {bundles[0]} \\", f"    --genesis {outcome.genesis_digest}"]
    # A line break inside would spoil the command for whoever copies it.
    lines = [Text(line, no_wrap=True, overflow="ignore") for line in command]
    return [Text(_say("verify", language)), Group(*lines)]


def _row(signed: Signed, language: Language) -> tuple[Text, ...]:
    at = signed.at.astimezone(JST).strftime("%H:%M")
    said = Text(f"  {at} {_say('asked' if signed.asked else 'approved', language)}")
    verified = ("、" if language == "ja" else ", ").join(verified_of(signed, language))
    device = (device_of(signed, language), "bold" if signed.own_machine else "")
    with_what = Text.assemble(device, (f"\n{verified}", "dim"))
    return said, Text(signed.person), Text(signed.terminal, style="dim"), with_what


def _policy(outcome: Outcome, standing: Standing, language: Language) -> Table:
    """Return the rules in short: the page has each with what it looked at."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    label = "  " + _say("policy", language).format(policy=outcome.policy.policy_id)
    for answer, name, style in _ANSWERS:
        rules = _named(standing, answer, language)
        if rules:
            grid.add_row(label, Text(f"{_say(name, language)}: {rules}", style=style))
            label = ""
    if standing.held_until_at is not None:
        held = _say("held", language).format(
            minutes=hold_seconds(standing.outcomes) // 60,
            until=standing.held_until_at.astimezone(JST).strftime("%H:%M JST"),
        )
        grid.add_row(f"  {_say('lock', language)}", held)
    return grid


def _named(standing: Standing, answer: Answer, language: Language) -> str:
    """Return the rules that gave this answer: by code, or in Japanese by what they are."""
    rules = [each.rule for each in standing.outcomes if each.answer is answer]
    if language == "en":
        return ", ".join(rules)
    return "、".join(RULES[each][1] if each in RULES else each for each in rules)


def _say(name: str, language: Language) -> str:
    return _TEXT[name][language == "ja"]
