"""The survey after the talk: the customer, whom the agent has left, goes to the service's survey route point.

The survey is called on a leg of its own and joined with the customer's. A REFER to the customer's side would save the
two channels, but carriers refuse it, and nobody would know how the call went on. Source: options.md §2.1.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from dialer.config.table import RoutePointTable
from dialer.scenario.leg_story import LegStory
from dialer.scenario.race import LegGone, first_to_end, while_up
from dialer.scenario.signals import Signals
from dialer.telephony import Answered, DialRequest

if TYPE_CHECKING:
    from dialer.scenario.attempt import CallAttempt
    from dialer.scenario.customer import CustomerCall

log = structlog.get_logger(__name__)

ANSWER_S = 20.0  # a survey is a machine: it answers at once, or not at all
LONGEST_S = 900.0  # no customer is kept longer than this, whatever the survey does


def survey_point(attempt: CallAttempt) -> tuple[str, RoutePointTable] | None:
    """Name and table of the route point where the customer goes after the talk; None when there is none."""
    name = attempt.callback.survey_route_point or attempt.service.survey_route_point
    if not name:
        return None
    point = attempt.house.config.route_points.get(name)
    if point is None:
        log.warning("survey_route_point_unknown", name=name, mend=f'write [route_point."{name}"]')
        attempt.story.tell("routing", f"there is no route point {name}: no survey")
        return None
    return name, point


async def survey(attempt: CallAttempt, customer: CustomerCall, where: tuple[str, RoutePointTable]) -> None:
    """Calls the survey and joins the customer with it, until either hangs up. No leg of it is left."""
    name, point = where
    attempt.story.tell("routing", f"the customer goes to the survey at {name}")
    leg = await attempt.house.user_agent.dial(_request(attempt, name, point))
    signals = Signals(leg, LegStory(attempt.story, f"survey {name}", leg.id).tell)
    try:
        async with asyncio.timeout(LONGEST_S):
            if await while_up(customer.leg, _is_answered(signals)):
                await attempt.house.user_agent.bridge(customer.leg, leg)
                await first_to_end(customer.leg, leg)
    except LegGone:
        attempt.story.tell("routing", "the customer left before the survey")
    except TimeoutError:
        attempt.story.tell("timer", f"survey ended after {LONGEST_S:.0f} s")
    finally:
        await leg.hangup("normal")
        await signals.close()
        await customer.leg.hangup("normal")


async def _is_answered(signals: Signals) -> bool:
    """True when the survey answered."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return isinstance(await signals.answer_or_end(), Answered)
    except TimeoutError:
        return False


def _request(attempt: CallAttempt, name: str, point: RoutePointTable) -> DialRequest:
    callback = attempt.callback
    return DialRequest(
        gateway=point.gateway,
        number=name.partition("@")[0],
        from_user=callback.customer_number,
        display_name=callback.service,
        headers={"X-Callback-Id": callback.id, "X-Agent-Id": attempt.ledger.callback.agent_id or ""},
    )
