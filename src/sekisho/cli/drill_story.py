"""The drill told on a terminal, in English or Japanese."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sekisho.cli.drill_pass import how_it_was_signed, how_to_verify
from sekisho.drills.dmm_2024.facts import SOURCES_JA, funding
from sekisho.drills.dmm_2024.opening import opening
from sekisho.drills.dmm_2024.records import Outcome
from sekisho.kernel.catalogue import says
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import JST
from sekisho.kernel.money import format_btc, format_feerate, format_jpy
from sekisho.kernel.words import Language
from sekisho.passes.records import Transfer
from sekisho.respond.records import Valuation
from sekisho.watch.records import VerdictKind

_WIDTH = 100

_VERDICTS: dict[VerdictKind, dict[Language, str]] = {
    VerdictKind.DEVIATING: {"en": "DEVIATING", "ja": "手形からの逸脱（DEVIATING）"},
    VerdictKind.UNMATCHED: {"en": "UNMATCHED", "ja": "該当手形なし（UNMATCHED）"},
}
"""The only verdicts that the variants of this drill can come to."""
_TEXT: dict[str, dict[Language, str]] = {
    "title": {
        "en": "Drill dmm-2024: 4,502.9 BTC, one validly signed transaction",
        "ja": "演習 dmm-2024：4,502.9 BTC、有効な署名のある一つのトランザクション",
    },
    "key": {
        "en": "● published fact   ○ reconstruction (no record of the true request is public)",
        "ja": "● 公表された事実　○ 再構成（実際の申請の記録は公表されていない）",
    },
    "approved": {"en": "What three departments approved", "ja": "三部門が承認した内容"},
    "signed": {"en": "What was to be signed", "ja": "署名されようとした内容"},
    "nobody": {"en": "Nobody had asked for anything", "ja": "誰も何も申請していない"},
    "pays": {"en": "pays", "ja": "数量"},
    "to": {"en": "to", "ja": "宛先"},
    "fee": {"en": "fee", "ja": "手数料"},
    "rate": {"en": "feerate", "ja": "手数料率"},
    "change": {"en": "change", "ja": "おつり"},
    "most": {"en": "at most", "ja": "上限"},
    "none": {"en": "none", "ja": "なし"},
    "back": {"en": "back to 3P8MfdM4…", "ja": "3P8MfdM4… に戻る"},
    "words": {"en": "Compared by voice: ", "ja": "口頭で照合："},
    "act1": {
        "en": "ACT ONE: the transaction meets the gate",
        "ja": "第一幕：トランザクションが関所に届く",
    },
    "refused": {"en": "REFUSED. Nothing is signed.", "ja": "拒否。何も署名されない。"},
    "honest": {
        "en": "The transfer that was asked for meets the same gate: cleared.",
        "ja": "申請どおりの送付は、同じ関所を通過する。",
    },
    "act2": {
        "en": "ACT TWO: the gate is taken away",
        "ja": "第二幕：関所を外す",
    },
    "caught": {
        "en": "{verdict}. The verdict was on the disk {latency} ms after the bytes arrived.",
        "ja": "{verdict}。\n  バイト列の到着から {latency} ミリ秒で、判定が台帳に書き込まれた。",
    },
    "keys": {
        "en": "The signatures hold: keys {signed} of {keys} signed all {inputs} inputs "
        "({threshold} are needed).",
        "ja": "署名は有効：{keys} 本の鍵のうち鍵 {signed} が、{inputs} 個の入力すべてに署名"
        "（必要数 {threshold}）。",
    },
    "keys_why": {
        "en": "So nothing that looks at signatures alone would have stopped it.",
        "ja": "署名だけを確かめる仕組みでは、止められなかった。",
    },
    "alike": {
        "en": "{prefix} + {suffix} characters agree: {bits} bits, not chance. "
        "A first-4-last-4 rule misses it.",
        "ja": "先頭 {prefix} 文字と末尾 {suffix} 文字が一致（{bits} ビット。偶然ではない）。"
        "\n  先頭と末尾の 4 文字ずつの比較では見逃す。",
    },
    "usual": {"en": "usual", "ja": "通常"},
    "paid": {"en": "paid", "ja": "実際"},
    "incident": {"en": "Incident {id} is open", "ja": "インシデント {id} を起票"},
    "loss": {"en": "lost", "ja": "流出額"},
    "miners": {"en": "and to miners", "ja": "ほかに手数料"},
    "left": {
        "en": "The thief left {amount} BTC on the same address.",
        "ja": "同じアドレスの {amount} BTC は、手を付けられずに残された。",
    },
    "end": {
        "en": "Stopped at the gate. Without the gate: caught {latency} ms after it was seen.",
        "ja": "関所で阻止。関所がなくても、トランザクションの到着から {latency} ミリ秒で検知。",
    },
    "wrote": {"en": "The whole story, to look at: ", "ja": "詳しい経過："},
}


def tell(
    outcome: Outcome, files: Sequence[Path], language: Language, live: Sequence[RenderableType]
) -> None:
    """Write the story to standard output."""
    console = Console(highlight=False)
    console.width = min(console.width, _WIDTH)
    console.print(story(outcome, files, language, live))


def story(
    outcome: Outcome,
    files: Sequence[Path],
    language: Language,
    live: Sequence[RenderableType] = (),
) -> RenderableType:
    """Return the story, to be printed or drawn; `live` is what came of a live act."""
    parts: list[RenderableType] = [
        Text("関所 SEKISHO", style="bold"),
        Text(_say("title", language), style="bold"),
        Text(_say("key", language), style="dim"),
        Text(),
        *_timeline(outcome, language),
        Text(),
        _comparison(outcome, language),
        *how_it_was_signed(outcome, language),
        Text(),
        _act("act1", language),
        *(Padding(Text(each, style="dim"), (0, 0, 0, 2)) for each in opening(outcome, language)),
        Text(f"  {_say('refused', language)}", style="bold green"),
        *_reasons(outcome.gate_findings, language, style="green"),
    ]
    if outcome.honest_verdict == "cleared":
        parts.append(Text(f"  {_say('honest', language)}", style="dim"))
    caught = _say("caught", language).format(
        verdict=_VERDICTS[outcome.verdict.kind][language], latency=f"{outcome.latency_ms:.1f}"
    )
    parts += [
        Text(),
        _act("act2", language),
        Text(f"  {caught}", style="bold red"),
        *_reasons(outcome.verdict.findings, language, style="red"),
        *_signatures(outcome, language),
        *_lookalike(outcome, language),
        Text(),
        _incident(outcome, language),
        *live,
    ]
    end = _say("end", language).format(latency=f"{outcome.latency_ms:.1f}")
    parts.append(Text(end, style="bold"))
    page = [path for path in files if path.suffix == ".html"]
    if page:
        parts.append(Text(f"{_say('wrote', language)}{page[0]}"))
    parts += how_to_verify(outcome, files, language)
    return Group(*parts)


def _say(name: str, language: Language) -> str:
    return _TEXT[name][language]


def _act(name: str, language: Language) -> Text:
    return Text(_say(name, language), style="bold reverse")


def _grid(columns: int) -> Table:
    """Return a table without lines, whose last column breaks anywhere: Japanese has no spaces."""
    grid = Table.grid(padding=(0, 1))
    for _ in range(columns - 1):
        grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _timeline(outcome: Outcome, language: Language) -> list[RenderableType]:
    grid = _grid(3)
    for moment in outcome.moments:
        what = moment.what_en if language == "en" else moment.what_ja
        grid.add_row(
            Text("●", style="bold") if moment.fact else Text("○", style="dim"),
            Text(moment.at.astimezone(JST).strftime("%Y-%m-%d %H:%M JST"), style="dim"),
            Text(what, style="bold red" if moment.alarm else ""),
        )
    return [grid]


def _comparison(outcome: Outcome, language: Language) -> RenderableType:
    """Return what was approved beside what was to be signed."""
    movement, standing = outcome.movement, outcome.standing
    paid = movement.outputs[0]
    table = Table.grid(padding=(0, 1))
    table.add_row(
        "",
        Text(_say("approved", language), style="underline"),
        Text(_say("signed", language), style="underline"),
    )
    fee_sat = outcome.fee_sat
    rate = format_feerate(fee_sat, movement.transaction.vsize)
    if standing is None or not isinstance(standing.asked.action, Transfer):
        nobody = Text(_say("nobody", language), style="yellow")
        table.add_row(_say("pays", language), nobody, f"{format_btc(paid.amount_sat)} BTC")
        table.add_row(_say("to", language), "", paid.address)
        table.add_row(_say("fee", language), "", f"{format_btc(fee_sat)} BTC, {rate}")
        return table
    transfer = standing.asked.action
    payment = transfer.payments[0]
    most = _say("most", language)
    table.add_row(
        _say("pays", language),
        f"{format_btc(payment.amount_sat)} BTC",
        f"{format_btc(paid.amount_sat)} BTC",
    )
    table.add_row(
        _say("to", language),
        _marked(payment.address, outcome, "bold green"),
        _marked(paid.address, outcome, "bold red"),
    )
    table.add_row(
        _say("fee", language),
        f"{most} {format_btc(transfer.fee.fee_max_sat)} BTC",
        Text(f"{format_btc(fee_sat)} BTC", style="bold red"),
    )
    table.add_row(
        _say("rate", language),
        f"{most} {transfer.fee.feerate_max_sat_per_kvb / 1000:,.1f} sat/vB",
        Text(rate, style="bold red"),
    )
    table.add_row(_say("change", language), _say("back", language), _say("none", language))
    words = "  ".join(outcome.words_en if language == "en" else outcome.words_ja)
    return Group(table, Text(f"{_say('words', language)}{words}", style="dim"))


def _marked(address: str, outcome: Outcome, style: str) -> Text:
    """Return an address with the characters that differ from its look-alike made to stand out."""
    start = outcome.resemblance.prefix_characters
    stop = len(address) - outcome.resemblance.suffix_characters
    same = "dim"
    return Text.assemble(
        (address[:start], same), (address[start:stop], style), (address[stop:], same)
    )


def _reasons(
    findings: Sequence[Finding], language: Language, *, style: str
) -> list[RenderableType]:
    grid = _grid(2)
    for each in findings:
        sentence = Text(says(each, language))
        sentence.append(f" [{each.code}]", style="dim")
        grid.add_row(Text("  ✗", style=style), sentence)
    return [grid]


def _signatures(outcome: Outcome, language: Language) -> list[Text]:
    signatures = outcome.incident.signatures
    numbers = [str(position + 1) for position in signatures.signed_positions]
    joined = (" and " if language == "en" else "・").join(numbers)
    line = _say("keys", language).format(
        signed=joined,
        keys=signatures.keys,
        inputs=signatures.inputs,
        threshold=signatures.threshold,
    )
    return [Text(f"  {line}"), Text(f"  {_say('keys_why', language)}", style="dim")]


def _lookalike(outcome: Outcome, language: Language) -> list[Text]:
    alike = outcome.resemblance
    lines = []
    for name, address, style in (
        ("usual", alike.resembles, "bold green"),
        ("paid", alike.address, "bold red"),
    ):
        line = Text(f"  {_say(name, language)}\t", tab_size=12)
        line.append_text(_marked(address, outcome, style))
        lines.append(line)
    said = _say("alike", language).format(
        prefix=alike.prefix_characters, suffix=alike.suffix_characters, bits=f"{alike.bits:.1f}"
    )
    return [*lines, Text(f"  {said}", style="dim")]


def _incident(outcome: Outcome, language: Language) -> RenderableType:
    incident = outcome.incident
    loss = incident.loss
    spent = {each.outpoint for each in outcome.movement.inputs}
    left_sat = sum(
        output.amount_sat
        for vout, output in enumerate(funding().outputs)
        if output.script == outcome.movement.inputs[0].script
        and vout not in {each.vout for each in spent}
    )
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(
        _say("loss", language), Text(f"{format_btc(loss.amount_sat)} BTC", style="bold red")
    )
    grid.add_row(_say("miners", language), f"{format_btc(outcome.fee_sat)} BTC")
    for valuation in loss.valuations:
        grid.add_row(f"¥{format_jpy(valuation.amount_jpy)}", _priced(valuation, language))
    left = _say("left", language).format(amount=format_btc(left_sat))
    return Panel(
        Group(grid, Padding(Text(left, style="dim"), (1, 0, 0, 0))),
        title=_say("incident", language).format(id=incident.incident_id),
        border_style="red",
    )


def _priced(valuation: Valuation, language: Language) -> Text:
    at = valuation.price_at.astimezone(JST).strftime("%Y-%m-%d %H:%M JST")
    price = f"¥{format_jpy(valuation.price_jpy)}/BTC"
    source = valuation.price_source
    if language == "en":
        return Text(f"{price}, {at}: {source}", style="dim")
    return Text(f"{price}（{at}）\n{SOURCES_JA.get(source, source)}", style="dim")
