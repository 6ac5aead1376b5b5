"""The lab's agents: telephones by extension, and the groups that the demo's targets name."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.lab.script import Answer, HangUp, Listen, Nothing, Reject, Ring, Script, Talk, Wait

TALK = "agent_talk"
ANSWERING: Script = (Ring(0.3), Answer(), Talk(TALK, for_s=2.5), HangUp())


@dataclass(frozen=True, slots=True)
class LabAgent:
    """One agent: who it is for the dialer, and what its telephone does.

    Attributes:
        id: the agent's name for the dialer.
        extension: user part of its address.
        group: the agent group that it belongs to.
        description: what its telephone does, in words.
        script: the same as data.
    """

    id: str
    extension: str
    group: str
    description: str
    script: Script

    def address(self, host: str, port: int) -> str:
        """Its SIP address at the lab."""
        return f"sip:{self.extension}@{host}:{port}"


def _desk(first: int, count: int) -> tuple[LabAgent, ...]:
    return tuple(
        LabAgent(f"desk-{n:02d}", str(first + n), "Desk", "answers after 0.3 s, talks, hangs up after 2.5 s", ANSWERING)
        for n in range(count)
    )


AGENTS: tuple[LabAgent, ...] = (
    *_desk(7001, 24),
    LabAgent("refuser-1", "7031", "Refusing", "is busy (486)", (Ring(0.2), Reject(486, q850=17))),
    LabAgent("refuser-2", "7032", "Refusing", "declines (603)", (Ring(0.2), Reject(603, q850=21))),
    LabAgent("first-refuses", "7033", "SecondTry", "is busy (486)", (Ring(0.2), Reject(486, q850=17))),
    LabAgent("second-answers", "7034", "SecondTry", "answers, talks, hangs up", ANSWERING),
    LabAgent("rings-out", "7035", "RingsOut", "rings and never answers", (Ring(60.0), Reject(480, q850=19))),
    LabAgent("then-answers", "7036", "RingsOut", "answers, talks, hangs up", ANSWERING),
    LabAgent(
        "leaves", "7037", "Leaves", "answers and hangs up in the middle of the talk",
        (Ring(0.3), Answer(), Talk(TALK, for_s=0.6), HangUp()),
    ),
    LabAgent("alone", "7038", "Alone", "is busy (486), and alone in the group", (Ring(0.2), Reject(486, q850=17))),
    LabAgent(
        "slow", "7039", "Slow", "rings 12 s before it answers", (Ring(12.0), Answer(), Talk(TALK, for_s=2.5), HangUp())
    ),
    LabAgent(
        "patient", "7040", "Patient", "answers, greets when spoken to, and stays until the customer hangs up",
        (Ring(0.5), Answer(), Listen(3.0), Talk(TALK, for_s=30.0), HangUp()),
    ),
    *(
        LabAgent(
            f"first-{n}", f"704{2 + n}", "First", "answers, talks to whoever comes, hangs up after 7 s",
            (Ring(0.3), Answer(), Talk(TALK, for_s=7.0), HangUp()),
        )
        for n in (1, 2)
    ),
    LabAgent(
        "survey", "7042", "Survey", "is the survey: answers at once, speaks, hangs up after 2 s",
        (Answer(), Talk(TALK, for_s=2.0), HangUp()),
    ),
    LabAgent("unreachable", "7041", "Unreachable", "does not respond but for 100", (Nothing(60.0), Wait())),
)  # fmt: skip

BY_EXTENSION = {agent.extension: agent for agent in AGENTS}
