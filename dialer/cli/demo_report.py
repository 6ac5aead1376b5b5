"""What came of each of the demo's calls, against what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from dialer.callback.call_result import CallResult
from dialer.callback.record import Attempt
from dialer.cli.demo_stage import Pbx
from dialer.lab import Persona
from dialer.store import Store


@dataclass(frozen=True, slots=True)
class Report:
    """One callback of the demo; the fields are those of `demo --json`."""

    persona: str
    number: str
    callback_id: str
    expected_call_result: int
    call_result: int
    expected_state: str
    state: str
    expected_reason: str
    reason: str | None
    expected_verdict: str | None
    verdict: str | None
    attempts: int
    answer_to_verdict_ms: float | None
    verdict_to_treatment_ms: float | None
    agent_ready_to_invite_ms: float | None
    agent_answer_to_joined_ms: float | None
    agent_ready_to_bridged_ms: float | None
    matches: bool
    differences: list[str]
    explanation: str


async def report_of(store: Store, callback_id: str, persona: Persona, pbx: Pbx) -> Report:
    """Compares a callback as the store has it with what its persona should give."""
    callback = await store.get(callback_id)
    assert callback is not None
    attempts = await store.attempts(callback_id)
    last = attempts[-1] if attempts else None
    wanted = persona.expected_asterisk if pbx is Pbx.ASTERISK and persona.expected_asterisk else persona.expected
    differences = wanted.differences(
        call_result=int(callback.call_result),
        state=callback.state,
        reason=callback.reason,
        verdict=last.verdict if last else None,
        attempts=len(attempts),
    )
    timings: Mapping[str, Any] = (last.evidence if last else {}).get("timings", {})
    return Report(
        persona=persona.name, number=persona.number, callback_id=callback_id,
        expected_call_result=wanted.call_result, call_result=int(callback.call_result),
        expected_state=wanted.state, state=callback.state, expected_reason=wanted.reason, reason=callback.reason,
        expected_verdict=wanted.verdict, verdict=last.verdict if last else None, attempts=len(attempts),
        answer_to_verdict_ms=timings.get("answer_to_verdict_ms"),
        verdict_to_treatment_ms=timings.get("verdict_to_treatment_ms"),
        agent_ready_to_invite_ms=timings.get("agent_ready_to_invite_ms"),
        agent_answer_to_joined_ms=timings.get("agent_answer_to_joined_ms"),
        agent_ready_to_bridged_ms=timings.get("agent_ready_to_bridged_ms"),
        matches=not differences, differences=differences, explanation=explanation(last),
    )  # fmt: skip


def explanation(attempt: Attempt | None) -> str:
    """Why the last attempt ended as it did, in one line."""
    if attempt is None:
        return "never dialled"
    why = attempt.evidence.get("why")
    if why:
        return "; ".join(why[-3:])
    status = f"SIP {attempt.sip_status}" if attempt.sip_status else "no final response"
    return status + (f", Q.850 {attempt.q850}" if attempt.q850 else "")


def summary(reports: list[Report]) -> Table:
    """One line a call."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("", "persona", "verdict", "call_result", "reason", "tries", "verdict ms", "joined ms"):
        table.add_column(title, no_wrap=True, justify="right" if title.endswith(("ms", "tries")) else "left")
    table.add_column("because", overflow="fold", ratio=1)
    for report in reports:
        mark = Text("ok", style="green") if report.matches else Text("no", style="red")
        because = report.explanation if report.matches else "; ".join(report.differences) + " — " + report.explanation
        table.add_row(
            mark,
            report.persona,
            report.verdict or "",
            f"{report.call_result} {CallResult(report.call_result).name}",
            report.reason or report.state,
            str(report.attempts),
            number(report.answer_to_verdict_ms),
            number(report.agent_answer_to_joined_ms),
            because,
        )
    return table


def number(value: float | None) -> str:
    """A figure for the table; empty when there is none."""
    return "" if value is None else f"{value:.0f}"
