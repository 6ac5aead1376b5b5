"""Each result and each reason that the dialer produces, provoked by real calls: the table of `make results`."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from dialer.callback.call_result import CALL_RESULTS, CallResult
from dialer.callback.reason import PREVIEW_REASON, Reason
from dialer.callback.transition_row import PREVIEW_REASONS
from tools.results.run import STORED, Run, play_all
from tools.results.table import CODES, ROWS

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]

DOCUMENT = Path(__file__).parents[3] / "docs" / "results.md"
PRODUCIBLE = {code.value for code, info in CALL_RESULTS.items() if info.producers}
NEVER_WRITTEN = {"SUBMIT_FAILED"}


@pytest.fixture(scope="module")
def run() -> Run:
    """The table, played once for all its tests."""
    return asyncio.run(play_all())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_a_row_of_the_table_comes_out_as_it_must(run: Run, row) -> None:
    assert run.differences(row) == []


def test_every_status_and_every_cause_gives_its_result(run: Run) -> None:
    wrong = {row.key: run.differences(row) for row in CODES}
    assert {key: differences for key, differences in wrong.items() if differences} == {}
    assert {status for row in CODES if (status := row.expected.dials[0].sip_status)} >= {300, 486, 503, 607}


def test_results_that_no_call_ends_with_are_kept_with_interactions(run: Run) -> None:
    assert run.kept == {int(code): int(code) for code in STORED}
    assert {*run.kept} == {0, 20, 24, 25, 29, 30, 31, 35, 49, 50}


def test_no_row_but_the_faulty_one_leaves_an_error_in_the_log(run: Run) -> None:
    assert run.traceback == ""


def rows_of(section: str) -> list[str]:
    """First cells of a table of the document."""
    text = DOCUMENT.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [cells[0] for line in text.splitlines()[3:] if (cells := re.findall(r"[^|]*[^| ]", line))]


def test_the_document_lists_exactly_the_results_that_can_be_produced() -> None:
    assert {int(cell) for cell in rows_of("Call results")} == PRODUCIBLE


def test_the_document_lists_exactly_the_reasons_that_are_written() -> None:
    shown = {PREVIEW_REASON.sub(PREVIEW_REASONS, cell.strip()) for cell in rows_of("Completion reasons")}
    assert shown == (set(Reason) - NEVER_WRITTEN) | {PREVIEW_REASONS}


def test_every_result_stands_in_the_table_as_result_of_an_attempt_or_of_a_callback() -> None:
    provoked = {row.code for row in ROWS} | {row.shown_code for row in ROWS} | {int(CallResult.OK)}
    provoked |= {dial.result for row in ROWS for dial in row.expected.dials if dial.result is not None}
    assert provoked == PRODUCIBLE
