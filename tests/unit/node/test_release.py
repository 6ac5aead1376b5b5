"""Never more dials than Ready agents, also when services share them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dialer.callback.options import ServiceOptions
from dialer.callback.record import Callback
from dialer.callback.state import Phase, State
from dialer.config import DialerConfig
from dialer.node.line import Line
from dialer.node.release import Release
from dialer.routing import Agent, AgentPool, AgentState

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SKILLS = {"anna": {"Sales": 5}, "bert": {"Sales": 5, "Support": 5}, "carl": {"Support": 5}}
TARGETS = {"sales": "?:Sales>0@S.GA", "support": "?:Support>0@S.GA", "any": "?:Sales>0|Support>0@S.GA"}


def one_service(**options: object) -> DialerConfig:
    return DialerConfig(
        file=Path("dialer.toml"),
        services={"sales": ServiceOptions(target=TARGETS["sales"], route_point="8999@P", **options)},
    )


def config(**paused: bool) -> DialerConfig:
    services = {
        name: ServiceOptions(target=target, route_point="8999@P", paused=paused.get(name, False))
        for name, target in TARGETS.items()
    }
    return DialerConfig(file=Path("dialer.toml"), services=services)


def pool(*ready: str) -> AgentPool:
    agents = AgentPool()
    for name, skills in SKILLS.items():
        agents.add(Agent(name, name, f"sip:{name}", skills), NOON)
        agents.set_state(name, AgentState.READY if name in ready else AgentState.NOT_READY, NOON)
    return agents


def waiting(number: int, service: str) -> Callback:
    at = NOON + timedelta(seconds=number)
    return Callback(
        id=f"{number:03}", service=service, state=State.QUEUED, phase=Phase.WAITING, customer_number="+16505550100",
        desired_time=at, created_at=at, accepted_at=at, updated_at=at, queued_at=at, target=TARGETS[service],
    )  # fmt: skip


def line(*services: str) -> Line:
    made = Line()
    for number, service in enumerate(services):
        made.add(waiting(number, service))
    return made


def released(agents: AgentPool, queue: Line, in_flight: Counter[str] | None = None, **paused: bool) -> list[str]:
    return [
        callback.id
        for callback in Release(agents, config(**paused)).releasable(
            queue, Counter() if in_flight is None else in_flight, NOON + timedelta(minutes=1)
        )
    ]


def test_first_come_is_first_dialled_and_no_more_than_agents_are_ready() -> None:
    assert released(pool("anna", "bert"), line("sales", "sales", "sales")) == ["000", "001"]


def test_two_services_never_dial_for_the_same_agent() -> None:
    assert released(pool("bert"), line("sales", "support")) == ["000"]


def test_a_dial_in_flight_keeps_its_agent() -> None:
    assert released(pool("bert"), line("support"), Counter({TARGETS["sales"]: 1})) == []


def test_who_fits_nobody_does_not_hold_up_who_fits_somebody() -> None:
    assert released(pool("carl"), line("sales", "support")) == ["001"]


def test_a_paused_service_is_not_dialled() -> None:
    assert released(pool("anna", "bert"), line("sales", "any"), sales=True) == ["001"]


@given(
    ready=st.sets(st.sampled_from(sorted(SKILLS))),
    services=st.lists(st.sampled_from(sorted(TARGETS)), max_size=12),
    flying=st.lists(st.sampled_from(sorted(TARGETS)), max_size=4),
)
def test_dials_never_exceed_the_agents_who_could_take_them(
    ready: set[str], services: list[str], flying: list[str]
) -> None:
    agents = pool(*ready)
    in_flight = Counter(TARGETS[name] for name in flying)
    before = in_flight.total()
    given_out = released(agents, line(*services), in_flight)
    assert in_flight.total() == before + len(given_out)
    assert len(given_out) <= len(ready)
    for name in {services[int(made)] for made in given_out}:
        matching = [agent for agent in ready if any(SKILLS[agent].get(skill) for skill in ("Sales", "Support"))]
        assert in_flight[TARGETS[name]] <= len(matching)


def test_who_has_waited_max_queue_wait_is_dialled_without_a_ready_agent() -> None:
    queue, config = line("sales"), one_service(max_queue_wait=60)
    early, late = NOON + timedelta(seconds=59), NOON + timedelta(seconds=60)
    assert list(Release(pool(), config).releasable(queue, Counter(), early)) == []
    assert [callback.id for callback in Release(pool(), config).releasable(queue, Counter(), late)] == ["000"]


def test_a_dial_without_a_ready_agent_takes_the_place_of_the_next_one() -> None:
    queue, config = line("sales", "sales"), one_service(max_queue_wait=60)
    late = NOON + timedelta(seconds=60)
    assert [callback.id for callback in Release(pool("anna"), config).releasable(queue, Counter(), late)] == ["000"]


def test_nobody_is_dialled_outside_the_window_or_too_far_from_the_desired_time() -> None:
    queue, config = line("sales"), one_service(do_not_call_window="3600,11:30,12:30")
    release = Release(pool("anna"), config)
    for minutes, dialled in ((-31, []), (0, ["000"]), (29, ["000"]), (30, []), (24 * 60, [])):
        at = NOON + timedelta(minutes=minutes)
        assert [callback.id for callback in release.releasable(queue, Counter(), at)] == dialled, minutes
