"""The figures of an evaluation, from judged calls to one dictionary that is printed, saved and compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dialer.callback.verdict import VERDICTS
from dialer.replay.curve import calibration, roc
from dialer.replay.interval import rate, spread
from dialer.replay.judge import FAX, HUMAN, MACHINE, SIT, UNDECIDED, Judged
from dialer.replay.subset import SUBSETS

Rows = Sequence[Judged]

TONES = frozenset({"busy", "congestion", "ringback", "nu_tone"})

SPEECH_LIKE = frozenset({"human", "machine", "machine_beep", "music", "silence"})
"""Classes without call progress tones: what is reported there as one is false."""


def summary(judged: Rows) -> dict[str, Any]:
    """All figures of a run.

    Args:
        judged: the calls in the order of the manifest.
    """
    return {
        "calls": len(judged),
        "hours": round(sum(each.result.duration_s for each in judged if each.result) / 3600, 4),
        "right": rate(sum(each.right for each in judged), len(judged)),
        "right_call_result": rate(sum(each.right_result for each in judged), len(judged)),
        "confusion": confusion(judged),
        "classes": classes(judged),
        "answer": answer(judged),
        "latency": latency(judged),
        "beep": beep(judged),
        "false_events": false_events(judged),
        "subsets": subsets(judged),
    }


def confusion(judged: Rows) -> dict[str, dict[str, int]]:
    """Calls by expected verdict and given verdict, in the order of the verdict table."""
    order = {name: place for place, name in enumerate(VERDICTS)}
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for each in judged:
        table[each.call.expected][each.got] += 1
    rank = lambda name: (order.get(name, len(order)), name)  # noqa: E731  (one key for rows and columns)
    return {name: {got: table[name][got] for got in sorted(table[name], key=rank)} for name in sorted(table, key=rank)}


def classes(judged: Rows) -> dict[str, dict[str, Any]]:
    """Recall and precision of each expected verdict, and of those that belong together."""
    groups: dict[str, frozenset[str]] = {name: frozenset({name}) for name in VERDICTS}
    groups |= {"machine (both)": MACHINE, "fax or modem": FAX, "any SIT": SIT}
    table = {}
    for name, members in groups.items():
        of_class = [each for each in judged if each.call.expected in members]
        given = [each for each in judged if each.got in members]
        if not of_class and not given:
            continue
        table[name] = {
            "recall": rate(sum(each.got in members for each in of_class), len(of_class)),
            "precision": rate(sum(each.call.expected in members for each in given), len(given)),
        }
    return table


def answer(judged: Rows) -> dict[str, Any]:
    """Human or machine: both errors at the decision, the undecided, and how good the probability is."""
    humans = [each for each in judged if each.call.expected in HUMAN]
    machines = [each for each in judged if each.call.expected in MACHINE]
    beeping = [each for each in machines if each.call.expected == "machine_beep"]
    both = [*humans, *machines]
    scored = [(each.probability, each.call.expected in MACHINE) for each in both if each.probability is not None]
    scores, truth = [score for score, _ in scored], [machine for _, machine in scored]
    return {
        "false_machine": _share(humans, lambda each: each.acted in MACHINE),
        "human_hung_up": _share(humans, lambda each: each.acted not in {*HUMAN, UNDECIDED, "off", "none"}),
        "false_human": _share(machines, lambda each: each.acted in HUMAN),
        "false_human_after_beep": _share(beeping, lambda each: each.got in HUMAN),
        "machine_other": _share(machines, lambda each: each.acted not in {*HUMAN, *MACHINE, UNDECIDED}),
        "undecided": _share(both, lambda each: each.acted == UNDECIDED),
        "roc": roc(scores, truth),
        "calibration": calibration(scores, truth),
    }


def _share(rows: Rows, chosen: Callable[[Judged], bool]) -> dict[str, Any]:
    return dict(rate(sum(chosen(each) for each in rows), len(rows)))


def latency(judged: Rows) -> dict[str, Any]:
    """Seconds to the decision for calls decided rightly, by class and from the marks that matter there."""
    marks = {
        "human": (HUMAN, ("answer_s", "greeting_end_s")),
        "machine": (MACHINE, ("answer_s", "onset_s", "greeting_end_s")),
        "fax or modem": (FAX, ("onset_s",)),
        "any SIT": (SIT, ("onset_s", "end_s")),
        **{name: (frozenset({name}), ("onset_s",)) for name in (*sorted(TONES), "pager")},
        "silence": (frozenset({"silence"}), ("answer_s",)),
    }
    table: dict[str, Any] = {}
    for name, (members, names) in marks.items():
        rows = [each for each in judged if each.call.expected in members and each.got in members]
        for mark in names:
            times = [time for each in rows if (time := each.after(mark)) is not None]
            if times:
                table[f"{name} from {mark.removesuffix('_s')}"] = spread(times)
    return table


def beep(judged: Rows) -> dict[str, Any]:
    """Beeps found, and how far their onset, end and report were from the truth, seconds."""
    labelled = [each for each in judged if "beep_end_s" in each.call.numbers]
    pairs = [(each, found) for each in labelled if (found := each.true_beep()) is not None]
    onset = [found["onset_s"] - each.call.numbers["beep_start_s"] for each, found in pairs]
    end = [found["end_s"] - each.call.numbers["beep_end_s"] for each, found in pairs]
    reported = [found["reported_s"] - each.call.numbers["beep_end_s"] for each, found in pairs]
    return {
        "found": rate(len(pairs), len(labelled)),
        "onset_error": spread([abs(value) for value in onset]),
        "end_error": spread([abs(value) for value in end]),
        "reported_after_end": spread(reported),
    }


def false_events(judged: Rows) -> dict[str, Any]:
    """Events reported where there were none, by kind: count, hours listened to, and count an hour."""
    rows = [each for each in judged if each.call.expected in SPEECH_LIKE and each.result]
    hours = sum(each.result.duration_s for each in rows if each.result) / 3600
    counts: Counter[str] = Counter()
    for each in rows:
        counts.update(_false_events(each))
    kinds = ("beep", "sit", "fax", "cadence", "pager")
    return {
        kind: {
            "count": counts[kind],
            "hours": round(hours, 4),
            "per_hour": round(counts[kind] / hours, 3) if hours else None,
        }
        for kind in kinds
    }


def _false_events(each: Judged) -> Iterable[str]:
    assert each.result is not None
    for heard in each.beeps():
        if not each.is_labelled(heard):
            yield "beep"
    for verdict in each.result.verdicts:
        if verdict.name in SIT:
            yield "sit"
        elif verdict.name in FAX:
            yield "fax"
        elif verdict.name in TONES:
            yield "cadence"
        elif verdict.name == "pager":
            yield "pager"


def subsets(judged: Rows) -> dict[str, dict[str, Any]]:
    """The errors by level, SNR, codec, loss, kind and source."""
    table: dict[str, dict[str, Any]] = {}
    for dimension, values_of in SUBSETS.items():
        groups: dict[str, list[Judged]] = defaultdict(list)
        for each in judged:
            for value in values_of(each.call):
                groups[value].append(each)
        table[dimension] = {value: _subset(groups[value]) for value in sorted(groups, key=_natural)}
    return table


def _natural(text: str) -> tuple[float, str]:
    head = text.split(maxsplit=1)[0].lstrip("<>=≥") if text else ""
    try:
        return float(head), text
    except ValueError:
        return float("inf"), text


def _subset(rows: Rows) -> dict[str, Any]:
    humans = [each for each in rows if each.call.expected in HUMAN]
    machines = [each for each in rows if each.call.expected in MACHINE]
    others = [each for each in rows if each.call.expected not in HUMAN | MACHINE]
    return {
        "n": len(rows),
        "right": _share(rows, lambda each: each.right_result),
        "false_machine": _share(humans, lambda each: each.acted in MACHINE),
        "false_human": _share(machines, lambda each: each.acted in HUMAN),
        "undecided": _share([*humans, *machines], lambda each: each.acted == UNDECIDED),
        "others_right": _share(others, lambda each: each.right_result),
    }
