"""An attacker who may name anything in the drill: can they write into its page?"""

import re
from dataclasses import replace

from drill_world import outcome, pages
from hypothesis import example, given, settings
from hypothesis import strategies as st
from page_reader import read

from sekisho.drills.dmm_2024.page import page
from sekisho.drills.dmm_2024.records import Outcome, Variant
from sekisho.kernel.fields import is_printable
from sekisho.kernel.finding import Finding
from sekisho.passes.policy.case import Outcome as RuleOutcome
from sekisho.passes.records import Transfer
from sekisho.passes.verify import Standing

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><svg onload=alert(1)>",
    "\"><img src=x onerror=alert(1)> ' onmouseover='x",
    "{{ 7 * 7 }} {% include 'x' %} {amount} {0} {",
    "]]> --> <!-- &lt;b&gt; &amp; &#60;",
    "\u202edecorative\u2066 \x1b[2J \x00 \ud800",
)
INSTANT = re.compile(r"\dT\d\d:")
hostile = st.one_of(
    st.sampled_from(HOSTILE), st.text(alphabet=st.characters(exclude_categories=()), max_size=40)
)


def attacked(text: str) -> Outcome:
    """Return an outcome in which everything that people or chains can name says `text`."""
    shown = outcome(Variant.PASS)
    assert shown.standing is not None
    found = [
        Finding(code=each.code, subject=text, facts=tuple((name, text) for name, _ in each.facts))
        for each in shown.verdict.findings
    ]
    loss = shown.incident.loss
    return replace(
        shown,
        standing=standing_that_says(text, shown.standing),
        policy=replace(shown.policy, policy_id=text, title_en=text, title_ja=text),
        policy_digest=text,
        genesis_digest=text,
        words_en=(text,) * 12,
        gate_findings=tuple(replace(each, subject=text) for each in shown.gate_findings),
        verdict=replace(shown.verdict, findings=tuple(found)),
        movement=replace(
            shown.movement,
            outputs=tuple(replace(each, address=text) for each in shown.movement.outputs),
        ),
        wallet_address=text,
        usual_address=text,
        moments=tuple(replace(each, what_en=text, what_ja=text) for each in shown.moments),
        incident=replace(
            shown.incident,
            incident_id=text,
            wallet_ids=(text,),
            recognised_by=text,
            loss=replace(
                loss,
                valuations=(replace(loss.valuations[0], price_source=text), *loss.valuations[1:]),
            ),
        ),
    )


def standing_that_says(text: str, standing: Standing) -> Standing:
    """Return where the pass stands, with `text` wherever people name something in it."""
    asked = standing.asked
    assert isinstance(asked.action, Transfer)
    payment = replace(asked.action.payments[0], address=text)
    claims = replace(
        asked.claims,
        prices=tuple(replace(each, source=text) for each in asked.claims.prices),
        balances=tuple(replace(each, wallet_id=text) for each in asked.claims.balances),
    )
    ballots = [
        replace(each, approval=replace(each.approval, approver=text, terminal_id=text))
        for each in standing.ballots
    ]
    return replace(
        standing,
        asked=replace(
            asked,
            purpose=text,
            requester=text,
            terminal_id=text,
            pass_id=text,
            action=replace(asked.action, payments=(payment,)),
            claims=claims,
        ),
        ballots=tuple(ballots),
        outcomes=tuple(rule_that_says(text, each) for each in standing.outcomes),
        digest=text,
    )


def rule_that_says(text: str, rule: RuleOutcome) -> RuleOutcome:
    """An instant is an element of its own, so values that hold one stay as they are."""
    inputs = [(text, value if INSTANT.search(value) else text) for _, value in rule.inputs]
    return replace(rule, reference=text, inputs=tuple(inputs))


@given(hostile)
@example(HOSTILE[0])
@example(HOSTILE[1])
@example(HOSTILE[2])
@example(HOSTILE[3])
@example(HOSTILE[4])
@example(HOSTILE[5])
@settings(max_examples=60)
def test_nobody_can_write_anything_but_text_into_the_page(text: str) -> None:
    html = page(attacked(text))
    html.encode()  # a lone surrogate would not get this far
    assert all(is_printable(line.replace("\xa0", " ")) for line in html.split("\n"))
    root = read(html)
    benign = [(each.tag, set(each.attributes)) for each in pages(Variant.PASS).all()]
    assert [(each.tag, set(each.attributes)) for each in root.all()] == benign
    if is_printable(text):
        purposes = [each.raw for each in root.all("dd") if each.attributes.get("lang") == "en"]
        assert purposes == [text, text]
