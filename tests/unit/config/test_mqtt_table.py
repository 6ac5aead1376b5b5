"""`[mqtt]` and what the link is told of it."""

import pytest

from dialer.config import ConfigRefused, load_text

BASE = """[gateway.pbx]
uri = "sip:192.0.2.10"
[service.sales]
target = "Sales>0"
[mqtt]
"""


def settings_of(lines, folder, **environment):
    return load_text(BASE + lines, folder / "dialer.toml").mqtt.settings("node-7", environment)


def test_without_a_url_there_is_no_link(tmp_path):
    assert settings_of("", tmp_path) is None


def test_the_port_follows_the_scheme_and_the_name_the_node(tmp_path):
    plain, secure = (settings_of(f'url = "{scheme}://b.example"', tmp_path) for scheme in ("mqtt", "mqtts"))
    assert (plain.host, plain.port, plain.tls, plain.client_id) == ("b.example", 1883, False, "callback-dialer-node-7")
    assert (secure.port, secure.tls) == (8883, True)


def test_the_password_comes_from_the_environment(tmp_path):
    lines = 'url = "mqtt://b.example:1884"\nuser = "d"\npassword_env = "MQTT_SECRET"'
    made = settings_of(lines, tmp_path, MQTT_SECRET="s3")
    assert (made.port, made.user, made.password) == (1884, "d", "s3")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('url = "http://b.example"', "is not a broker"),
        ('url = "mqtt://user:secret@b.example"', "is not a broker"),
        ("qos = 2", "mqtt.qos"),
        ('agent_topic = "dialer/+/state"', "is not a topic"),
        ('callback_topic = "dialer/{number}"', "is not a topic"),
        ('command_topic = "dialer/set"', "must hold {agent}"),
        ('command_topic = "dialer/x{agent}"', "must hold {agent}"),
        ('agent_topic = "dialer/agent/{agent}/set"', "are the same"),
        ("capacity = 0", "mqtt.capacity"),
    ],
)
def test_what_cannot_be_is_refused_at_its_line(line, words, tmp_path):
    with pytest.raises(ConfigRefused) as refused:
        settings_of(line, tmp_path)
    assert words in str(refused.value)
