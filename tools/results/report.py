"""The table as people read it: in the terminal, and as docs/results.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dialer.callback.call_result import CALL_RESULTS, CallResult
from dialer.callback.state import position_name
from tools.results.codes import CAUSES, STATUSES
from tools.results.row import Row
from tools.results.run import Run
from tools.results.seen import Seen
from tools.results.table import ROWS

HEAD = """# Results made real

Every call result and every completion reason that this dialer produces, each provoked by a real call or a real
operator action. Written by `make results`, which plays all rows against SIPp, the lab's people and machines, and
killed, stopped and faulty dialers; the system tests play the same rows and check states, transitions, every attempt,
the retry decision and the fields of the reports.

"Again" in the last column means that the first attempt was followed by another, which ended alike.
"""
RESULT_HEAD = """
## Call results

| code | name | how provoked | what came out |
|---:|---|---|---|
"""
REASON_HEAD = """
## Completion reasons

| reason | detail | how provoked |
|---|---|---|
"""
CODES_HEAD = """
## Statuses and causes

Each refused a call of its own. A cause stands in the `Reason` header of a SIP 500.

| code | name | SIP | Q.850 |
|---:|---|---|---|
"""
STORED_HEAD = """
## Stored, never produced

Kept when an interaction is added with them over HTTP, as this run has done; no call of this dialer ends so.

"""


def document(run: Run) -> str:
    """docs/results.md: the same for each run in which the same came out."""
    rows = sorted(ROWS, key=lambda row: row.shown_code)
    kept = run.kept[CallResult.OK]
    results = (
        f"| {kept} | {CallResult(kept).name} | an interaction without a call is added over HTTP | kept as it is |\n"
    )
    results += "".join(
        f"| {row.shown_code} | {CallResult(row.shown_code).name} | {row.how} | {came_out(row, run)} |\n" for row in rows
    )
    ended = sorted((row for row in ROWS if row.expected.reason), key=lambda row: str(row.expected.reason))
    reasons = "".join(
        f"| {row.expected.reason} | {detail(row, run)} | {row.how} |\n" for row in ended if not by_code(row)
    )
    reasons += "| FAIL_CALL_TO_CUSTOMER | call_result:CODE | each result above after its last attempt |\n"
    codes = "".join(
        f"| {code} | {CallResult(code).name} | {listed(STATUSES.get(code, ()))} | {listed(CAUSES.get(code, ()))} |\n"
        for code in sorted({*STATUSES, *CAUSES})
    )
    stored = ", ".join(
        f"{code} {CallResult(code).name}" for code in run.kept.values() if not CALL_RESULTS[CallResult(code)].producers
    )
    parts = (HEAD, RESULT_HEAD, results, REASON_HEAD, reasons, CODES_HEAD, codes, STORED_HEAD, stored, ".\n")
    return "".join(parts)


def listed(numbers: Iterable[int]) -> str:
    """Numbers, in order."""
    return ", ".join(map(str, sorted(numbers)))


def lines(run: Run, rows: Iterable[Row]) -> Iterator[str]:
    """The table for the terminal."""
    for row in sorted(rows, key=lambda row: row.shown_code):
        yield f"{row.shown_code:3} {CallResult(row.shown_code).name:20} {row.how}: {came_out(row, run)}"


def by_code(row: Row) -> bool:
    """True when its reason only repeats its result."""
    return row.expected.reason == "FAIL_CALL_TO_CUSTOMER" and (row.expected.detail or "").startswith("call_result")


def detail(row: Row, run: Run) -> str:
    """The detail of the reason, as it came."""
    seen = run.outcomes[row.key]
    return seen.callback.reason_detail or "" if isinstance(seen, Seen) else ""


def came_out(row: Row, run: Run) -> str:
    """What became of a row, in words that do not change from run to run."""
    seen = run.outcomes[row.key]
    if not isinstance(seen, Seen):
        return f"nothing: {type(seen).__name__}"
    told = [told_dial(seen, n, row) for n in range(len(seen.attempts))]
    dials = f"{told[0]}, again" if len(told) > 1 and told[0] == told[1] else ", then ".join(told) or "not dialled"
    callback = seen.callback
    where = str(callback.reason) if callback.reason else position_name(callback.position)
    planned = f", next dial in {row.expected.retry_s:.0f} s" if callback.next_dial_at else ""
    legs = "; legs: " + ", ".join(f"{kind} {result}" for kind, result in seen.legs) if seen.legs else ""
    return f"{dials}{legs}; {where}{planned}"


def told_dial(seen: Seen, n: int, row: Row) -> str:
    """One attempt in words."""
    attempt = seen.attempts[n]
    if attempt.call_result is None:
        return "dialled anew"
    expected = row.expected.dials[n].verdict if n < len(row.expected.dials) else None
    verdict = attempt.verdict if not isinstance(expected, frozenset) else " or ".join(sorted(expected))
    status = f"SIP {attempt.sip_status}" if attempt.sip_status else ""
    cause = f"Q.850 {attempt.q850}" if attempt.q850 else ""
    facts = " ".join(filter(None, (status, cause, f"heard {verdict}" if verdict else "")))
    counted = "" if attempt.counted is not False else ", not counted"
    return f"{int(attempt.call_result)} {attempt.dial_result}{counted}" + (f" ({facts})" if facts else "")
