"""Loading: everything wrong is told at once, each with line, key, what and how to mend it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.callback.record import Callback
from dialer.callback.state import State
from dialer.config import ConfigRefused, check_treatments, load, load_text
from dialer.routing import AgentState

BASE = """
[gateway.pbx]
uri = "sip:192.0.2.10"
[service.sales]
target = "Sales>0"
"""
OPEN = '[api.v1]\nauth = "none"\n[api.admin]\nauth = "none"\n'


@pytest.fixture
def read(tmp_path):
    def read(text):
        return load_text(text, tmp_path / "dialer.toml")

    return read


@pytest.fixture
def problems(read):
    """Problems of a text that must be refused, as 'line key what; mend'."""

    def problems(text):
        with pytest.raises(ConfigRefused) as caught:
            read(text)
        for problem in caught.value.problems:
            assert str(problem).startswith(f"{problem.file}:")
            assert str(problem) in str(caught.value)
        return [f"{p.line} {p.key}: {p.what}; {p.mend}" for p in caught.value.problems]

    return problems


def test_all_problems_are_told_at_once_in_the_order_of_the_file(problems):
    found = problems("""\
[gatway.pbx]
uri = "sip:192.0.2.10"
[dial]
max_channel = 10
calls_per_second = 0
[service.sales]
target = "Sales>"
dial_atempts = 3
dial_prefix = "9a"
[db]
durable = "always"
""")
    assert [line.split(";")[0] for line in found] == [
        "1 gatway: unknown table",
        "4 dial.max_channel: unknown key",
        "5 dial.calls_per_second: 0 cannot be used",
        "8 service.sales.dial_atempts: unknown option",
        "9 service.sales.dial_prefix: '9a' cannot be used",
        "11 db.durable: 'always' cannot be used",
    ]
    advice = " ".join(found)
    for mend in ("did you mean gateway?", "did you mean max_channels?", "did you mean dial_attempts?",
                 "must be greater than 0", "must be 'process' or 'power'"):  # fmt: skip
        assert mend in advice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[service.sales]\ntarget = 'a>0'\n", "1 service.sales.route_point: names no route point, so"),
        (BASE.replace("Sales>0", "Sales>"), "5 service.sales.target: column 7: the text ends where a level"),
        (BASE.replace('target = "Sales>0"', ""), "4 service.sales.target: is missing"),
        (BASE + "agent_reserve_timeout = 0", "6 service.sales.agent_reserve_timeout: is 0, so no agent"),
        (BASE + "max_wait_on_call = 0", "6 service.sales.max_wait_on_call: is 0"),
        (BASE + "detect_time_limit_ms = 45000", "6 service.sales.detect_time_limit_ms: is longer than ring"),
        (BASE + "beep_timeout = 31", "6 service.sales.beep_timeout: is longer than detection.beep_limit_s = 30"),
        (BASE + "cannot_dial_buffer = 14400", "6 service.sales.cannot_dial_buffer: is not below queued_ttl"),
        (BASE + "max_queue_wait = 20000", "6 service.sales.max_queue_wait: is longer than queued_ttl = 14400"),
        (BASE + "dial_attempts = 21", "6 service.sales.dial_attempts: 21 cannot be used"),
        (BASE + 'default_country = "XX"', "6 service.sales.default_country: 'XX' is not a country"),
        (BASE + 'blocked_numbers = ["(["]', "6 service.sales.blocked_numbers: '([' is no pattern"),
        (BASE + 'blocked_numbers = ["' + "a" * 129 + '"]', "is longer than 128 characters"),
        (BASE + "_ttl = 5\nttl = 6", "7 service.sales.ttl: says 6, but _ttl in line 6 says 5"),
        (BASE + 'template = "user-terminated"', "6 service.sales.template: there is no template 'user-terminated'"),
        (BASE + 'call_direction = "USERORIGINATED"', "service.sales.resource_group: is missing"),
        (BASE + 'resource_group = "font"', "6 service.sales.resource_group: there is no call-in group 'font'"),
        (BASE + '[call_in_group.a]\ndnis = ["12x"]', "7 call_in_group.a.dnis: '12x' is not a number in E.164"),
        (BASE + '[call_in_group.a]\ndnis = ["+12", "12"]', "7 call_in_group.a.dnis: 12 is there twice"),
        (BASE + 'survey_route_point = "9@P"', "6 service.sales.survey_route_point: there is no route point '9@P'"),
        (BASE + 'trunk_group = "telco"', "6 service.sales.trunk_group: there is no gateway 'telco'"),
        (BASE + "agent_first_via_tg = true", "6 service.sales.agent_first_via_tg: sends customers' calls through"),
        (BASE + 'do_not_call_window = "soon"', "6 service.sales.do_not_call_window: 'soon' is not threshold"),
        (BASE + 'treatment_waiting_for_agent = \'{"fil": 1}\'', "6 service.sales.treatment_waiting_for_agent: a tr"),
        (BASE + 'route_point = "8998@Switch"\n[route_point."8999@Switch"]\ngateway = "pbx"',
         "6 service.sales.route_point: there is no route point '8998@Switch'; did you mean 8999@Switch?"),
        (BASE + '[route_point."8999@Switch"]\ngateway = "pbz"',
         "7 route_point.\"8999@Switch\".gateway: there is no gateway 'pbz'; did you mean pbx?"),
        (BASE + '[agent.ann]\naddress = "sip:1@h"\ngateway = "x"', "8 agent.ann.gateway: there is no gateway 'x'"),
        (BASE + '[agent.ann]\nname = "Ann"', "6 agent.ann.address: is missing"),
        (BASE + '[agent.ann]\naddress = "1001"', "7 agent.ann.address: '1001' is not a SIP address"),
        (BASE + '[agent.ann]\naddress = "sip:1@h"\nskills = {Sales = 101}', "8 agent.ann.skills.Sales: 101 cannot"),
        (BASE + '[gateway.b]\nuri = "192.0.2.1"', "7 gateway.b.uri: '192.0.2.1' is not the address of a gateway"),
        (BASE + '[gateway.b]\nuri = "sip:h"\npassword = "a"\npassword_env = "B"', "6 gateway.b: password and"),
        (BASE + '[gateway.b]\nuri = "sip:h"\ncodecs = ["G729"]', "8 gateway.b.codecs: G729 cannot be used"),
        (BASE + '[gateway.b]\nuri = "sip:h"', "4 service.sales.route_point: names no route point, and"),
        (BASE + "[media]\nrtp_ports = '20000-20098'", "7 media.rtp_ports: holds 49 call legs"),
        (BASE + "[media]\nrtp_ports = '20000'", "7 media.rtp_ports: '20000' is not a range"),
        (BASE + "[media]\nrtp_ports = [30000, 20000]", "7 media.rtp_ports: 30000-20000 is not a range"),
        (BASE + "[dial.sip_results]\n404 = 54", "6 dial.sip_results: 54 is not a call_result"),
        (BASE + "[dial.sip_results]\n200 = 5", "6 dial.sip_results: 200 is not a SIP status"),
        (BASE + "[sip]\ntls_port = 5061", "6 sip: tls_port needs tls_certificate and tls_key"),
        (BASE + '[server]\nlisten = "8080"', "7 server.listen: '8080' is not an address"),
        (BASE + '[db]\nurl = "mysql://x"', "7 db.url: is not a store this dialer knows"),
        (BASE + "[api.keys.shop]\nscopes = ['callback']", "6 api.keys.shop: names no key, or two"),
        (BASE + "[option_aliases]\n_old = 'dial_atempts'", "7 option_aliases._old: 'dial_atempts' is not an option"),
        (BASE + "[captcha]\nx = 1", "6 captcha: this version has no captchas yet"),
        (BASE + "[service.default]\nring_timeout = 9", "6 service.default: must hold target"),
        ("service = 3", "1 service: is a value where tables belong"),
        ("[service]\nsales = 3", "2 service.sales: is a value where a table belongs"),
        ("gateway = 3", "1 gateway: is a value where tables belong"),
        ("dial = 3", "1 dial: is a value where a table belongs"),
        ("option_aliases = 3", "1 option_aliases: is a value where a table belongs"),
    ],
)  # fmt: skip
def test_each_impossible_value_is_refused_at_its_line(problems, text, expected):
    found = problems(text)
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    ("text", "place"),
    [("[gateway\nx = 1", ":1:9:"), ("a = 1\nb = \n", ":2:5:"), ("a = 1\na = 2", ":2:6:"), ('a = "x', ":1:7:")],
)
def test_bad_syntax_names_line_and_column(read, text, place):
    with pytest.raises(ConfigRefused) as caught:
        read(text)
    assert place in str(caught.value)
    assert "is not TOML" in str(caught.value)


def test_a_missing_file_a_folder_and_a_file_that_is_not_text_are_refused(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    for name, what in (("none.toml", "no such file"), ("latin.toml", "is not UTF-8 text"), ("", "cannot be read")):
        with pytest.raises(ConfigRefused, match=what):
            load(tmp_path / name)


def test_a_secret_is_never_shown_in_a_problem(problems):
    found = problems(BASE + '[gateway.b]\nuri = "sip:h"\npassword = ["hunter2"]')
    assert "hunter2" not in str(found)
    assert any("gateway.b.password" in problem for problem in found)


def test_v1_names_aliases_and_own_options_are_the_canonical_ones(read):
    config = read(BASE + '_ttl = 5\n"_opt.dial_attempts" = 4\n_my_old = 9\n[option_aliases]\n_my_old = "ring_timeout"')
    sales = config.services["sales"]
    assert (sales.ttl, sales.dial_attempts, sales.ring_timeout) == (5, 4, 9)


def test_both_names_with_the_same_value_are_accepted(read):
    assert read(BASE + "_ttl = 5\nttl = 5").services["sales"].ttl == 5


def test_row_beats_template_beats_default_row_which_only_v3_has(read):
    config = read(
        BASE
        + """
template = "user-terminated-immediate"
max_transfer_attempts = 7
[service.old]
family = "v1"
target = "Old>0"
route_point = "8999@S"
[service.new]
[service.default]
target = "Default>0"
ring_timeout = 33
max_transfer_attempts = 9
[route_point."8999@S"]
gateway = "pbx"
"""
    )
    sales, old, new = (config.services[name] for name in ("sales", "old", "new"))
    assert (sales.max_transfer_attempts, sales.ring_timeout, sales.target) == (7, 33, "Sales>0")
    assert (new.max_transfer_attempts, new.target) == (9, "Default>0")
    assert (old.max_transfer_attempts, old.ring_timeout, old.in_queue_check) == (5, 40, True)
    assert "default" not in config.services


def test_unknown_names_with_underscore_are_kept_as_properties_with_a_warning(read):
    config = read(BASE + "_customr_lookup_keys = 'x'\n_service = 'y'\n" + OPEN)
    assert config.service_properties["sales"] == {"_customr_lookup_keys": "x"}
    warnings = [str(warning) for warning in config.warnings]
    assert "did you mean _customer_lookup_keys?" in warnings[0]
    assert "is accepted without effect" in warnings[1]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", ["api", "api"]),
        (OPEN, []),
        ('[api.v1]\nauth = "basic"\n[api.admin]\nauth = "none"', ["api.v1.auth"]),
        ("[api.v1]\nenabled = false\n[api.admin]\nauth = 'none'", []),
        (f"[api.keys.a]\nkey_sha256 = '{'0' * 64}'", ["api"]),
        (f"[api.keys.a]\nkey_sha256 = '{'0' * 64}'\nscopes = ['admin']", []),
    ],
)
def test_doors_that_let_nobody_in_are_a_warning(read, text, keys):
    assert [warning.key for warning in read(BASE + text).warnings] == keys


def test_what_is_doubtful_is_a_warning(read):
    config = read(
        BASE
        + """
business_hours = "Support"
treatment_customer_connect = "gone.wav"
[service.list]
target = '[{"target": "a@S.A", "timeout": 10}, {"target": "b@S.A", "timeout": 10}]'
[agent.ann]
address = "sip:1@h"
"""
    )
    found = " ".join(f"{w.line} {w.key} {w.what}" for w in config.warnings)
    assert "7 service.sales.business_hours is kept, but this version does not apply it" in found
    assert "8 service.sales.treatment_customer_connect 'gone.wav' is missing" in found
    assert "10 service.list.target the timeouts add up to 20 s, queued_ttl is 14400 s" in found
    assert "5 service.sales.target no configured agent matches it" in found


def test_relative_paths_are_relative_to_the_file(read, tmp_path):
    config = read(BASE + '[media]\ntreatments_dir = "sounds"\n[db]\nurl = "sqlite+aiosqlite:///x/d.db"')
    assert config.media.treatments_dir == tmp_path / "sounds"
    assert config.db.url == f"sqlite+aiosqlite:///{tmp_path}/x/d.db"
    assert read(BASE + '[db]\nurl = "sqlite+aiosqlite:////v/d.db"').db.url == "sqlite+aiosqlite:////v/d.db"
    assert read(BASE + '[db]\nurl = "sqlite+aiosqlite:///:memory:"').db.url == "sqlite+aiosqlite:///:memory:"


def test_several_nodes_may_be_listed_and_the_first_is_this_one(read):
    config = read(BASE + '[[node]]\nname = "a"\n[[node]]\nname = "b"')
    assert [node.name for node in config.nodes] == ["a", "b"]
    assert config.node.name == "a"
    assert read(BASE + '[node]\nname = "x"').node.name == "x"


def test_agents_are_given_to_routing_with_their_first_state(read):
    config = read(BASE + '[agent.ann]\naddress = "sip:1@h"\nskills = {Sales = 5}\ngroups = ["B"]\nstate = "READY"')
    (ann,) = config.routing_agents()
    assert (ann.id, ann.name, ann.skills, ann.groups) == ("ann", "ann", {"Sales": 5}, frozenset({"B"}))
    assert config.first_state("ann") is AgentState.READY


def test_sessions_leave_a_channel_for_every_agent(read):
    assert read(BASE + "[dial]\nmax_channels = 40").max_sessions() == 20
    assert read(BASE + "[node]\nmax_sessions = 7").max_sessions() == 7


def test_a_route_points_number_is_the_part_before_the_at_sign(read):
    config = read(BASE + '[route_point."8999@Switch"]\ngateway = "pbx"')
    point = config.route_point_of(config.services["sales"])
    assert (point.gateway, point.caller_number) == ("pbx", "8999")


def test_settings_of_detection_and_sip_follow_the_tables(read, monkeypatch):
    monkeypatch.setenv("PW", "hush")
    config = read(
        BASE
        + '[gateway.b]\nuri = "sip:h:5080"\nuser = "u"\npassword_env = "PW"\n[route_point."1@s"]\ngateway = "b"\n'
        + '[detection]\nprofile = "fast"\nsilence_limit_s = 6\n[sip]\nudp_port = 0\nlisten_host = "127.0.0.1"\n'
    )
    detection = config.detection_settings()
    assert (detection.profile, detection.silence_limit_s) == ("fast", 6)
    agent = config.user_agent_settings()
    assert (agent.listen_host, agent.udp_port, agent.rtp_port_range) == ("127.0.0.1", 0, (20000, 29999))
    assert agent.gateways["b"].password == "hush"
    assert "hush" not in repr(config)


def test_a_callbacks_overrides_are_laid_over_its_service(read):
    config = read(BASE)
    now = config_time()
    plain = Callback(id="1-a", service="sales", state=State.QUEUED, customer_number="1", desired_time=now,
                     created_at=now, accepted_at=now, updated_at=now)  # fmt: skip
    assert config.options_for(plain) is config.services["sales"]
    own = Callback(id="1-b", service="sales", state=State.QUEUED, customer_number="1", desired_time=now, created_at=now,
                   accepted_at=now, updated_at=now, props={"dial_attempts": 7, "_own": "x"})  # fmt: skip
    assert config.options_for(own).dial_attempts == 7
    assert config.options_for(own).target == "Sales>0"


def config_time():
    from datetime import UTC, datetime

    return datetime(2026, 3, 2, tzinfo=UTC)


def wav(kind=1, channels=1, rate=8000, bits=16, data=b"\0\0" * 80, extra=b""):
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits) + extra
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


GUID = struct.pack("<HHIH", 22, 16, 4, 1) + bytes.fromhex("000000001000800000aa00389b71")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (wav(), None),
        (wav(rate=16000), None),
        (wav(kind=0xFFFE, extra=GUID), None),
        (wav(rate=44100), "44100 Hz instead of 8000 or 16000"),
        (wav(channels=2), "not mono (2 channels)"),
        (wav(bits=8), "8 bit instead of 16"),
        (wav(kind=7, bits=8), "not PCM (µ-law)"),
        (wav(kind=3, bits=32, channels=2, rate=44100), "not PCM (floating point), not mono (2 channels), 44100 Hz"),
        (wav(data=b""), "has no sound in it"),
        (b"ID3\x04 this is an MP3", "is not a WAV file"),
        (b"", "is not a WAV file"),
        (b"RIFF\x04\0\0\0WAVE", "has no format chunk"),
    ],
)
def test_a_treatments_sound_is_opened_and_its_format_checked(read, tmp_path, content, what):
    (tmp_path / "hello.wav").write_bytes(content)
    text = BASE + '_treatment_customer_connect = "hello.wav"\n[media]\ntreatments_dir = "."'
    if what is None:
        config = read(text + "\n" + OPEN)
        assert config.warnings == ()
        assert check_treatments(config) == []
    else:
        with pytest.raises(ConfigRefused) as caught:
            read(text)
        (problem,) = caught.value.problems
        assert problem.key == "service.sales._treatment_customer_connect"
        assert what in problem.what
        assert str(tmp_path / "hello.wav") in problem.what
        assert "convert it" in problem.mend


def test_sounds_in_other_languages_are_checked_too(read, tmp_path):
    (tmp_path / "de").mkdir()
    (tmp_path / "hello.wav").write_bytes(wav())
    (tmp_path / "de" / "hello.wav").write_bytes(wav(rate=44100))
    with pytest.raises(ConfigRefused, match=r"de/hello\.wav is 44100 Hz"):
        read(BASE + 'treatment_customer_connect = "hello.wav"\n[media]\ntreatments_dir = "."')


def test_check_treatments_tells_sounds_that_went_missing_since_the_load(read, tmp_path):
    (tmp_path / "hello.wav").write_bytes(wav())
    config = read(BASE + 'treatment_customer_connect = "hello.wav"\n[media]\ntreatments_dir = "."')
    (tmp_path / "hello.wav").unlink()
    (problem,) = check_treatments(config)
    assert "'hello.wav' is missing" in str(problem)


def test_a_treatment_that_requests_fill_in_or_that_is_fetched_is_not_looked_for(read):
    config = read(
        BASE + 'treatment_customer_connect = "$sound$"\ntreatment_find_agent_fail = "https://h/x.wav"\n' + OPEN
    )
    assert config.warnings == ()


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused_with_problems(tmp_path_factory, text):
    try:
        load_text(text, tmp_path_factory.getbasetemp() / "dialer.toml")
    except ConfigRefused as refused:
        assert refused.problems  # noqa: PT017 - most texts are refused, an empty one is not
