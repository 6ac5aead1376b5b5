"""People at the other end: simulated customers and agents with real SIP and real audio, in a process of their own.

The names given here need neither pjsua2 nor scipy: importing them starts nothing.
"""

from __future__ import annotations

from dialer.lab.agents import AGENTS, LabAgent
from dialer.lab.personas import PERSONAS, Expected, Persona, pbx_numbers, persona_of
from dialer.lab.process import LabProcess, LabStartError

__all__ = [
    "AGENTS", "PERSONAS", "Expected", "LabAgent", "LabProcess", "LabStartError", "Persona", "pbx_numbers", "persona_of",
]  # fmt: skip
