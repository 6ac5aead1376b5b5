"""Hands a talk over to the PBX: customer and agent are both up, so it can join them by itself (REFER with Replaces).

While the PBX works, the two hear each other through the dialer. When it says that it has joined them (NOTIFY 200), both
legs end here and the dialer is out of the path of their voices. When it will not, the talk goes on in the dialer.
"""

from __future__ import annotations

import asyncio

from dialer.callback.options import ServiceOptions
from dialer.scenario.agent_leg import AgentOnLine
from dialer.scenario.customer import CustomerCall
from dialer.scenario.story import Story

NOTIFY_LIMIT_S = 15.0  # for a PBX that says nothing, where `transfer_confirm_timeout` is off
BYE_LIMIT_S = 1.0  # between the end of one leg and of the other, when the PBX ends both without a word


async def hand_over(customer: CustomerCall, agent: AgentOnLine, service: ServiceOptions, story: Story) -> bool:
    """Asks the PBX to join the two without us.

    Returns:
        True when it has: then both legs have ended, or are being ended. False: the two are joined here as before, or
        one of them hung up.
    """
    confirm_s = service.transfer_confirm_timeout
    story.tell("sip", "REFER with Replaces: the PBX shall join customer and agent")
    done = await customer.leg.transfer_attended(
        agent.leg, timeout_s=confirm_s or NOTIFY_LIMIT_S, unheard_is_done=confirm_s > 0
    )
    done = done or await _both_ended_by_far(customer, agent)
    if done:
        story.tell("sip", "handed over: the PBX has joined customer and agent")
        await customer.leg.hangup("transferred")
        await agent.leg.hangup("transferred")
    elif customer.leg.end is None and agent.leg.end is None:
        story.tell("sip", "the PBX did not take the call over; it goes on through the dialer")
    return done


async def _both_ended_by_far(customer: CustomerCall, agent: AgentOnLine) -> bool:
    """True when the far side ended both legs at once: a PBX that joins them and then does not report."""
    if customer.leg.end is None and agent.leg.end is None:
        return False
    await asyncio.wait({customer.leg.ended, agent.leg.ended}, timeout=BYE_LIMIT_S)
    ends = (customer.leg.end, agent.leg.end)
    return all(end is not None and end.ended_by == "far" for end in ends)
