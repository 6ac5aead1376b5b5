"""Agents' telephones, as their PBX tells of them: who is on the phone for another reason is not rung.

A telephone that becomes busy makes its Ready agent Not Ready; when it is idle again, the agent is Ready again, unless
somebody has said otherwise meanwhile. An agent whose talk was handed over to the PBX comes back in the same way. Our
own calls to an agent are no news: while they last the agent is in a state that only calls set.
"""

from __future__ import annotations

from functools import partial

import structlog

from dialer.routing import Agent, AgentState
from dialer.scenario import TALKS_IN_PBX, House, phone_of
from dialer.telephony import PhoneState, PhoneSubscription

log = structlog.get_logger(__name__)

PHONE_BUSY = "phone busy"
OF_THE_PHONE = frozenset({PHONE_BUSY, TALKS_IN_PBX})
"""Reasons for Not Ready that end when the telephone is idle."""


class PhonePresence:
    """Watches the telephones of all agents whose gateway has `dialog_events`.

    Attributes:
        phones: what each telephone that is watched does, by the agent's id.
    """

    def __init__(self, house: House) -> None:
        self.phones: dict[str, PhoneState] = {}
        self._house = house
        self._subscriptions: list[PhoneSubscription] = []

    async def start(self) -> None:
        """Subscribes to the telephones."""
        config = self._house.config
        telling = {name for name, gateway in config.gateways.items() if gateway.dialog_events}
        usual = next((name for name in map(config.agent_gateway, config.services.values()) if name in telling), "")
        for status in self._house.pool.all():
            gateway = status.agent.gateway or usual
            if gateway in telling:
                await self._watch(status.agent, gateway)

    async def stop(self) -> None:
        """Ends the subscriptions."""
        for subscription in self._subscriptions:
            await subscription.close()

    async def _watch(self, agent: Agent, gateway: str) -> None:
        self.phones[agent.id] = PhoneState.UNKNOWN
        user_agent = self._house.user_agent
        taker = partial(self.hear, agent.id)
        self._subscriptions.append(await user_agent.watch_phone(gateway, phone_of(agent), taker))

    def hear(self, agent_id: str, phone: PhoneState) -> None:
        """A telephone does something else now."""
        self.phones[agent_id] = phone
        pool, now = self._house.pool, self._house.clock.now()
        status = pool.status(agent_id)
        log.debug("phone_state", agent=agent_id, phone=phone.value, state=status.state)
        if phone is PhoneState.BUSY and status.state is AgentState.READY:
            pool.set_state(agent_id, AgentState.NOT_READY, now, PHONE_BUSY)
        elif phone is PhoneState.IDLE and status.state is AgentState.NOT_READY and status.reason in OF_THE_PHONE:
            pool.set_state(agent_id, AgentState.READY, now)
