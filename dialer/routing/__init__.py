"""Agents, targets and who gets whom: in memory, no I/O, time passed in.

A `Target` says which agents a callback may go to, the `AgentPool` knows what each agent is doing, the `Router`
reserves a Ready agent for the request that deserves it, the `WaitBook` estimates how long the others will wait. This
room never calls anybody and never reads a clock.
"""

from dialer.routing.ageing import NO_AGEING, AgedQueue, Ageing, effective_priority
from dialer.routing.agent import BUSY_STATES, CHOSEN_STATES, Agent, AgentState, AgentStatus
from dialer.routing.ewt import Estimate, EwtCode, EwtMode, WaitEstimator
from dialer.routing.grammar import TargetError, parse_single, parse_target
from dialer.routing.pool import AgentKnown, AgentPool, StateNotChosen, UnknownAgent
from dialer.routing.router import Request, Router
from dialer.routing.statistic import Statistics
from dialer.routing.target import Item, Matcher, Single, StatCondition, Target, TargetType, TargetWalk
from dialer.routing.waits import WaitBook, queue_of_statistic
from dialer.routing.walks import Walks
from dialer.routing.watermark import Level, Watermark

__all__ = [
    "BUSY_STATES",
    "CHOSEN_STATES",
    "NO_AGEING",
    "AgedQueue",
    "Ageing",
    "Agent",
    "AgentKnown",
    "AgentPool",
    "AgentState",
    "AgentStatus",
    "Estimate",
    "EwtCode",
    "EwtMode",
    "Item",
    "Level",
    "Matcher",
    "Request",
    "Router",
    "Single",
    "StatCondition",
    "StateNotChosen",
    "Statistics",
    "Target",
    "TargetError",
    "TargetType",
    "TargetWalk",
    "UnknownAgent",
    "WaitBook",
    "WaitEstimator",
    "Walks",
    "Watermark",
    "effective_priority",
    "parse_single",
    "parse_target",
    "queue_of_statistic",
]
