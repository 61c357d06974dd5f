"""The live act on a terminal and as JSON, or in a line why there was none."""

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from sekisho.drills.dmm_2024.live import LiveAct
from sekisho.kernel.canonical import Json
from sekisho.kernel.fields import visible
from sekisho.kernel.money import format_btc
from sekisho.kernel.words import Language

_TEXT: dict[str, dict[Language, str]] = {
    "title": {
        "en": "ACT TWO, LIVE: a node, a watcher, a thief",
        "ja": "第二幕・実演：ノード、監視、犯人",
    },
    "stage": {
        "en": "{node} on regtest, and `sekisho watch` beside it. The {inputs} coins are made "
        "again, under keys of the drill, and nobody asks for anything.",
        "ja": "{node}（regtest）と、その隣の `sekisho watch`。"
        "{inputs} 個の UTXO を演習用の鍵で再現し、"
        "申請はしない。",
    },
    "broadcast": {
        "en": "Broadcast, validly signed: {amount} BTC in {txid}…",
        "ja": "有効な署名とともにブロードキャスト：{amount} BTC、{txid}…",
    },
    "caught": {
        "en": "{verdict}. The thief's broadcast → durable alarm: {total} ms (the node's: {node}).",
        "ja": "{verdict}。ブロードキャスト → 警報の記録：{total} ミリ秒（うちノード内 {node}）。",
    },
    "none": {
        "en": "To see this live as well, have bitcoind on PATH, or name it in BITCOIND.",
        "ja": "ノード上での実演も見るには、bitcoind を PATH に置くか BITCOIND で指定する。",
    },
    "failed": {
        "en": "It was not played on a live node: {why}",
        "ja": "ノード上での実演はできなかった：{why}",
    },
}


def live_story(live: LiveAct | str, language: Language) -> list[RenderableType]:
    """Return what came of the live act, or why it was not played; "" is: no node is here."""
    if isinstance(live, str):
        said = _TEXT["failed" if live else "none"][language].format(why=visible(live))
        return [_line(said, "dim")]
    facts = {
        "node": visible(live.node),
        "inputs": live.inputs,
        "amount": format_btc(live.amount_sat),
        "txid": live.txid[:16],
    }
    times = {
        "verdict": live.verdict.upper(),
        "total": f"{live.total_us / 1000:.1f}",
        "node": f"{live.in_node_us / 1000:.1f}",
    }
    return [
        Text(),
        Text(_TEXT["title"][language], style="bold reverse"),
        _line(_TEXT["stage"][language].format(**facts), "dim"),
        _line(_TEXT["broadcast"][language].format(**facts), ""),
        _line(_TEXT["caught"][language].format(**times), "bold red"),
        Text(),
    ]


def _line(text: str, style: str) -> RenderableType:
    return Padding(Text(text, style=style), (0, 0, 0, 2))


def live_json(live: LiveAct | str) -> dict[str, Json]:
    """Return the same as a document."""
    if isinstance(live, str):
        return {"played": False, "why": live or "no bitcoind on PATH, and none in BITCOIND"}
    return {
        "played": True,
        "node": live.node,
        "inputs": live.inputs,
        "amount_sat": int(live.amount_sat),
        "txid": live.txid,
        "verdict": live.verdict,
        "incident": live.incident_id,
        "in_node_us": live.in_node_us,
        "broadcast_to_alarm_us": live.total_us,
    }
