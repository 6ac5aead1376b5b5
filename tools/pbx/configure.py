"""Writes the configuration of one Asterisk of the lab into its run folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TEMPLATES = Path(__file__).parent / "conf"
FOLDERS = ("etc", "lib", "run", "log/cdr-csv", "spool/fax", "spool/recorded", "spool/voicemail", "sounds")
BEHAVIOURS = (
    "voicemail", "announcement", "no-beep", "fax", "sit", "busy", "congestion", "busy-tone", "congestion-tone",
    "ringing", "silence", "echo",
)  # fmt: skip
"""What the PBX itself can do with a number (extensions of the context `pbx` in conf/extensions.conf)."""
OWN_NUMBERS: Mapping[str, str] = {f"5559{100 + place}": behaviour for place, behaviour in enumerate(BEHAVIOURS)}
"""Numbers that are there for every behaviour without being asked for: 5559100 voicemail, 5559101 announcement, …"""


@dataclass(frozen=True)
class PbxSettings:
    """What one Asterisk of the lab is made of. All ports are on 127.0.0.1.

    Attributes:
        sip_port: UDP and TCP.
        lab_port: where the customers behind the trunk and the agents' telephones are (the lab's UDP port).
        manager_port: the manager interface; user `lab`, secret `password`.
        rtp_first, rtp_last: UDP ports of audio, two a call leg.
        route_point, password: digest user and password of the dialer.
        prefix: stripped from a number that goes out.
        agents: extensions, each an endpoint whose telephone is at `lab_port`.
        own_numbers: numbers (without prefix) that the PBX answers itself, each with one of `BEHAVIOURS`.
        dialer_port: where calls for the route point go if the dialer does not register.
        extra_dialplan: lines for the context `more` (which every other one includes), or whole contexts after them.
        extra_files: text by file name (`pjsip.conf`, `amd.conf`, …), added at the end of that file.
        extra_modules: further modules to load.
    """

    sip_port: int
    lab_port: int
    manager_port: int
    rtp_first: int = 30000
    rtp_last: int = 31999
    route_point: str = "8999"
    password: str = "change-me"  # noqa: S105 - a laboratory on loopback
    prefix: str = "91"
    agents: tuple[str, ...] = tuple(str(number) for number in range(7001, 7051))
    own_numbers: Mapping[str, str] = field(default_factory=dict)
    dialer_port: int | None = None
    extra_dialplan: str = ""
    extra_files: Mapping[str, str] = field(default_factory=dict)
    extra_modules: tuple[str, ...] = ()


def _filled(template: str, values: Mapping[str, str]) -> str:
    """The template with each @{name} replaced; `$` and a bare `@` belong to Asterisk."""
    return re.sub(r"@\{(\w+)\}", lambda found: values[found[1]], template)


@dataclass(frozen=True)
class SeenPaths:
    """Paths as the program will see them.

    Attributes:
        run: the run folder.
        root: the tree that it was unpacked into ("" for the system's own).
        modules: its folder of modules, below that tree.
        database: the folder of its database.
    """

    run: str
    root: str
    modules: Path
    database: Path


def write(settings: PbxSettings, run: Path, paths: SeenPaths) -> None:
    """Makes the run folder and every file of the configuration in it.

    Args:
        settings: what to write.
        run: the run folder, made if need be.
        paths: where the program will find things.

    Raises:
        ValueError: for a behaviour that is none.
    """
    for folder in FOLDERS:
        (run / folder).mkdir(parents=True, exist_ok=True)
    seen = {"run": paths.run, "root": paths.root, "modules": str(paths.modules), "database": str(paths.database)}
    values = _values(settings) | seen
    for template in sorted(TEMPLATES.glob("*.conf")):
        text = _filled(template.read_text(), values)
        (run / "etc" / template.name).write_text(text + settings.extra_files.get(template.name, ""))
    for name in settings.extra_files.keys() - {template.name for template in TEMPLATES.glob("*.conf")}:
        (run / "etc" / name).write_text(settings.extra_files[name])


def _values(settings: PbxSettings) -> dict[str, str]:
    contact = f"contact = sip:{settings.route_point}@127.0.0.1:{settings.dialer_port}" if settings.dialer_port else ""
    return {
        "sip_port": str(settings.sip_port),
        "lab_port": str(settings.lab_port),
        "manager_port": str(settings.manager_port),
        "rtp_first": str(settings.rtp_first),
        "rtp_last": str(settings.rtp_last),
        "route_point": settings.route_point,
        "password": settings.password,
        "prefix": settings.prefix,
        "prefix_length": str(len(settings.prefix)),
        "dialer_contact": contact,
        "agents": "\n".join(_agent_lines(settings)),
        "own_numbers": "\n".join(_own_number_lines(settings)),
        "more_dialplan": settings.extra_dialplan,
        "more_modules": "\n".join(f"load = {module}" for module in settings.extra_modules),
    }


def _agent_lines(settings: PbxSettings) -> Iterator[str]:
    for agent in settings.agents:
        yield f"[{agent}](media)\ncontext = agents\naors = {agent}\n"
        yield f"[{agent}]\ntype = aor\nmax_contacts = 2\ncontact = sip:{agent}@127.0.0.1:{settings.lab_port}\n"


def _own_number_lines(settings: PbxSettings) -> Iterator[str]:
    for number, behaviour in {**OWN_NUMBERS, **settings.own_numbers}.items():
        if behaviour not in BEHAVIOURS:
            raise ValueError(f"{number}: the PBX has no behaviour {behaviour!r}, only {', '.join(BEHAVIOURS)}")
        yield f"exten => {number},1,Goto(pbx,{behaviour},1)"
