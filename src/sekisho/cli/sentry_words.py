"""What a sentry says: lines for people, one red line for an alarm; or JSON, a line for each."""

import json
import sys
from collections import Counter
from collections.abc import Mapping

from rich.text import Text

from sekisho.app import current_time
from sekisho.cli.output import language, terminal
from sekisho.cli.scan import QUIET, what_moved
from sekisho.kernel.catalogue import finding_json, findings_json, says, what_to_do
from sekisho.kernel.fields import visible
from sekisho.kernel.finding import Finding
from sekisho.kernel.instants import format_instant
from sekisho.respond.records import Incident
from sekisho.watch.flow import Judged
from sekisho.watch.recorded import verdict_document
from sekisho.watch.records import ALARMS, Verdict, VerdictKind


class Voice:
    """Says what happens, as it happens."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._poisonings: Counter[str] = Counter()

    def line(
        self, event: str, text: str, *, style: str = "", facts: Mapping[str, object] | None = None
    ) -> None:
        """Say one thing: to people `text`, to programs its name and facts."""
        at = format_instant(current_time())
        if self._as_json:
            document = {"at": at, "event": event, **(facts or {})}
            sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
            sys.stdout.flush()
            return
        said = Text(f"{at}  ", style="dim")
        said.append(visible(text), style=style)
        terminal().print(said)

    def trouble(self, found: Finding, *, alarm: bool = False) -> None:
        """Say what is not as it should be, and what to do about it: in red if it is an alarm."""
        text = f"{says(found, language())} {what_to_do(found.code, language())} [{found.code}]"
        event, style = ("peer_alarm", "bold red") if alarm else ("trouble", "yellow")
        self.line(event, text, style=style, facts={"finding": finding_json(found)})

    def _cold(self, verdict: Verdict, found: Finding) -> None:
        """Say that a cold wallet moves, whatever allows it."""
        said, do = says(found, language()), what_to_do(found.code, language())
        facts = {
            "txid": verdict.txid,
            "verdict": verdict.kind.value,
            "finding": finding_json(found),
        }
        text = f"COLD {verdict.txid}: {said} {do}"
        self.line("cold_move", text, style="bold magenta", facts=facts)

    def _is_news(self, verdict: Verdict) -> bool:
        """Return whether people are told of a poisoning: of 1, 2, 4, 8 that imitate one address.

        Strangers make as many as they like, and an alarm must not scroll away beneath them.
        Programs are told of each, and the journal holds each.
        """
        imitated = {dict(each.facts).get("resembles", "") for each in verdict.findings}
        self._poisonings.update(imitated)
        return self._as_json or any(
            (count := self._poisonings[each]) & (count - 1) == 0 for each in imitated
        )

    def judged(
        self, judged: Judged, incident: Incident | None, heard_us: int, took_us: int
    ) -> None:
        """Say a verdict: in red with the next step if it is an alarm.

        `heard_us` is of the machine's monotonic clock, so that another program on it can compare.
        """
        verdict = judged.verdict
        facts: dict[str, object] = {
            **verdict_document(verdict),
            "findings": findings_json(verdict.findings),
            "entry": judged.entry.hash.hex(),
            "incident": None if incident is None else incident.incident_id,
            "heard_us": heard_us,
            "took_us": took_us,
        }
        headline = f"{verdict.kind.value.upper()} {verdict.txid}: {what_moved(judged)}."
        for each in judged.cold:
            self._cold(verdict, each)
        if verdict.kind in QUIET:
            self.line("verdict", headline, facts=facts)
            return
        if verdict.kind is VerdictKind.POISONING and not self._is_news(verdict):
            return
        for each in verdict.findings[:1]:
            headline += f" {says(each, language())} {what_to_do(each.code, language())}"
        if incident is not None:
            headline += f" Incident {incident.incident_id} is open."
        style = "bold red" if verdict.kind in ALARMS else "bold yellow"
        self.line(
            "alarm" if verdict.kind in ALARMS else "verdict", headline, style=style, facts=facts
        )
