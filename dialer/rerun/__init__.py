"""Runs a callback's stored journal again, in virtual time: the same things given must lead to the same decisions."""

from dialer.rerun.compare import Difference
from dialer.rerun.rerun import NotRerunnable, rerun
from dialer.rerun.stored import NoStory, read_story
from dialer.rerun.tape import Run, runs_of
from dialer.rerun.virtual_time import StandStill, VirtualClock, VirtualLoop, run_virtually

__all__ = [
    "Difference",
    "NoStory",
    "NotRerunnable",
    "Run",
    "StandStill",
    "VirtualClock",
    "VirtualLoop",
    "read_story",
    "rerun",
    "run_virtually",
    "runs_of",
]
