"""`config/dialer.toml` is complete, true, and loads with everything uncommented."""

import itertools
import re
import tomllib
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel

from dialer.callback.options import ServiceOptions
from dialer.config import load, load_text
from dialer.config.load import NAMED_TABLES, SINGLE_TABLES
from dialer.config.reading import known_keys
from dialer.config.table import NodeTable

REFERENCE = Path(__file__).parents[3] / "config" / "dialer.toml"
TEXT = REFERENCE.read_text()
UNCOMMENTED = re.sub(r"^#(?=[A-Za-z_\[])", "", TEXT, flags=re.MULTILINE)
EXAMPLES = {
    "target", "route_point", "template", "virtual_queue", "caller_number", "caller_name", "call_headers",
    "dial_retry_delay_by_result", "retry_results", "final_results", "blocked_numbers", "overridable",
    "treatment_customer_connect", "treatment_call_failure_answering_machine",
}  # fmt: skip


@pytest.fixture
def secrets(monkeypatch):
    for name in ("DIALER_PBX_PASSWORD", "GMS_PASSWORD", "DIALER_API_KEY", "DIALER_PUSH_SECRET", "DIALER_MQTT_PASSWORD"):
        monkeypatch.setenv(name, "secret")


def test_the_reference_loads_as_it_is(secrets):
    assert load(REFERENCE).warnings == ()


def test_the_reference_loads_with_everything_uncommented(secrets):
    config = load_text(UNCOMMENTED, REFERENCE)
    assert config.warnings == ()
    assert set(config.services) == {"sales", "voice-userterm-immediate"}


def keys_of(table, path=()):
    """Dotted keys of a document; names that operators choose are written *."""
    for key, value in table.items():
        chosen = path in {
            ("gateway",),
            ("route_point",),
            ("agent",),
            ("call_in_group",),
            ("service",),
            ("api", "keys"),
            ("push", "http"),
            ("api", "v1", "basic_users"),
            ("option_aliases",),
        }
        here = (*path, "*" if chosen else key)
        yield here
        if isinstance(value, dict):
            yield from keys_of(value, here)


def fields_of(model, path):
    for key, info in zip(known_keys(model), model.model_fields.values(), strict=True):
        here = (*path, key)
        yield here
        for kind in (info.annotation, *typing.get_args(info.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                inner = here if kind is info.annotation else (*here, "*")
                yield from fields_of(kind, inner)


def test_every_key_of_every_table_stands_in_the_reference():
    written = set(keys_of(tomllib.loads(UNCOMMENTED)))
    wanted = {path for name, kind in SINGLE_TABLES.items() for path in fields_of(kind, (name,))}
    wanted |= {path for name, (_, kind) in NAMED_TABLES.items() for path in fields_of(kind, (name, "*"))}
    wanted |= set(fields_of(NodeTable, ("node",)))
    wanted |= {("service", "*", key) for key in ServiceOptions.model_fields}
    assert {".".join(path) for path in wanted - written} == set()


def test_every_key_has_a_comment_or_a_commented_neighbour():
    lines = TEXT.splitlines()
    bare = [
        line
        for before, line in itertools.pairwise(lines)
        if re.match(r"#[A-Za-z_]+ = ", line) and not before.startswith("#") and "=" not in before
    ]
    assert bare == []


def test_commented_service_options_show_their_defaults():
    sales = tomllib.loads(UNCOMMENTED)["service"]["sales"]
    shown = ServiceOptions(**{key: value for key, value in sales.items() if key not in EXAMPLES - {"target"}})
    default = ServiceOptions(target=sales["target"])
    keys = ServiceOptions.model_fields.keys() - EXAMPLES
    assert {key: getattr(shown, key) for key in keys} == {key: getattr(default, key) for key in keys}


@pytest.mark.parametrize(
    "name", ["server", "db", "node", "sip", "media", "dial", "detection", "compat", "callback", "mqtt"]
)
def test_commented_tables_show_their_defaults_where_there_is_one(name):
    kind = {**SINGLE_TABLES, "node": NodeTable}[name]
    shown, default = kind.model_validate(tomllib.loads(UNCOMMENTED)[name]), kind()
    examples = {"public_url", "url", "public_address", "tcp_port", "tls_port", "tls_certificate", "tls_key", "tls_ca",
                "treatments_dir", "sip_results", "q850_results", "country", "user", "password_env",
                "ca_file"}  # fmt: skip
    keys = kind.model_fields.keys() - (examples - {"url"} if name == "db" else examples)
    assert {key: getattr(shown, key) for key in keys} == {key: getattr(default, key) for key in keys}


def test_ten_lines_are_enough_for_an_operator_with_a_pbx(tmp_path):
    text = """[gateway.pbx]
uri = "sip:192.0.2.10"
user = "dialer"
password = "secret"
[service.sales]
target = "?:Sales>0@StatServer.GA"
[agent.ann]
address = "sip:1001@192.0.2.10"
skills = {Sales = 5}
state = "READY"
"""
    assert text.count("\n") == 10
    config = load_text(text, tmp_path / "dialer.toml")
    assert {warning.key for warning in config.warnings} == {"api"}  # HTTP needs a key; `dialer call` does not
    assert config.route_point_of(config.services["sales"]).gateway == "pbx"
