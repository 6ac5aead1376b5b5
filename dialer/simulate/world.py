"""The world a callback service works in: who asks to be called, what answers, how long people talk, who is at work.

Everything here is the operator's assumption; what the dialer itself does comes from its own code and the options of a
service. `world.toml` beside this file holds the defaults with a word on each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from dialer.callback.call_result import CallResult
from dialer.config.problem import did_you_mean
from dialer.config.table import Table
from dialer.simulate.draw import Seconds, fixed, lognormal

HOURS_PER_DAY: Final = 24
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DayName = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
ALIASES: Final[Mapping[str, CallResult]] = {
    "human": CallResult.ANSWER,
    "machine": CallResult.ANSWERING_MACHINE,
    "fax": CallResult.SIT_FAX_DETECTED,
}
ANSWERED: Final = frozenset(
    {CallResult.ANSWER, CallResult.ANSWERING_MACHINE, CallResult.SIT_FAX_DETECTED, CallResult.SILENCE}
)
"""Results of calls that were answered: without detection each counts as a person."""

LINE_RESULTS: Final = frozenset(
    {
        *ANSWERED,
        CallResult.GENERAL_ERROR,
        CallResult.SYSTEM_ERROR,
        CallResult.REMOTE_RELEASE,
        CallResult.BUSY,
        CallResult.NO_ANSWER,
        CallResult.SIT_DETECTED,
        CallResult.ALL_TRUNKS_BUSY,
        CallResult.SIT_INVALID_NUM,
        CallResult.SIT_VACANT,
        CallResult.SIT_OPER_INTERCEPT,
        CallResult.SIT_UNKNOWN,
        CallResult.SIT_NO_CIRCUIT,
        CallResult.SIT_REORDER,
        CallResult.REDIRECTED,
        CallResult.FORWARDED,
        CallResult.UNKNOWN,
        CallResult.NU_TONE,
        CallResult.NO_PROGRESS,
        CallResult.NO_RING_BACK,
        CallResult.NO_ESTABLISHED,
        CallResult.PAGER_DETECTED,
        CallResult.DIAL_ERROR,
        CallResult.CALL_DROPPED_ERROR,
        CallResult.SWITCH_ERROR,
        CallResult.NO_FREE_PORT_ERROR,
    }
)
"""Results that the far end or the line gives; the others come out of the simulation itself."""


def _to_time(value: Any) -> Any:
    found = re.fullmatch(r"([01][0-9]|2[0-4]):([0-5][0-9])", value) if isinstance(value, str) else None
    if found is None or (found[1] == "24" and found[2] != "00"):
        raise ValueError(f'{value!r} is not a time of day; write for example "08:30"')
    return int(found[1]) * 3600 + int(found[2]) * 60


TimeOfDay = Annotated[int, BeforeValidator(_to_time)]
"""Seconds since midnight, written "HH:MM"."""


def result_of(name: str) -> CallResult:
    """The call result that a table `[answers.NAME]` is about.

    Raises:
        ValueError: when it is none, or none that a line gives.
    """
    result = ALIASES.get(name) or CallResult.__members__.get(name.upper())
    if result is None or result not in LINE_RESULTS:
        names = [*ALIASES, *(each.name.lower() for each in sorted(LINE_RESULTS))]
        near = did_you_mean(name, names)
        raise ValueError(f"{name!r} is nothing that answers a call; {near or 'known: ' + ', '.join(names)}")
    return result


class Arrivals(Table):
    """`[arrivals]`: requests for immediate callbacks, at random (Poisson) around a rate that may follow the clock.

    Attributes:
        per_hour: mean over the whole week.
        by_hour: weight of each hour of the day; equal weights make the rate constant.
        by_day: weight of each day, Monday first.
    """

    per_hour: float = Field(default=300.0, ge=0, le=1_000_000, allow_inf_nan=False)
    by_hour: tuple[float, ...] = (1.0,) * HOURS_PER_DAY
    by_day: tuple[float, ...] = (1.0,) * len(DAYS)

    @field_validator("by_hour", "by_day")
    @classmethod
    def _weights(cls, weights: tuple[float, ...], info: Any) -> tuple[float, ...]:
        wanted = HOURS_PER_DAY if info.field_name == "by_hour" else len(DAYS)
        if len(weights) != wanted:
            raise ValueError(f"holds {len(weights)} weights; write {wanted}")
        if not all(0 <= weight < 1e9 for weight in weights) or sum(weights) <= 0:
            raise ValueError("weights are numbers from 0, not all 0; mend the odd one")
        return weights


class Answer(Table):
    """`[answers.NAME]`: one thing that may become of a call to a customer.

    Attributes:
        weight: how often, in proportion to the others.
        rings_s: from the INVITE to the answer or the failure; None: rings until `ring_timeout` ends it.
        after_s: from the answer to the verdict, or to the end of what a machine is told.
        talk_s: how long an agent stays on if it is connected all the same; None: as `[talk]`.
    """

    weight: float = Field(ge=0, le=1e9, allow_inf_nan=False)
    rings_s: Seconds | None = None
    after_s: Seconds = fixed(0)
    talk_s: Seconds | None = None


def default_answers() -> dict[str, Answer]:
    """People who asked to be called mostly answer."""
    return {
        "human": Answer(weight=74, rings_s=lognormal(11, 0.5), after_s=lognormal(1.2, 0.4)),
        "machine": Answer(weight=9, rings_s=lognormal(19, 0.3), after_s=lognormal(9, 0.5), talk_s=lognormal(8, 0.4)),
        "no_answer": Answer(weight=10),
        "busy": Answer(weight=4, rings_s=lognormal(3, 0.4)),
        "all_trunks_busy": Answer(weight=1, rings_s=lognormal(2, 0.5)),
        "silence": Answer(weight=0.5, rings_s=lognormal(11, 0.5), after_s=fixed(4)),
        "sit_vacant": Answer(weight=1, rings_s=lognormal(4, 0.4)),
        "fax": Answer(weight=0.5, rings_s=lognormal(8, 0.3), after_s=lognormal(3, 0.3)),
    }


class AgentHabits(Table):
    """`[agent]`: how agents take calls.

    Attributes:
        answers_s: from the ringing of the agent's phone to the answer.
        misses: share of rings that nobody takes; the agent is not ready then.
        away_s: how long such an agent stays not ready.
    """

    answers_s: Seconds = lognormal(2.5, 0.5)
    misses: float = Field(default=0.01, ge=0, le=1, allow_inf_nan=False)
    away_s: Seconds = lognormal(300, 0.5)


class CustomerHabits(Table):
    """`[customer]`: patience on the line after the answer, and, if given, while waiting to be called (cancels)."""

    patience_s: Seconds | None = lognormal(120, 1.0)
    cancels_after_s: Seconds | None = None


class Pause(Table):
    """`[[shift.pause]]`: a break of everybody in a shift, one after the other over `spread_min`."""

    at: TimeOfDay
    minutes: float = Field(gt=0, le=24 * 60, allow_inf_nan=False)
    spread_min: float = Field(default=0.0, ge=0, le=24 * 60, allow_inf_nan=False)


class Shift(Table):
    """`[[shift]]`: a part of the agents that works at the same hours; to at or before from = over midnight."""

    share: float = Field(default=1.0, gt=0, le=1e6, allow_inf_nan=False)
    begin: TimeOfDay = Field(validation_alias="from")
    end: TimeOfDay = Field(validation_alias="to")
    days: tuple[DayName, ...] = DAYS[:5]
    pauses: tuple[Pause, ...] = Field(default=(), validation_alias="pause")

    @property
    def length_s(self) -> int:
        """From begin to end."""
        return (self.end - self.begin) % 86400 or 86400


class Hours(Table):
    """`[hours]`: when the service takes requests and dials; without the table always."""

    begin: TimeOfDay = Field(validation_alias="from")
    end: TimeOfDay = Field(validation_alias="to")
    days: tuple[DayName, ...] = DAYS[:5]

    @model_validator(mode="after")
    def _within_a_day(self) -> Self:
        if self.end <= self.begin:
            raise ValueError("opens after it closes; put from before to")
        return self

    def open_at_time(self, weekday: int, moment: time) -> bool:
        """Whether it is open on this weekday (0 = Monday) at this time of day."""
        seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
        return DAYS[weekday] in self.days and self.begin <= seconds < self.end


class World(Table):
    """All assumptions together."""

    arrivals: Arrivals = Arrivals()
    answers: Mapping[str, Answer] = Field(default_factory=default_answers)
    talk: Seconds = lognormal(240, 0.8)
    wrap_up: Seconds = lognormal(30, 0.6)
    agent: AgentHabits = AgentHabits()
    customer: CustomerHabits = CustomerHabits()
    hours: Hours | None = None
    shifts: tuple[Shift, ...] = Field(default=(), validation_alias="shift")

    @field_validator("answers")
    @classmethod
    def _answers(cls, answers: Mapping[str, Answer]) -> Mapping[str, Answer]:
        known: dict[CallResult, str] = {}
        for name in answers:
            result = result_of(name)
            if result in known:
                raise ValueError(f"{known[result]!r} and {name!r} are the same result; keep one")
            known[result] = name
        if not any(answer.weight for answer in answers.values()):
            raise ValueError("no answer has a weight; give at least one a weight above 0")
        return answers
