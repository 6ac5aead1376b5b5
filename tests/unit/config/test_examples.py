"""The example configurations beside the reference: they load, and fit the PBX files they stand with."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dialer.config import load

CONFIG = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize("folder", ["asterisk", "freeswitch"])
def test_the_example_loads_without_a_warning(folder, monkeypatch):
    monkeypatch.setenv("DIALER_PBX_PASSWORD", "x")
    monkeypatch.setenv("DIALER_API_KEY", "y")
    config = load(CONFIG / folder / "dialer.toml")
    assert config.warnings == ()
    assert config.gateways["pbx"].user == "dialer"


def test_freeswitchs_files_are_well_formed_and_fit_the_example():
    config = load(CONFIG / "freeswitch" / "dialer.toml")
    user = ET.parse(CONFIG / "freeswitch/directory/default/dialer.xml").find("user")
    assert user.get("id") == config.gateways["pbx"].user
    context = ET.parse(CONFIG / "freeswitch/dialplan/dialer.xml").find("context")
    assert user.find("variables/variable[@name='user_context']").get("value") == context.get("name")
    patterns = [condition.get("expression") for condition in context.iter("condition")]
    number = config.services["sales"].dial_prefix + "16504661232"
    assert re.match(patterns[0], number).group(1) == "16504661232"
    assert re.match(patterns[1], config.agents["ann"].address.removeprefix("sip:"))
    assert not re.match(patterns[1], number)


def test_freeswitch_is_marked_as_not_run():
    assert "**Not run here:**" in (CONFIG / "freeswitch" / "README.md").read_text()
    for file in (CONFIG / "freeswitch").rglob("*.xml"):
        assert "Not run here" in file.read_text()
