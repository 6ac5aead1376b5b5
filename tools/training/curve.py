"""What the model is worth on voices it never heard: held-out odds, tables by line and kind, trade-off curves.

Decisions are simulated on the 50 ms snapshots exactly as the bank takes them: a machine when the odds reach the
profile's bound or the greeting outlasts ``TALK_LIMITS``; a person when a pause is long enough for how likely a
person is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dialer.detection.settings import PROFILES, DetectionSettings, Profile
from dialer.detection.speech.classifier import NOT_A_PERSON, TALK_LIMITS
from dialer.detection.speech.feature import FEATURES
from dialer.replay.interval import rate
from tools.training.collect import Labelled
from tools.training.learn import OWN_PAUSE_WEIGHT, TwoForests, examples, open_moments

_AT = {name: number for number, name in enumerate(FEATURES)}
SHOT_S = 0.05


@dataclass(frozen=True)
class HeldOut:
    """Odds before calibration of calls whose speakers the trees did not know: ``odds[n]`` of call n."""

    odds: list[np.ndarray]

    def kept(self, calls: Sequence[Labelled]) -> np.ndarray:
        """The odds that go with ``examples(calls)``, in its order."""
        return np.concatenate([o[open_moments(c)] for c, o in zip(calls, self.odds, strict=True)])


def fold_of(groups: Sequence[frozenset[str]], folds: int, seed: int = 3) -> dict[str, int]:
    """Shares speakers (or sources) among folds, the ones with most calls first."""
    weight: dict[str, int] = defaultdict(int)
    for group in groups:
        for name in group:
            weight[name] += 1
    total = np.zeros(folds)
    out = {}
    order = np.random.default_rng(seed).permutation(sorted(weight))
    for name in sorted(order, key=lambda n: -weight[str(n)]):
        fold = int(np.argmin(total))
        out[str(name)] = fold
        total[fold] += weight[str(name)]
    return out


def held_out(
    own: list[Labelled],
    composed: list[Labelled],
    folds: int,
    stride: int,
    group: Callable[[Labelled], frozenset[str]] = lambda call: call.speakers,
) -> HeldOut:
    """Odds for every own call from trees that knew none of its speakers (by ``group``: or none of its sources)."""
    fold = fold_of([group(c) for c in [*own, *composed]], folds)
    home = [min((fold[g] for g in group(c)), default=n % folds) for n, c in enumerate(own)]
    odds: list[np.ndarray] = [np.zeros(0)] * len(own)
    for k in range(folds):

        def stranger(call: Labelled, k: int = k) -> bool:
            return all(fold[g] != k for g in group(call))

        mine = [c for c, at in zip(own, home, strict=True) if at != k and stranger(c)]
        others = [c for c in composed if stranger(c)]
        parts = [examples(mine, pause_weight=OWN_PAUSE_WEIGHT)] + ([examples(others, stride)] if others else [])
        forest = TwoForests().fit(*(np.concatenate(x) for x in zip(*parts, strict=True)))
        for number, at in enumerate(home):
            if at == k:
                odds[number] = forest.raw(own[number].snapshots)
    return HeldOut(odds)


@dataclass(frozen=True)
class Outcome:
    """What was decided about one call, and when (s from the answer)."""

    call: Labelled
    verdict: str
    at_s: float

    @property
    def wrong(self) -> bool:
        """Whether a person was taken for a machine or the other way round."""
        return self.verdict == ("human" if self.call.machine else "machine")

    def after(self, column: str) -> float:
        """Seconds from a time in the manifest (of the file) to the decision."""
        row = self.call.row
        return self.at_s + float(row["answer_s"] or 0) - float(row[column])


def decide(profile: Profile, call: Labelled, odds: np.ndarray) -> Outcome:
    """Goes through one call as the bank does."""
    shots = call.snapshots
    since, pause = shots[:, _AT["since_first_s"]], shots[:, _AT["pause_s"]]
    p = 1 / (1 + np.exp(-odds))
    human = np.zeros(p.size, bool)
    for length, most in zip(profile.pauses_s, profile.human_at, strict=True):
        human |= (pause >= length - 1e-4) & (p <= most)
    limit_s = next((limit_s for limit_s, at_least in TALK_LIMITS if at_least >= profile.machine_at), np.inf)
    outlasts = (since - pause >= limit_s) & (p >= NOT_A_PERSON)
    machine = ((p >= profile.machine_at) & (since >= profile.machine_after_s)) | outlasts
    over = since >= DetectionSettings().answered_limit_s
    at = np.flatnonzero((human | machine | over) & (since > 0))
    if at.size == 0:
        return Outcome(call, "undecided", p.size * SHOT_S)
    first = int(at[0])
    verdict = "machine" if machine[first] else "human" if human[first] else by_cost(profile, float(p[first]))
    return Outcome(call, verdict, (first + 1) * SHOT_S)


def by_cost(profile: Profile, p: float) -> str:
    """The verdict when the time is up."""
    if p >= profile.machine_at_limit:
        return "machine"
    return "human" if p < profile.human_at_limit else "undecided"


def told(wrong: int, of: int) -> str:
    """``1.3 % (0.4-3.7, 3 of 236)``: a rate with its Wilson 95 % interval."""
    found = rate(wrong, of)
    return f"{100 * (found['share'] or 0):5.1f} % ({100 * found['low']:.1f}-{100 * found['high']:.1f}, {wrong} of {of})"


def spread(seconds: Sequence[float]) -> str:
    """Median, P90 and P95 of latencies."""
    return "-" if not seconds else "/".join(f"{v:.2f}" for v in np.percentile(seconds, [50, 90, 95]))


def summary(outcomes: Sequence[Outcome]) -> str:
    """One line: both error rates, undecided share, latencies."""
    people = [o for o in outcomes if not o.call.machine]
    machines = [o for o in outcomes if o.call.machine]
    false_machine = sum(o.verdict == "machine" for o in people)
    false_human = sum(o.verdict == "human" for o in machines)
    undecided = sum(o.verdict == "undecided" for o in outcomes)
    return (
        f"person taken for machine {told(false_machine, len(people))} | machine taken for person "
        f"{told(false_human, len(machines))} | undecided {undecided} | person after greeting end "
        f"{spread([o.after('greeting_end_s') for o in people if o.verdict == 'human'])} s | machine after first voice "
        f"{spread([o.after('onset_s') for o in machines if o.verdict == 'machine'])} s"
    )


def _band(value: str, edges: Sequence[float]) -> str:
    if not value:
        return "as recorded"
    number = float(value)
    low = max((e for e in edges if number >= e), default=None)
    return f"under {edges[0]:g}" if low is None else f"{low:g} and more"


SUBSETS: dict[str, Callable[[dict[str, str]], str]] = {
    "kind": lambda r: r["note"].split(";")[0],
    "level dBm0": lambda r: r["level_dbm0"],
    "SNR dB": lambda r: _band(r["snr_db"], (12, 17, 27)),
    "codec": lambda r: r["codec"],
    "loss": lambda r: "none" if r["loss"] in {"0", ""} else "lost frames",
    "source": lambda r: " ".join(
        sorted({s.split("(")[0].strip() for s in r["source"].split("+") if "blanket" not in s})
    ),
}


def print_tables(outcomes: Sequence[Outcome]) -> None:
    """Error rates by kind, level, SNR, codec, loss and source."""
    for name, key in SUBSETS.items():
        rows: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            rows[key(outcome.call.row)].append(outcome)
        print(f"\n| {name} | person taken for machine | machine taken for person |\n|---|---|---|")
        for value in sorted(rows):
            people = [o for o in rows[value] if not o.call.machine]
            machines = [o for o in rows[value] if o.call.machine]
            cells = (told(sum(o.wrong for o in some), len(some)) if some else "" for some in (people, machines))
            print(f"| {value} | {' | '.join(cells)} |")


def print_curve(own: Sequence[Labelled], odds: Sequence[np.ndarray], profile: Profile, name: str) -> None:
    """The trade-off of a profile: both bounds moved together and apart, in log odds."""
    print(f"\n{name}: bounds moved by so many log odds\n\n| machine bound | person bounds | outcome |\n|---|---|---|")
    for machine, person in ((-2, 0), (-1, 0), (0, -1), (0, -0.5), (0, 0), (0, 0.5), (0, 1), (1, 0), (2, 0)):
        moved = shifted(profile, machine, person)
        print(
            f"| {machine:+g} | {person:+g} | {summary([decide(moved, c, o) for c, o in zip(own, odds, strict=True)])} |"
        )


def shifted(profile: Profile, machine: float, person: float) -> Profile:
    """The profile with its bounds moved by log odds."""

    def move(p: float, by: float) -> float:
        odds = np.log(p / (1 - p)) + by
        return float(1 / (1 + np.exp(-odds)))

    return Profile(
        move(profile.machine_at, machine),
        profile.machine_after_s,
        tuple(move(p, person) for p in profile.human_at),
        profile.pauses_s,
        profile.machine_at_limit,
        profile.human_at_limit,
    )


def print_curves(own: Sequence[Labelled], odds: Sequence[np.ndarray]) -> None:
    """Everything: each profile's line, its curve, and the tables of the default."""
    for name, profile in PROFILES.items():
        outcomes = [decide(profile, c, o) for c, o in zip(own, odds, strict=True)]
        print(f"\n{name}: {summary(outcomes)}")
        print_curve(own, odds, profile, name)
    print("\nDefault profile, by subset")
    print_tables([decide(PROFILES["balanced"], c, o) for c, o in zip(own, odds, strict=True)])
