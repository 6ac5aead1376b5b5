"""What the README shows works as it stands there."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialer.cli.main import app
from dialer.config import load

README = (Path(__file__).resolve().parents[3] / "README.md").read_text()


def test_the_configuration_shown_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX_PASSWORD", "secret")
    shown = re.search(r"```toml\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    path = tmp_path / "dialer.toml"
    path.write_text(shown[1])
    config = load(path)
    assert set(config.gateways) == {"pbx"}
    assert config.services["sales"].dial_prefix == "91"
    assert config.agents["anna"].skills == {"Sales": 5}


def test_every_command_shown_is_there() -> None:
    shown = set(re.findall(r"^\| `dialer ([\w-]+)", README, re.MULTILINE))
    said = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    there = set(re.findall(r"│ ([\w-]+) ", said))
    assert shown
    assert shown <= there, shown - there


def test_every_make_target_shown_is_there() -> None:
    makefile = (Path(__file__).resolve().parents[3] / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
