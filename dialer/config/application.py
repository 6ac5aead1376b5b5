"""`[application.<name>]`: call flows made of blocks, for calls that come in. Source: options.md §10.

The models here say what a block may be; what only the whole configuration shows is in `application_check`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, field_validator, model_validator

from dialer.callback.call_in import CRITERIA
from dialer.config.call_in_group import NUMBER
from dialer.config.table import Table

VARIABLE: Final = re.compile(r"\$(match\.[a-z]+|callback\.id|[A-Za-z_][A-Za-z0-9_]*)")
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEYS_AND_STARS: Final = re.compile(r"[0-9*#]?")
LONGEST_INPUT: Final = 32

Label = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
Text = str
"""A value in which `$name` stands for a variable of the call."""


class Block(Table):
    """One step of a call flow.

    Attributes:
        label: where others may go to.
        on_fail: label to go to when the block did not do what it is for; None = the next block.
        next: label to go to when it did; None = the next block.
    """

    kind: ClassVar[str] = ""
    ends: ClassVar[bool] = False

    block: str
    label: Label | None = None
    on_fail: Label | None = None
    next: Label | None = None

    def texts(self) -> list[str]:
        """Every text in which variables may stand."""
        return [value for value in self.model_dump().values() if isinstance(value, str)]

    def sets(self) -> frozenset[str]:
        """Variables that it gives a value to."""
        return frozenset()


class SetBlock(Block):
    """Gives variables a value: `set`."""

    kind: ClassVar[str] = "set"

    block: Literal["set"]
    values: dict[str, Text] = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _as_texts(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        wrong = [name for name in values if not NAME.fullmatch(str(name))]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not the name of a variable; use letters, digits and _")
        return {name: str(value) for name, value in values.items()}

    def texts(self) -> list[str]:
        """The values."""
        return list(self.values.values())

    def sets(self) -> frozenset[str]:
        """The names."""
        return frozenset(self.values)


class PlayMessageBlock(Block):
    """Plays one file, or several one after the other: `play_message`."""

    kind: ClassVar[str] = "play_message"

    block: Literal["play_message"]
    file: Text | tuple[Text, ...]
    barge_in: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """What is played, in this order."""
        return (self.file,) if isinstance(self.file, str) else self.file

    def texts(self) -> list[str]:
        """The files."""
        return list(self.files)


class UserInputBlock(Block):
    """Asks for digits: `user_input`. Fails when nothing fitting came in `tries`."""

    kind: ClassVar[str] = "user_input"

    block: Literal["user_input"]
    prompt: Text
    store: str
    digits: int | None = Field(default=None, ge=1, le=LONGEST_INPUT)
    least_digits: int = Field(default=1, ge=1, le=LONGEST_INPUT)
    choices: tuple[str, ...] = ()
    terminator: str = "#"
    timeout_s: float = Field(default=8, gt=0, le=60)
    tries: int = Field(default=3, ge=1, le=10)

    @field_validator("store")
    @classmethod
    def _variable(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a variable; use letters, digits and _")
        return name

    @field_validator("terminator")
    @classmethod
    def _key(cls, key: str) -> str:
        if not KEYS_AND_STARS.fullmatch(key):
            raise ValueError(f"{key!r} is not a key; write one of 0-9, * and #, or nothing")
        return key

    def sets(self) -> frozenset[str]:
        """What was entered."""
        return frozenset({self.store})


class RecordNameBlock(Block):
    """Records what the caller says, for the callback that is booked afterwards: `record_name`."""

    kind: ClassVar[str] = "record_name"

    block: Literal["record_name"]
    prompt: Text = "say_name.wav"
    longest_s: float = Field(default=6, ge=1, le=60)


class CallbackBlock(Block):
    """In a default application the offer of a callback; in a callback application what kind it executes: `callback`."""

    kind: ClassVar[str] = "callback"

    block: Literal["callback"]
    service: str | None = None
    inbound_queue: str | None = None
    offer_threshold: float = Field(default=0, ge=0)
    immediate: bool = True
    scheduled: bool = False
    record_name: bool = False
    connect: Literal["business_to_customer", "customer_dials_in"] | None = None


class CallInMatchBlock(Block):
    """Finds the call-in request that the call belongs to: `call_in_match`. Fails when there is none."""

    kind: ClassVar[str] = "call_in_match"

    block: Literal["call_in_match"]
    criteria: tuple[str, ...] = Field(default=CRITERIA, min_length=1)
    code: Text = ""

    @field_validator("criteria")
    @classmethod
    def _known(cls, criteria: tuple[str, ...]) -> tuple[str, ...]:
        for name in criteria:
            if name not in CRITERIA:
                raise ValueError(f"{name!r} is not a criterion; choose from {', '.join(CRITERIA)}")
        return criteria

    @model_validator(mode="after")
    def _code_for_access_code(self) -> CallInMatchBlock:
        if self.criteria == ("access_code",) and not self.code:
            raise ValueError('matches by access_code alone and names no code; write code = "$code"')
        return self

    def sets(self) -> frozenset[str]:
        """The callback's routing values."""
        return frozenset({"match.queue", "match.target", "match.priority", "match.id", "match.service"})


class RouteCallBlock(Block):
    """Waits for an agent and talks, to the end of the call: `route_call`. Fails when its variables name no target."""

    kind: ClassVar[str] = "route_call"

    block: Literal["route_call"]
    queue: Text
    target: Text = ""
    priority: Text | int = 0

    def texts(self) -> list[str]:
        """Queue, target, priority."""
        return [self.queue, self.target, str(self.priority)]


class TransferBlock(Block):
    """Hands the call to another application, by name, or to a SIP address (blind): `transfer`."""

    kind: ClassVar[str] = "transfer"

    block: Literal["transfer"]
    application: str | None = None
    to: Text = ""

    @model_validator(mode="after")
    def _one_place(self) -> TransferBlock:
        if (self.application is None) == (not self.to):
            raise ValueError("leads nowhere, or to two places; give either application or to")
        return self


class TerminateBlock(Block):
    """Hangs up: `terminate`."""

    kind: ClassVar[str] = "terminate"
    ends: ClassVar[bool] = True

    block: Literal["terminate"]


BLOCKS: Final[dict[str, type[Block]]] = {
    kind.kind: kind
    for kind in (
        SetBlock,
        PlayMessageBlock,
        UserInputBlock,
        RecordNameBlock,
        CallbackBlock,
        CallInMatchBlock,
        RouteCallBlock,
        TransferBlock,
        TerminateBlock,
    )
}
"""Every kind of block by its name in the file."""

PHASES: Final = ("initialize", "assisted", "finalize")
"""The parts of an application, run in this order."""


class ApplicationTable(Table):
    """One application.

    Attributes:
        type: "default" serves calls that come in; "callback" says how callbacks are executed.
        numbers: the numbers that lead to it.
        published: only a published application takes calls.
        initialize: blocks run first.
        assisted: then these; the only place for a `callback` block of a default application.
        finalize: then these.
    """

    type: Literal["default", "callback"] = "default"
    numbers: tuple[str, ...] = ()
    published: bool = False
    language: str | None = None
    initialize: tuple[Block, ...] = ()
    assisted: tuple[Block, ...] = ()
    finalize: tuple[Block, ...] = ()

    @field_validator("numbers")
    @classmethod
    def _e164(cls, numbers: tuple[str, ...]) -> tuple[str, ...]:
        for number in numbers:
            if not NUMBER.fullmatch(number):
                raise ValueError(f"{number!r} is not a number in E.164; write up to 15 digits, with or without +")
        return numbers

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks in the order of their phases; labels are looked up among all of them."""
        return (*self.initialize, *self.assisted, *self.finalize)
