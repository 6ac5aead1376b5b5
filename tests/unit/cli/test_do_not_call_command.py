"""`dialer do-not-call`: what an operator sees and says."""

import pytest
from typer.testing import CliRunner

from dialer.cli.main import app

CONFIG = """
[db]
url = "sqlite+aiosqlite:///{folder}/dialer.db"
[gateway.pbx]
uri = "sip:192.0.2.10"
[service.sales]
target = "Sales>0"
"""


@pytest.fixture
def command(tmp_path):
    path = tmp_path / "dialer.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return lambda *words: CliRunner().invoke(app, ["do-not-call", *words, "-c", str(path)])


def test_a_number_is_put_on_the_list_shown_and_taken_off(command):
    assert command("add", "+1 650 555 0100").exit_code == 0
    assert "+16505550100" in command("list").output
    assert command("remove", "+16505550100").exit_code == 0
    assert "+16505550100" not in command("list").output


def test_a_number_that_was_not_on_the_list_is_said_so(command):
    done = command("remove", "+16505550100")
    assert (done.exit_code, "was not on the list" in done.output) == (1, True)


def test_what_is_no_number_is_refused_with_an_example(command):
    done = command("add", "6505550100")
    assert done.exit_code == 2
    assert "+16505550100" in done.output
