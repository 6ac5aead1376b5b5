"""No option is accepted and then forgotten: the dialer acts by it, refuses it, or says that it has no effect."""

import ast
import re
from pathlib import Path

import pytest

from dialer.callback.options import ServiceOptions
from dialer.config import ConfigRefused, load_text
from dialer.config.check import KNOWN_NAMES, NOT_YET, UNOBSERVED

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "config" / "dialer.toml").read_text()
DECLARED = {"option_group.py", "option_group_call.py", "option_check.py", "check.py"}
CONFIG = """[gateway.pbx]
uri = "sip:192.0.2.10"
user = "dialer"
password = "secret"
[service.sales]
target = "?:Sales>0@StatServer.GA"
{line}
"""


def read_options() -> set[str]:
    """Attributes that any module but those that declare and check options reads."""
    modules = (path for path in (ROOT / "dialer").rglob("*.py") if path.name not in DECLARED)
    return {
        node.attr
        for module in modules
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def test_every_option_is_read_or_told_to_be_without_effect():
    told = {*UNOBSERVED, *NOT_YET, *KNOWN_NAMES, "template"}  # a template is laid under its service's row
    assert ServiceOptions.model_fields.keys() - read_options() - told == set()


@pytest.mark.parametrize("key", UNOBSERVED)
def test_the_reference_says_which_options_have_no_effect(key):
    comment = re.search(rf"^# (.*)\n#?{key} = ", REFERENCE, re.MULTILINE)
    assert comment is not None
    assert "Kept, not applied by this version." in comment[1]


def load_with(line: str, folder: Path):
    return load_text(CONFIG.format(line=line), folder / "dialer.toml")


@pytest.mark.parametrize(
    "line", ["immediate_blackout_min = 5", "_attach_udata = 'separate_keys'", "outbound_queue = 'q'"]
)
def test_who_sets_an_option_without_effect_is_told_its_line(line, tmp_path):
    told = [warning for warning in load_with(line, tmp_path).warnings if "does not apply" in warning.what]
    assert [warning.line for warning in told] == [7]


def test_a_default_that_is_written_out_is_not_told(tmp_path):
    assert not [w for w in load_with("immediate_blackout_min = 0", tmp_path).warnings if "does not apply" in w.what]


@pytest.mark.parametrize("line", ["strategy = 'MyStrategy'", "_urs_strategy_update_sub_routine = 'MyRoutine'"])
def test_a_routing_strategy_that_is_not_there_is_refused(line, tmp_path):
    with pytest.raises(ConfigRefused, match="there is no routing"):
        load_with(line, tmp_path)
