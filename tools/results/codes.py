"""Rows for every SIP status and every Q.850 cause that has a result of its own, and one that leaves it to its class.

Source: records.md §6.1, written out here once more: the rows do not ask the dialer what it thinks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tools.results.row import ENDED, Expected, Row, refuses, retried

STATUSES: Mapping[int, tuple[int, ...]] = {
    22: (300, 301, 302, 305, 380),
    3: (
        *(400, 401, 402, 403, 405, 406, 407, 413, 414, 415, 420, 421, 423),
        *(481, 482, 483, 485, 487, 488, 489, 491, 493, 499, 606, 699),
    ),
    12: (404, 604),
    7: (408, 480),
    13: (410,),
    11: (416, 484),
    6: (486, 600),
    4: (500, 501, 502, 505, 513, 580, 599),
    15: (503,),
    16: (504,),
    5: (603, 608),
    51: (607,),
}
"""SIP statuses by the result that they give without a cause; 499, 599 and 699 stand for all that have no row."""

CAUSES: Mapping[int, tuple[int, ...]] = {
    12: (1, 2, 3),
    14: (4,),
    11: (5, 28),
    6: (17,),
    7: (18, 19, 20, 102),
    5: (21,),
    22: (23,),
    3: (26, 29, 50, 55, 57, 58, 63, 65, 69, 79, 87, 88),
    43: (27, 38, 6, 111),
    15: (34,),
    16: (41, 42, 47),
    10: (44,),
    13: (22,),
    4: (16, 31, 127, 98),
}
"""Q.850 causes by the result that they give with a SIP 500; the last four leave it to the status."""

DIAL_RESULTS: Mapping[int, str] = {
    **dict.fromkeys((3, 4, 43), "CREATE_CALL_ERROR"),
    **dict.fromkeys((5, 22, 51), "UNKNOWN"),
    **dict.fromkeys((10, 11, 12, 13, 14, 15, 16), "ERROR_TONE"),
    6: "BUSY",
    7: "NO_ANSWER",
}
CHALLENGES = {
    401: 'WWW-Authenticate: Digest realm="peer", nonce="1"',
    407: 'Proxy-Authenticate: Digest realm="peer", nonce="1"',
}


def refused(result: int, *, sip_status: int, q850: int | None = None) -> Expected:
    """The only attempt that is allowed ended so."""
    expected = retried(
        result, DIAL_RESULTS[result], sip_status=sip_status, q850=q850, counted=result != 51,
    )  # fmt: skip
    return replace(expected, dials=expected.dials[:1], events=ENDED)


def status_row(result: int, status: int) -> Row:
    """A far end that refuses with a status."""
    header = {"header": CHALLENGES[status]} if status in CHALLENGES else {}
    return Row(
        key=f"sip-{status}", code=result, how=f"SIP {status}", expected=refused(result, sip_status=status),
        options=refuses(f"{status} Refused", **header) | {"dial_attempts": 1},
    )  # fmt: skip


def cause_row(result: int, cause: int) -> Row:
    """A far end that refuses with a cause."""
    return Row(
        key=f"q850-{cause}", code=result, how=f"Q.850 {cause}", expected=refused(result, sip_status=500, q850=cause),
        options=refuses("500 Refused", f"Reason: Q.850;cause={cause}") | {"dial_attempts": 1},
    )  # fmt: skip


STATUS_ROWS = tuple(status_row(result, status) for result, statuses in STATUSES.items() for status in statuses)
CAUSE_ROWS = tuple(cause_row(result, cause) for result, causes in CAUSES.items() for cause in causes)
