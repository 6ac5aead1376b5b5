"""What agents are asked while a callback waits for their word, and their answers: previews and dispositions.

A scenario asks and waits; a door (the HTTP API) looks here for what is open and hands the answer in. A question lives
only as long as somebody waits for its answer: one that timed out or was withdrawn can no longer be answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from dialer.callback.errors import DialerError
from dialer.callback.record import Callback

Answer = TypeVar("Answer")


class NotAsked(DialerError, LookupError):  # noqa: N818 - says what is, as the other refusals do
    """This question is not open (any more): it was answered, timed out, or the callback was cancelled."""


class RejectNotAllowed(DialerError, ValueError):  # noqa: N818 - as above
    """The service does not let agents reject its previews (`preview_max_rejects = 0`)."""


@dataclass(frozen=True, slots=True)
class PreviewAnswer:
    """What the agent said to a preview."""

    accepted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Disposition:
    """What an agent says came of the talk.

    Attributes:
        code: OK, WRONG_PARTY, WRONG_NUMBER, DO_NOT_CALL, SNOOZE, or one of the operator's own.
        category: of the interaction, records.md §5.
        note: the agent's words; never into a log.
        snooze_s: for SNOOZE: call again after so many seconds; None = the service's `snooze_delay`.
    """

    code: str = "OK"
    category: str = ""
    note: str = field(default="", repr=False)
    snooze_s: float | None = None


@dataclass(frozen=True, slots=True)
class Question(Generic[Answer]):
    """Something that one agent is asked about one callback.

    Attributes:
        agent_id: who is asked.
        callback: as it stands.
        until: when it times out; None = it does not.
        data: what the agent is shown: number, service, user data …
        may_reject: whether a preview can be rejected.
        answer: settles with the answer.
    """

    agent_id: str
    callback: Callback
    until: datetime | None
    answer: asyncio.Future[Answer]
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    may_reject: bool = True


class Desk:
    """The open questions of this node, by callback. Used on the event loop alone."""

    def __init__(self) -> None:
        self._previews: dict[str, Question[PreviewAnswer]] = {}
        self._dispositions: dict[str, Question[Disposition]] = {}

    # --- who asks ---

    @contextmanager
    def asks_preview(self, question: Question[PreviewAnswer]) -> Iterator[None]:
        """Keeps a preview open."""
        with _open(self._previews, question):
            yield

    @contextmanager
    def asks_disposition(self, question: Question[Disposition]) -> Iterator[None]:
        """Lets a disposition be given."""
        with _open(self._dispositions, question):
            yield

    # --- who answers ---

    def previews(self) -> list[Question[PreviewAnswer]]:
        """All open previews, oldest first."""
        return [question for question in self._previews.values() if not question.answer.done()]

    def preview(self, callback_id: str, agent_id: str | None = None) -> Question[PreviewAnswer]:
        """The open preview of a callback.

        Args:
            callback_id: whose.
            agent_id: who asks for it; None = whoever may see all.

        Raises:
            NotAsked: when there is none for this agent.
        """
        return _found(self._previews, callback_id, agent_id)

    def disposition(self, callback_id: str, agent_id: str | None = None) -> Question[Disposition]:
        """The disposition that may be given for a callback; as `preview`."""
        return _found(self._dispositions, callback_id, agent_id)

    def accept(self, callback_id: str, agent_id: str | None = None) -> None:
        """The agent takes the callback.

        Raises:
            NotAsked: when nobody asks (any more).
        """
        self.preview(callback_id, agent_id).answer.set_result(PreviewAnswer(accepted=True))

    def reject(self, callback_id: str, agent_id: str | None = None, reason: str = "") -> None:
        """The agent does not take the callback.

        Raises:
            NotAsked: when nobody asks (any more).
            RejectNotAllowed: when the service does not let agents reject.
        """
        question = self.preview(callback_id, agent_id)
        if not question.may_reject:
            raise RejectNotAllowed
        question.answer.set_result(PreviewAnswer(accepted=False, reason=reason))

    def dispose(self, callback_id: str, disposition: Disposition, agent_id: str | None = None) -> None:
        """The agent says what came of the talk.

        Raises:
            NotAsked: when nobody asks (any more).
        """
        self.disposition(callback_id, agent_id).answer.set_result(disposition)


@contextmanager
def _open(questions: dict[str, Question[Answer]], question: Question[Answer]) -> Iterator[None]:
    key = question.callback.id
    questions[key] = question
    try:
        yield
    finally:
        if questions.get(key) is question:
            del questions[key]
        question.answer.cancel()


def _found(questions: Mapping[str, Question[Answer]], callback_id: str, agent_id: str | None) -> Question[Answer]:
    question = questions.get(callback_id)
    if question is None or question.answer.done() or agent_id not in {None, question.agent_id}:
        raise NotAsked
    return question
