"""The configuration: `load("dialer.toml")` gives one frozen, checked value, or refuses with all that is wrong."""

from dialer.config.check import not_done
from dialer.config.dialer_config import DialerConfig
from dialer.config.load import load, load_text
from dialer.config.problem import ConfigRefused, Problem
from dialer.config.sound import check_treatments

__all__ = [
    "ConfigRefused",
    "DialerConfig",
    "Problem",
    "check_treatments",
    "load",
    "load_text",
    "not_done",
]
