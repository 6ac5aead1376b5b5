"""What the configuration leaves out is as detection itself has it."""

from pathlib import Path

from dialer.config import DialerConfig
from dialer.detection import DetectionSettings


def test_the_defaults_of_the_configuration_are_those_of_detection() -> None:
    assert DialerConfig(file=Path("dialer.toml")).detection_settings() == DetectionSettings()
