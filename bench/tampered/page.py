"""Write docs/tampering.md from build/tampering.json: `python -m bench.tampered.page`."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COUNTED = ROOT / "build" / "tampering.json"
PAGE = ROOT / "docs" / "tampering.md"
ABOUT = """\
# The tampering suite

An honest transaction, and one thing in it changed: the gate has to refuse the second and clear the
first. The scenes are drawn at random. embit makes the wallets (ten script types, fresh keys, on
mainnet and the test networks), the coins with the transactions that made them, and the PSBT in
version 0 or 2; none of that is the gate's own code. Its keys can sign each of them (embit signs,
btclib-wallet runs the scripts: a test). The pass of each scene is asked for and approved with real
signatures, and leaves little room or none. For each kind of tampering that is drawn, scenes are
drawn until it applies to one; then that scene and its tampered twin are both shown to `clear` in
`src/sekisho/gate/clear.py`.

```sh
make bench ONLY=tampering                # 20,000 scenes, some minutes on two cores
python -m bench.tampering 1000000        # a million, some hours
python -m bench.tampered.page            # writes this page from build/tampering.json
```

The same seed draws the same scenes. `tests/gate/test_tampering_suite.py` shows each kind on every
script type to which it applies, and also asserts that the refusal is for the right reason.
"""
MEANING = """\
Each kind names the findings of which at least one must be given; a refusal for another reason
alone is counted apart. Beside the gate stand the checks that two libraries make of a PSBT by
themselves. They know of no pass, so most of this is nothing that they could see; they are there to
show what is left to a signer that asks nobody else. "–" means that the PSBT itself is the honest
one.

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

## What this suite does not show

What comes back from the signer, and what a gate may have been kept from hearing, are other
judgements, for kinds of their own: `bench/tampered/families.py` is where they would be added. That
no kind is let through says nothing of a kind that nobody thought of.
"""


def page(counted: dict[str, Any], versions: dict[str, str]) -> str:
    """Return the page for what was counted."""
    parts = list(dict.fromkeys(each["part"] for each in counted["kinds"]))
    lines = [ABOUT, *_summary(counted), MEANING.format(**versions)]
    for part in parts:
        lines += [f"## {part}", "", *_table(counted, part), ""]
    lines += ["## The honest population", "", *_honest(counted), "", HARMLESS]
    return "\n".join(lines)


def _summary(counted: dict[str, Any]) -> list[str]:
    kinds = counted["kinds"]
    shown, refused, other = (
        sum(each[name] for each in kinds) for name in ("shown", "refused", "other_reason")
    )
    honest = sum(each["shown"] for each in counted["honest"])
    wrongly = sum(each["refused"] for each in counted["honest"])
    accepted = ", ".join(
        f"{each['shown'] - each['refused']:,} of “{each['name']}”"
        for each in kinds
        if each["shown"] > each["refused"]
    )
    reasons = "; ".join(f"{count:,} {why}" for why, count in counted["honest_reasons"].items())
    return [
        f"| {len(kinds)} kinds, seed {counted['seed']} | |",
        "|---|---:|",
        f"| tampered, shown | {shown:,} |",
        f"| refused | {refused:,} |",
        f"| refused, but for another reason alone | {other:,} |",
        f"| wrongly accepted | {shown - refused:,}{': ' + accepted if accepted else ''} |",
        f"| honest, shown | {honest:,} |",
        f"| wrongly refused | {wrongly:,}{': ' + reasons if reasons else ''} |",
        "",
    ]


def _table(counted: dict[str, Any], part: str) -> list[str]:
    peers = list(counted["peers_honest_refused"])
    alone = " | ".join(f"by {peer} alone" for peer in peers)
    lines = [
        f"| what is changed | refused as | shown | refused | {alone} |",
        f"|---|---|---:|---:|{'---:|' * len(peers)}",
    ]
    for each in counted["kinds"]:
        if each["part"] == part:
            by_peers = " | ".join(
                f"{each['peers'][peer]:,}" if each["for_peers"] else "–" for peer in peers
            )
            lines.append(
                f"| {told(each['what'])} | {refused_as(each['codes'])} | {each['shown']:,} | "
                f"{each['refused']:,} | {by_peers} |"
            )
    return lines


def told(what: str) -> str:
    """Return what is changed as a table's cell has it: a bar would end the cell."""
    return what.replace("|", r"\|")


def refused_as(codes: list[str]) -> str:
    """Return links to the findings that refuse a kind."""
    anchors = {code: code.replace(".", "") for code in codes}
    return " or ".join(f"[`{code}`](findings.md#{anchor})" for code, anchor in anchors.items())


def _honest(counted: dict[str, Any]) -> list[str]:
    shown = sum(each["shown"] for each in counted["honest"])
    refused = ", ".join(
        f"{peer} {count:,}" for peer, count in counted["peers_honest_refused"].items()
    )
    return [
        "| script type | shown | wrongly refused |",
        "|---|---:|---:|",
        *(
            f"| {each['title']} | {each['shown']:,} | {each['refused']:,} |"
            for each in counted["honest"]
        ),
        "",
        f"Of the same {shown:,} the libraries refuse: {refused}.",
    ]


def main() -> None:
    """Write the page from what the last bench counted."""
    counted = json.loads(COUNTED.read_text(encoding="utf-8"))
    PAGE.write_text(page(counted, counted["versions"]), encoding="utf-8")


if __name__ == "__main__":
    main()
