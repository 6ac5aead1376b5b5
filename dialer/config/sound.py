"""Whether the sounds that services play can be played."""

from __future__ import annotations

from collections.abc import Iterator

from dialer.callback.option import PLACEHOLDER
from dialer.callback.options import ServiceOptions
from dialer.callback.treatment import parse_treatment
from dialer.config.dialer_config import DialerConfig
from dialer.config.problem import Problem
from dialer.config.treatment_file import check_treatment

TREATMENTS: dict[str, str | None] = {
    "treatment_customer_connect": None,
    "treatment_waiting_for_agent": "next_customer_rep.wav",
    "treatment_on_hold": None,
    "treatment_find_agent_fail": "all_agents_busy.wav",
    "treatment_call_failure_answering_machine": "call_fail_ans_machine.wav",
}
"""Treatment options and the file each plays when it is empty (options.md §5)."""


def treatment_faults(config: DialerConfig, options: ServiceOptions) -> Iterator[tuple[str, str, str, bool]]:
    """For each bad treatment: option, what is wrong, how to mend it, whether it must be refused (else: a warning)."""
    for key, default in TREATMENTS.items():
        value = getattr(options, key)
        treatment = parse_treatment(value, default) if not PLACEHOLDER.search(value) else None  # filled in per request
        found = check_treatment(treatment, config.media.treatments_dir) if treatment is not None else None
        if found is not None:
            yield key, *found


def check_treatments(config: DialerConfig) -> list[Problem]:
    """Opens every WAV that a service may play and says what is wrong with each: missing, or of a wrong format."""
    problems = []
    for name, options in config.services.items():
        for key, what, mend, _refused in treatment_faults(config, options):
            problems.append(Problem(str(config.file), None, f"service.{name}.{key}", what, mend))
    return problems
