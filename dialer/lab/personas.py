"""The people, machines and networks at the other end of the demo's calls, by the number dialled.

Each row says what it does, what the dialer should make of it, and which agents and options the call needs. Numbers are
of the range reserved for fiction (+1 202 555 0100 to 0199). With the prefix 91 in front they are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.lab.script import (
    Answer,
    AnswerMute,
    Early,
    HangUp,
    Listen,
    Nothing,
    Redirect,
    Reject,
    Ring,
    Say,
    Script,
    Talk,
    Wait,
)

PREFIX = "91"
TALK = "customer_talk"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a callback to a persona should end as.

    Attributes:
        call_result: of the last attempt, as records.md §6.
        reason: completion reason; the state is always `COMPLETED`.
        verdict: of the last attempt, or None where signalling alone decides.
        or_verdicts: other verdicts that are as right.
        attempts: dials, with two allowed.
    """

    call_result: int
    reason: str
    verdict: str | None = None
    or_verdicts: tuple[str, ...] = ()
    attempts: int = 1
    state: str = "COMPLETED"

    def differences(
        self, *, call_result: int | None, state: str, reason: str | None, verdict: str | None, attempts: int
    ) -> list[str]:
        """What is not as expected, in words; empty when all is."""
        pairs: dict[str, tuple[object, set[object]]] = {
            "call_result": (call_result, {self.call_result}),
            "state": (state, {self.state}),
            "reason": (reason, {self.reason}),
            "verdict": (verdict, {self.verdict, *self.or_verdicts}),
            "attempts": (attempts, {self.attempts}),
        }
        return [
            f"{name} {was} instead of {' or '.join(sorted(map(str, wanted)))}"
            for name, (was, wanted) in pairs.items()
            if was not in wanted
        ]


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody or something that is called back.

    Attributes:
        name: for `--only`.
        number: E.164 with `+`.
        description: one line.
        calls: what happens at the first call, the second, …; the last one stays.
        expected: outcome, dialled directly.
        expected_asterisk: outcome through Asterisk, where the PBX changes the signal.
        group: the agent group that the callback asks for.
        options: service options that this callback needs besides the demo's.
        pbx_behaviour: which of the PBX's own behaviours stands in for this persona when there is a PBX.
    """

    name: str
    number: str
    description: str
    calls: tuple[Script, ...]
    expected: Expected
    expected_asterisk: Expected | None = None
    group: str = "Desk"
    options: Mapping[str, object] = field(default_factory=dict)
    pbx_behaviour: str | None = None

    @property
    def target(self) -> str:
        """The group as a routing target."""
        return f"{self.group}@lab.GA"

    def script(self, call: int) -> Script:
        """What happens at the n-th call, counted from 0."""
        return self.calls[min(call, len(self.calls) - 1)]


def _number(last_two: int) -> str:
    return f"+120255501{last_two:02d}"


CONNECTED = Expected(33, "AGENT_CONNECTED", "human")


def _failed(call_result: int, verdict: str | None = None, *others: str, attempts: int = 2) -> Expected:
    return Expected(call_result, "FAIL_CALL_TO_CUSTOMER", verdict, others, attempts)


WHEN_SPOKEN_TO: Script = (Listen(), Talk(TALK), Wait())


def _person(*hello: str, ring_s: float = 0.5, then: Script = WHEN_SPOKEN_TO) -> Script:
    """Somebody picks up, says something, then waits silently until spoken to."""
    return (Ring(ring_s), Answer(), Nothing(0.35), *(Say(sound) for sound in hello), *then)


def _early(sound: str, *after: Reject | Nothing) -> Script:
    """The network plays something before any answer."""
    return (Nothing(0.2), Early(sound), *(after or (Nothing(30.0), Reject(487))))


def _answered(sound: str, *, pause_s: float = 0.3, loop: bool = False) -> Script:
    """Something answers, plays, and waits."""
    return (Ring(0.4), Answer(), Nothing(pause_s), Say(sound, loop=loop), Wait(20.0), HangUp())


BEEP_OPTIONS = {
    "treatment_call_failure_answering_machine": (
        '{"file": "GMSApplications/call_fail_ans_machine.wav", "hints": {"am-beep-detection": "on"}}'
    )
}

PEOPLE: tuple[Persona, ...] = (
    Persona("human", _number(0), "says hello", (_person("hello_awb"),), CONNECTED),
    Persona("human-name", _number(1), "says hello and a name", (_person("hello_name"),), CONNECTED),
    Persona(
        "human-business", _number(2), "answers with a long business greeting", (_person("business"),),
        Expected(33, "AGENT_CONNECTED", "human", ("undecided",)),
    ),
    Persona(
        "human-repeats", _number(3), "says hello, hears nothing, says it again",
        (_person("hello_slt", then=(Nothing(1.6), Say("yes_hello"), *WHEN_SPOKEN_TO)),), CONNECTED,
    ),
    Persona("human-late", _number(4), "picks up after 3.5 s", (_person("hello_rms", ring_s=3.5),), CONNECTED),
    Persona(
        "human-ringback", _number(5), "is rung with ringing tone in early media, then says hello",
        ((Early("ringback_tone", for_s=3.0), Answer(), Nothing(0.35), Say("hello_slt"), *WHEN_SPOKEN_TO),), CONNECTED,
    ),
    Persona(
        "human-second-try", _number(6), "is busy at first, and there at the second try",
        ((Reject(486, q850=17),), _person("hello_awb")), Expected(33, "AGENT_CONNECTED", "human", attempts=2),
    ),
    Persona("redirected", _number(7), "is at another number (302)", ((Redirect(_number(0)),),), CONNECTED),
    Persona(
        "impatient", _number(8), "hangs up while waiting for the agent",
        (_person("hello_rms", then=(Listen(), Nothing(1.0), HangUp())),),
        Expected(21, "FAIL_INTERACTION_DELETED", "human"), group="Slow", options={"agent_reserve_timeout": 20},
    ),
    Persona(
        "customer-leaves", _number(9), "talks to the agent and hangs up",
        (_person("hello_slt", then=(Listen(), Talk(TALK, for_s=4.0), HangUp())),), CONNECTED, group="Patient",
    ),
    Persona(
        "no-agent", _number(10), "waits, but the only agent is busy", (_person("hello_awb"),),
        Expected(26, "FAIL_TARGET_NOT_FOUND", "human"), group="Alone", options={"max_wait_on_call": 4},
    ),
    Persona(
        "agents-refuse", _number(11), "waits while two agents refuse", (_person("hello_rms"),),
        Expected(45, "FAIL_AGENT_CONNECT", "human"), group="Refusing", options={"max_transfer_attempts": 2},
    ),
    Persona(
        "second-agent", _number(12), "gets the second agent, the first one refuses", (_person("hello_slt"),), CONNECTED,
        group="SecondTry",
    ),
    Persona(
        "agent-rings-out", _number(13), "gets the second agent, the first one does not answer", (_person("hello_awb"),),
        CONNECTED, group="RingsOut", options={"agent_reserve_timeout": 2},
    ),
    Persona(
        "agent-leaves", _number(14), "is left by the agent in the middle of the talk", (_person("hello_rms"),),
        CONNECTED, group="Leaves",
    ),
)  # fmt: skip

MACHINES: tuple[Persona, ...] = (
    Persona(
        "voicemail", _number(20), "is a voicemail with a long greeting and a beep",
        (_answered("voicemail_beep", pause_s=0.5),), _failed(9, "machine", "machine_beep"), pbx_behaviour="voicemail",
    ),
    Persona(
        "voicemail-beep", _number(21), "is a voicemail; the message is left after its beep",
        (_answered("voicemail_short_beep", pause_s=0.5),), _failed(9, "machine_beep"), options=BEEP_OPTIONS,
        pbx_behaviour="announcement",
    ),
    Persona(
        "voicemail-no-beep", _number(22), "is a voicemail without a beep",
        ((Ring(0.4), Answer(), Nothing(0.5), Say("mailbox_not_set_up"), Nothing(4.0), HangUp()),),
        _failed(9, "machine"), pbx_behaviour="no-beep",
    ),
    Persona(
        "fax", _number(23), "is a fax: CED and V.21", (_answered("fax_answer", pause_s=0.0),),
        Expected(17, "FAIL_FAX_REACHED", "fax"), pbx_behaviour="fax",
    ),
    Persona(
        "silent", _number(24), "answers and says nothing", ((Ring(0.4), Answer(), Wait(20.0), HangUp()),),
        _failed(32, "silence"),
    ),
    Persona("one-way", _number(25), "answers and sends no audio", ((Ring(0.4), AnswerMute(), Wait(20.0), HangUp()),),
            _failed(38, None, "no_media")),
)  # fmt: skip

TONES: tuple[Persona, ...] = (
    Persona("sit-vacant-early", _number(30), "SIT vacant code, announcement, then 404",
            (_early("sit_VC", Reject(404, q850=1)),), _failed(12, "sit_vacant", attempts=1)),
    Persona("sit-vacant-answered", _number(31), "SIT vacant code on an answered call", (_answered("sit_VC"),),
            _failed(12, "sit_vacant", attempts=1)),
    Persona("sit-intercept-early", _number(32), "SIT operator intercept, announcement, then 410",
            (_early("sit_IC", Reject(410, q850=22)),), _failed(13, "sit_intercept", attempts=1)),
    Persona("sit-reorder-local", _number(33), "SIT reorder, local, before the answer, no final response",
            (_early("sit_RO_LOCAL"),), _failed(16, "sit_reorder")),
    Persona("sit-reorder-carrier", _number(34), "SIT reorder, carrier, on an answered call",
            (_answered("sit_RO_CARRIER"),), _failed(16, "sit_reorder")),
    Persona("sit-no-circuit-local", _number(35), "SIT no circuit, local, on an answered call",
            (_answered("sit_NC_LOCAL"),), _failed(15, "sit_no_circuit")),
    Persona("sit-no-circuit-carrier", _number(36), "SIT no circuit, carrier, announcement, then 503",
            (_early("sit_NC_CARRIER", Reject(503, q850=34)),), _failed(15, "sit_no_circuit")),
    Persona("sit-ineffective", _number(37), "SIT ineffective other, on an answered call", (_answered("sit_IO"),),
            _failed(14, "sit_other")),
    Persona("sit-reserved", _number(38), "SIT of the reserved code, before the answer", (_early("sit_RESERVED"),),
            _failed(14, "sit_other")),
    Persona("sit-itu", _number(39), "the uncoded SIT of the ITU, before the answer, then 404",
            (_early("sit_itu", Nothing(2.5), Reject(404, q850=1)),), _failed(8, "sit")),
    Persona("busy-tone-early", _number(40), "busy tone before the answer", (_early("busy_tone"),), _failed(6, "busy")),
    Persona("busy-tone-answered", _number(41), "busy tone on an answered call", (_answered("busy_tone"),),
            _failed(6, "busy")),
    Persona("congestion-tone", _number(42), "congestion tone before the answer", (_early("congestion_tone"),),
            _failed(10, "congestion")),
)  # fmt: skip

SIGNALLING: tuple[Persona, ...] = (
    Persona("busy", _number(50), "is busy (486)", ((Ring(0.2), Reject(486, q850=17)),), _failed(6)),
    Persona("rings", _number(51), "rings for ever", ((Ring(60.0), Reject(480, q850=19)),), _failed(7)),
    Persona("forwarded", _number(60), "is forwarded elsewhere (183 with Diversion), which the service does not want",
            ((Early("ringback_tone", for_s=4.0, headers={"Diversion": f"<sip:{_number(60)}@lab>"}), Reject(480)),),
            _failed(23), _failed(7), options={"reject_forwarded": True}),
    Persona("not-found", _number(52), "does not exist (404)", ((Reject(404, q850=1),),), _failed(12, attempts=1)),
    Persona("unavailable", _number(53), "is temporarily unavailable (480)", ((Reject(480),),), _failed(7)),
    Persona("incomplete", _number(54), "is an incomplete number (484)", ((Reject(484, q850=28),),),
            _failed(11, attempts=1)),
    Persona("no-circuit", _number(55), "has no circuit (503 with Q.850 34)", ((Reject(503, q850=34),),), _failed(15)),
    Persona("overloaded", _number(56), "is overloaded (503 with Retry-After)",
            ((Reject(503, q850=31, headers={"Retry-After": "5"}),),), _failed(10), _failed(15)),
    Persona("declines", _number(57), "declines (603)", ((Ring(0.2), Reject(603, q850=21)),), _failed(5)),
    Persona("drops", _number(58), "answers and hangs up at once", ((Ring(0.4), Answer(), Nothing(0.2), HangUp()),),
            _failed(5)),
    Persona("no-progress", _number(59), "does not respond but for 100", ((Nothing(60.0), Reject(480)),), _failed(36)),
)  # fmt: skip

PERSONAS: tuple[Persona, ...] = PEOPLE + MACHINES + TONES + SIGNALLING
BY_NUMBER: Mapping[str, Persona] = {persona.number.removeprefix("+"): persona for persona in PERSONAS}


def persona_of(dialled: str) -> Persona | None:
    """The persona of a dialled number, with or without `+`, with or without the prefix 91."""
    number = dialled.removeprefix("+")
    return BY_NUMBER.get(number) or BY_NUMBER.get(number.removeprefix(PREFIX).removeprefix("+"))


def pbx_numbers() -> dict[str, str]:
    """Numbers that a PBX answers by a behaviour of its own, for `PbxSettings.own_numbers`."""
    return {p.number.removeprefix("+"): p.pbx_behaviour for p in PERSONAS if p.pbx_behaviour is not None}
