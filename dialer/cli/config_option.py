"""The option that names the configuration, and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.config import DialerConfig, load

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="DIALER_CONFIG", help="The dialer's configuration.", show_default=True)
]


def load_config(path: Path) -> DialerConfig:
    """Reads the configuration.

    Raises:
        ConfigRefused: with everything that is wrong with it, each with file and line.
    """
    return load(path)
