"""What only all applications together show: names that lead nowhere, ways without an end. Source: options.md §10."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dialer.callback.call_in import bare
from dialer.callback.treatment import Treatment
from dialer.config.application import (
    PHASES,
    VARIABLE,
    ApplicationTable,
    Block,
    CallbackBlock,
    CallInMatchBlock,
    PlayMessageBlock,
    RecordNameBlock,
    RouteCallBlock,
    TransferBlock,
    UserInputBlock,
)
from dialer.config.dialer_config import DialerConfig
from dialer.config.problem import did_you_mean
from dialer.config.reading import Reading
from dialer.config.toml_place import Path
from dialer.config.treatment_file import check_treatment
from dialer.routing import TargetError, parse_target

GIVEN: Final = frozenset({"ani", "dnis", "caller_name", "application", "ewt", "callback.id"})
"""Variables that every call has without a block that sets them."""
END: Final = -1
BUILT_IN: Final = "callback"
"""The callback application that services have without any being configured: it calls customers back."""


def check_applications(reading: Reading, config: DialerConfig) -> None:
    """Notes what is wrong with the applications, and with services that name one."""
    _check_numbers(reading, config)
    for name, application in config.applications.items():
        _ApplicationCheck(reading, config, name, application).run()
    _check_transfers(reading, config)
    for service, options in config.services.items():
        wanted = options.callback_application
        if wanted not in config.applications and wanted != BUILT_IN:
            mend = did_you_mean(wanted, config.applications) or f'write [application."{wanted}"] of type callback'
            reading.refuse(("service", service, "callback_application"), f"there is no application {wanted!r}", mend)
        elif wanted in config.applications and config.applications[wanted].type != "callback":
            what = f"application {wanted!r} is not of type callback"
            reading.refuse(("service", service, "callback_application"), what, "name another")


def _check_numbers(reading: Reading, config: DialerConfig) -> None:
    """A number belongs to one published application."""
    owners: dict[str, str] = {}
    for name, application in config.applications.items():
        for index, number in enumerate(application.numbers if application.published else ()):
            owner = owners.setdefault(bare(number) or "", name)
            if owner != name:
                path = ("application", name, "numbers", index)
                reading.refuse(path, f"{number} leads to application {owner!r} already", "publish one of the two")


def _check_transfers(reading: Reading, config: DialerConfig) -> None:
    """No call is handed round in a circle."""
    onward = {name: set(_transfers(application)) for name, application in config.applications.items()}
    for name in onward:
        circle = _circle(name, onward)
        if circle and name == min(circle):  # told once
            way = " -> ".join([*circle, circle[0]])
            reading.refuse(("application", name), f"transfers in a circle: {way}", "end one of them otherwise")


def _transfers(application: ApplicationTable) -> Iterator[str]:
    for block in application.blocks:
        if isinstance(block, TransferBlock) and block.application is not None:
            yield block.application


def _circle(start: str, onward: dict[str, set[str]]) -> list[str]:
    """A way from an application back to itself; empty when there is none."""
    ways = [[start]]
    seen = set()
    while ways:
        way = ways.pop()
        for following in sorted(onward.get(way[-1], ())):
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


@dataclass(frozen=True, slots=True)
class _ApplicationCheck:
    """Checks one application."""

    reading: Reading
    config: DialerConfig
    name: str
    application: ApplicationTable

    def run(self) -> None:
        self._check_callback_blocks()
        self._check_labels()
        self._check_variables()
        for phase, index, block in self._placed():
            self._check_block((*self._path, phase, index), block)
        if not self.application.blocks:
            self.reading.refuse(self._path, "has no blocks", 'write assisted = [{block = "...", ...}]')

    @property
    def _path(self) -> Path:
        return ("application", self.name)

    def _placed(self) -> Iterator[tuple[str, int, Block]]:
        for phase in PHASES:
            for index, block in enumerate(getattr(self.application, phase)):
                yield phase, index, block

    def _check_callback_blocks(self) -> None:
        placed = [(phase, index, block) for phase, index, block in self._placed() if isinstance(block, CallbackBlock)]
        if self.application.type == "callback":
            self._check_executing(placed)
            return
        for phase, index, block in placed:
            path = (*self._path, phase, index)
            if phase != "assisted":
                self.reading.refuse(path, f"a callback block does not belong into {phase}", "move it into assisted")
            if block.connect is not None:
                self.reading.refuse((*path, "connect"), "is for applications of type callback", "leave it out")
            if not block.immediate and not block.scheduled:
                self.reading.refuse(path, "offers nothing", "set immediate or scheduled to true")
            self._check_offered(path, block)

    def _check_executing(self, placed: list[tuple[str, int, CallbackBlock]]) -> None:
        """A callback application: exactly one callback block, in initialize, that says who dials."""
        if [phase for phase, _, _ in placed] != ["initialize"]:
            what = f"has {len(placed)} callback blocks, wants exactly one, in initialize"
            self.reading.refuse(self._path, what, 'initialize = [{block = "callback", connect = "..."}]')
            return
        if self.application.numbers:
            self.reading.refuse((*self._path, "numbers"), "takes no calls: its type is callback", "leave them out")
        _, index, block = placed[0]
        path = (*self._path, "initialize", index)
        if block.connect is None:
            mend = "business_to_customer or customer_dials_in"
            self.reading.refuse(path, "does not say who dials", f"give connect: {mend}")
            return
        wanted = "USERORIGINATED" if block.connect == "customer_dials_in" else "USERTERMINATED"
        for service, options in self.config.services.items():
            if options.callback_application == self.name and options.call_direction != wanted:
                what = f"service {service!r} is {options.call_direction}, {block.connect} is for {wanted}"
                self.reading.refuse((*path, "connect"), what, "give it another callback_application")

    def _check_offered(self, path: Path, block: CallbackBlock) -> None:
        services = self.config.services
        if block.service is None:
            self.reading.refuse(path, "names no service", "give service")
        elif block.service not in services:
            if block.service not in self.reading.raw.get("service", {}):
                mend = did_you_mean(block.service, services) or f"services: {', '.join(services)}"
                self.reading.refuse((*path, "service"), f"there is no service {block.service!r}", mend)
        elif services[block.service].call_direction != "USERTERMINATED" or services[block.service].type == "builtin":
            what = f"service {block.service!r} does not call customers back"
            self.reading.refuse((*path, "service"), what, "name one that is USERTERMINATED")

    def _check_labels(self) -> None:
        labels = Counter(block.label for block in self.application.blocks if block.label)
        for phase, index, block in self._placed():
            path = (*self._path, phase, index)
            if block.label and labels[block.label] > 1:
                self.reading.refuse((*path, "label"), f"{block.label!r} is there twice", "give one another name")
            for key in ("on_fail", "next"):
                wanted = getattr(block, key)
                if wanted and wanted not in labels:
                    mend = did_you_mean(wanted, labels) or f"labels: {', '.join(labels) or 'none'}"
                    self.reading.refuse((*path, key), f"there is no label {wanted!r}", mend)
        self._check_ways_out()

    def _check_ways_out(self) -> None:
        """From every block that can be reached there is a way to the end."""
        places = [(*self._path, phase, index) for phase, index, _ in self._placed()]
        ways = ways_of(self.application)
        reached = _closure({0}, ways) if ways else set()
        back: dict[int, set[int]] = defaultdict(set)
        for start, ends in ways.items():
            for end in ends:
                back[end].add(start)
        ending = _closure({END}, back)
        for index in sorted(reached - ending - {END}):
            self.reading.refuse(places[index], "leads round in a circle without end", "let a way lead to terminate")
        for index in sorted(set(range(len(places))) - reached):
            self.reading.warn(places[index], "is never reached", "give it a label that a block leads to")

    def _check_variables(self) -> None:
        blocks = self.application.blocks
        known = GIVEN.union(*(block.sets() for block in blocks)) if blocks else GIVEN
        arriving = _inherited(self.name, self.config)
        for phase, index, block in self._placed():
            for text in block.texts():
                for name in VARIABLE.findall(text):
                    if name not in known | arriving:
                        near = did_you_mean(name, known) or f"known here: {', '.join(sorted(known))}"
                        self.reading.refuse((*self._path, phase, index), f"nothing sets ${name}", near)

    def _check_block(self, path: Path, block: Block) -> None:
        match block:
            case TransferBlock(application=str(wanted)):
                self._check_transfer((*path, "application"), wanted)
            case RouteCallBlock(target=target) if not VARIABLE.search(target):
                self._check_target(path, block)
            case PlayMessageBlock():
                self._check_sounds(path, block.files)
            case UserInputBlock(prompt=prompt) | RecordNameBlock(prompt=prompt):
                self._check_sounds(path, (prompt,))
            case CallInMatchBlock() if not self.config.call_in_groups:
                self.reading.refuse(
                    path, "matches nobody: no call-in group is configured", "write [call_in_group.NAME]"
                )
            case _:
                pass

    def _check_transfer(self, path: Path, wanted: str) -> None:
        known = self.config.applications
        if wanted not in known:
            if wanted not in self.reading.raw.get("application", {}):
                mend = did_you_mean(wanted, known) or f"applications: {', '.join(known)}"
                self.reading.refuse(path, f"there is no application {wanted!r}", mend)
        elif known[wanted].type != "default":
            self.reading.refuse(path, f"application {wanted!r} takes no calls: its type is callback", "name another")

    def _check_target(self, path: Path, block: RouteCallBlock) -> None:
        if not block.target:
            if block.queue not in self.config.services and not VARIABLE.search(block.queue):
                self.reading.refuse(
                    (*path, "target"), f"is missing, and there is no service {block.queue!r}", "give it"
                )
            return
        try:
            parse_target(block.target)
        except TargetError as error:
            self.reading.refuse((*path, "target"), str(error), 'e.g. "?:Sales>0@StatServer.GA"')

    def _check_sounds(self, path: Path, files: tuple[str, ...]) -> None:
        for file in files:
            if VARIABLE.search(file):
                continue
            found = check_treatment(Treatment(file=file), self.config.media.treatments_dir)
            if found is not None:
                what, mend, refused = found
                (self.reading.refuse if refused else self.reading.warn)(path, what, mend)


def _inherited(name: str, config: DialerConfig) -> frozenset[str]:
    """Variables that a call may bring along from the applications that transfer it here."""
    found: set[str] = set()
    for application in config.applications.values():
        if name in _transfers(application):
            found = found.union(*(block.sets() for block in application.blocks))
    return frozenset(found)


def ways_of(application: ApplicationTable) -> dict[int, set[int]]:
    """For each block, by its place among all, the blocks that may follow; `END` = the call is over."""
    blocks = application.blocks
    at = {block.label: index for index, block in enumerate(blocks) if block.label}
    ways: dict[int, set[int]] = {}
    for index, block in enumerate(blocks):
        following = index + 1 if index + 1 < len(blocks) else END
        if block.ends:
            ways[index] = {END}
            continue
        after = {at.get(label, END) if label else following for label in (block.next, block.on_fail)}
        leaves = isinstance(block, RouteCallBlock | TransferBlock | CallbackBlock)
        ways[index] = after | ({END} if leaves else set())
    return ways


def _closure(start: set[int], ways: dict[int, set[int]]) -> set[int]:
    seen, todo = set(start), list(start)
    while todo:
        for following in ways.get(todo.pop(), ()):
            if following not in seen:
                seen.add(following)
                todo.append(following)
    return seen
