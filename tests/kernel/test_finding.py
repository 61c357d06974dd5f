"""A finding names a code, a subject and facts; a refusal is never without one."""

import pytest

from sekisho.kernel.finding import Finding, Refused, finding


def test_a_finding_as_text_and_as_a_document() -> None:
    found = finding("gate.fee_too_high", "pass 01", fee_sat=10, fee_max_sat=3)
    assert str(found) == "gate.fee_too_high: pass 01 (fee_sat=10, fee_max_sat=3)"
    assert found.as_json() == {
        "code": "gate.fee_too_high",
        "subject": "pass 01",
        "facts": {"fee_sat": "10", "fee_max_sat": "3"},
    }
    assert str(finding("gate.pass_empty", "pass 01")) == "gate.pass_empty: pass 01"


def test_findings_are_compared_by_value() -> None:
    assert finding("a.b", "s", n=1) == Finding(code="a.b", subject="s", facts=(("n", "1"),))
    assert len({finding("a.b", "s", n=1), finding("a.b", "s", n=1)}) == 1


def test_a_refusal_says_every_reason() -> None:
    refused = Refused([finding("a.b", "s"), finding("a.c", "t")])
    assert [found.code for found in refused.findings] == ["a.b", "a.c"]
    assert str(refused) == "a.b: s; a.c: t"


def test_a_refusal_without_a_reason_is_our_own_mistake() -> None:
    with pytest.raises(RuntimeError, match="without a reason"):
        Refused([])
