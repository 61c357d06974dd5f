"""Write docs/tampering.md from build/tampering.json: `python -m bench.tampered.page`."""

import json
from pathlib import Path
from typing import Any

from bench.tampered.judging import NO_ANSWER

ROOT = Path(__file__).parents[2]
COUNTED = ROOT / "build" / "tampering.json"
PAGE = ROOT / "docs" / "tampering.md"
ABOUT = """\
# The tampering suite

An honest transaction, and one thing in it changed: the gate has to refuse the second and clear the
first. The scenes are drawn at random. embit makes the wallets (ten script types, fresh keys, on
mainnet and the test networks), the coins with the transactions that made them, and the PSBT in
version 0 or 2; none of that is the gate's own code. The pass of each scene is asked for and
approved with real signatures, and leaves little room or none. For each kind of tampering, scenes
are drawn until it applies to one; then that scene and its tampered twin are both judged, by that
part of the gate whose duty the kind is:

| | judged by | honest is |
|---|---|---|
| before signing | `clear` in `src/sekisho/gate/clear.py` | the PSBT |
| after signing | `recall_or_hostile` and `judge_return`, as in `check_return` in \
`src/sekisho/gate/flow.py` \
| what embit's keys signed of it, all or some of them: filed in a PSBT of either version, \
finished, or as the transaction alone |
| at the gate | `check_psbt` in `src/sekisho/gate/flow.py`, with a memory in a file | the PSBT, \
with a bundle that witnesses cosigned, a lease, a last seen checkpoint and a past |

```sh
make bench ONLY=tampering                # 20,000 scenes, some minutes on two cores
python -m bench.tampering 1000000        # a million, some hours; it may be cut off and go on
python -m bench.tampered.page            # writes this page from build/tampering.json
```

The same seed draws the same scenes, however many processes there are.
`tests/gate/test_tampering_suite.py` shows each kind on every script type to which it applies, and
also asserts that the refusal is for the right reason.
"""
MEANING = """\
Each kind names the findings of which at least one must be given; a refusal for another reason
alone is counted apart. What comes back from a signer and bears a signature over anything else must
be called hostile as well (“and”), because whoever holds it can have it mined; a refusal that does
not say so counts as one for another reason. “No answer at all” is what a gate gives that is shown
no bundle, or has no memory.

Beside the gate before signing stand the checks that two libraries make of a PSBT by themselves.
They know of no pass, so most of this is nothing that they could see; they are there to show what
is left to a signer that asks nobody else. "–" means that the PSBT itself is the honest one.

- embit {embit}: parses, `verify()` of every coin, `owns()` of every input, a fee of at least zero.
- btclib-wallet {btclib}: parses, `assert_signable()`, which are BIP-174's checks for signers.
"""
HARMLESS = """\
## What is let through, and why

These change bytes and not what is signed away; they are no kinds of this suite.

- **A taproot coin of which only `witness_utxo` tells, by a satoshi or two.** The pass's ceilings
  still hold for what is claimed, and a BIP-341 signature covers the amounts and scripts of all
  inputs: over a lie it does not hold, and no such transaction can be mined. `clear` refuses the
  lie as soon as the previous transaction is there too.
- **The order of inputs and outputs, fields nobody knows, keys and paths, extended public keys,
  taproot leaves.** The gate derives every script from the registered descriptor and reads none of
  these.
- **Fields that a signer leaves out, and the other PSBT version.** Of what comes back only the
  signatures are taken.
- **A backup of the gate's memory that is younger than its last lease.** The lease fits it:
  [decision 0018](adr/0018-a-gate-that-is-shut-by-default.md) says what is left then.

## What this suite does not show

That no kind is let through says nothing of a kind that nobody thought of. Holds under duress and
children of standing passes are tested, and no kinds of this suite.
"""


def page(counted: dict[str, Any], versions: dict[str, str]) -> str:
    """Return the page for what was counted."""
    lines = [ABOUT, *_summary(counted), MEANING.format(**versions)]
    for family in dict.fromkeys(each["family"] for each in counted["kinds"]):
        kinds = [each for each in counted["kinds"] if each["family"] == family]
        lines += [f"## {family.capitalize()}", ""]
        for part in dict.fromkeys(each["part"] for each in kinds):
            lines += [f"### {part}", "", *_table(counted, kinds, part), ""]
    lines += ["## The honest population", "", *_honest(counted), "", HARMLESS]
    return "\n".join(lines)


def _summary(counted: dict[str, Any]) -> list[str]:
    kinds, honest = counted["kinds"], counted["honest"]
    families = list(dict.fromkeys(each["family"] for each in kinds))
    columns = [_counts(counted, names) for names in (*([each] for each in families), families)]
    headings = " | ".join([*families, "together"])
    accepted = ", ".join(
        f"{each['shown'] - each['refused']:,} of “{each['name']}”"
        for each in kinds
        if each["shown"] > each["refused"]
    )
    reasons = "; ".join(f"{count:,} {why}" for why, count in counted["honest_reasons"].items())
    lines = [f"| seed {counted['seed']} | {headings} |", f"|---|{'---:|' * len(columns)}"]
    for name in columns[0]:
        cells = " | ".join(f"{each[name]:,}" for each in columns)
        lines.append(f"| {name} | {cells} |")
    lines.append("")
    if accepted:
        lines += [f"Wrongly accepted: {accepted}.", ""]
    if reasons and honest:
        lines += [f"Wrongly refused: {reasons}.", ""]
    return lines


def _counts(counted: dict[str, Any], families: list[str]) -> dict[str, int]:
    kinds = [each for each in counted["kinds"] if each["family"] in families]
    honest = [each for each in counted["honest"] if each["family"] in families]
    shown, refused, other = (
        sum(each[name] for each in kinds) for name in ("shown", "refused", "other_reason")
    )
    return {
        "kinds": len(kinds),
        "tampered, shown": shown,
        "refused": refused,
        "refused, but for another reason alone": other,
        "wrongly accepted": shown - refused,
        "honest, shown": sum(each["shown"] for each in honest),
        "wrongly refused": sum(each["refused"] for each in honest),
    }


def _table(counted: dict[str, Any], kinds: list[dict[str, Any]], part: str) -> list[str]:
    has_peers = any(each["for_peers"] for each in kinds)
    peers = list(counted["peers_honest"]) if has_peers else []
    alone = "".join(f" by {peer} alone |" for peer in peers)
    lines = [
        f"| what is changed | refused as | shown | refused |{alone}",
        f"|---|---|---:|---:|{'---:|' * len(peers)}",
    ]
    for each in kinds:
        if each["part"] == part:
            by_peers = "".join(
                f" {each['peers'][peer]:,} |" if each["for_peers"] else " – |" for peer in peers
            )
            lines.append(
                f"| {told(each['what'])} | {refused_as(each['codes'], each['must'])} | "
                f"{each['shown']:,} | {each['refused']:,} |{by_peers}"
            )
    return lines


def told(what: str) -> str:
    """Return what is changed as a table's cell has it: a bar would end the cell."""
    return what.replace("|", r"\|")


def refused_as(codes: list[str], must: list[str]) -> str:
    """Return links to the findings that refuse a kind, and to those that must be given too."""
    either = " or ".join(_linked(each) for each in codes)
    return " and ".join([either, *(_linked(each) for each in must)])


def _linked(code: str) -> str:
    return code if code == NO_ANSWER else f"[`{code}`](findings.md#{code.replace('.', '')})"


def _honest(counted: dict[str, Any]) -> list[str]:
    families = list(dict.fromkeys(each["family"] for each in counted["honest"]))
    cells: dict[str, list[str]] = {}
    for each in counted["honest"]:
        cells.setdefault(each["title"], []).append(f"{each['refused']:,} of {each['shown']:,}")
    shown = next(iter(counted["peers_honest"].values()))
    refused = ", ".join(
        f"{peer} {count:,}" for peer, count in counted["peers_honest_refused"].items()
    )
    return [
        f"| wrongly refused | {' | '.join(families)} |",
        f"|---|{'---:|' * len(families)}",
        *(f"| {title} | {' | '.join(each)} |" for title, each in cells.items()),
        "",
        f"Of the {shown:,} before signing the libraries refuse: {refused}.",
    ]


def main() -> None:
    """Write the page from what the last bench counted."""
    counted = json.loads(COUNTED.read_text(encoding="utf-8"))
    PAGE.write_text(page(counted, counted["versions"]), encoding="utf-8")


if __name__ == "__main__":
    main()
