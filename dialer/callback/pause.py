"""Whether a service is paused: what an operator said last, over what its configuration says."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseSwitch:
    """What an operator said last.

    Attributes:
        service: its name.
        paused: nothing of it is dialled; False also where the configuration says paused.
        abort_dials: dials that ring at this moment are broken off too.
        at: when it was said.
        user: by whom, if known.
    """

    service: str
    paused: bool
    abort_dials: bool
    at: datetime
    user: str | None = None
