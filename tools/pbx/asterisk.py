"""A real Asterisk for the lab, on loopback, unprivileged: made, started, stopped.

    python tools/pbx/asterisk.py make                  # find or unpack it (about 80 MB, once)
    python tools/pbx/asterisk.py start --lab-port 5070  # prints one line of JSON: ports, password, pid
    python tools/pbx/asterisk.py status
    python tools/pbx/asterisk.py stop

or, from Python, `with Asterisk(PbxSettings(...), run_folder) as pbx: ...`.

The program never runs as root: started by root it becomes `nobody`. It is handed its two folders as open descriptors
and finds them under /proc/self/fd, so that no folder above them (a home that is closed to others, say) must be readable
to it. Its small database alone lies elsewhere: SQLite asks for the real path, which must be open to it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.pbx.configure import PbxSettings, SeenPaths, write
from tools.pbx.manager import Manager, ManagerError
from tools.pbx.unpack import Installation, PbxError, find_or_make, find_system, find_unpacked

__all__ = ["Asterisk", "Manager", "PbxError", "PbxSettings", "find_or_make", "free_port"]

NOBODY = 65534
PORT_TRIES = 20
START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 5.0
DEFAULT_RUN_FOLDER = Path("var/pbx")


class Asterisk:
    """One running Asterisk: its settings, its run folder, its process."""

    def __init__(self, settings: PbxSettings, run: Path, installation: Installation | None = None) -> None:
        """Nothing is written or started before `start`.

        Args:
            settings: ports, password, numbers.
            run: the run folder: configuration, logs, recordings, pid. Belongs to this Asterisk alone.
            installation: which program; by default the system's or the unpacked one, made when there is none.
        """
        self.settings = settings
        self.run = run.absolute()
        self._installation = installation
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Writes the configuration, starts the program and waits until it is fully booted.

        Raises:
            PbxError: when there is no program, a port is taken or it is not up within `START_DEADLINE_S`; with the end
                of its log.
        """
        installation = self._installation or find_or_make()
        self._check_ports()
        self.run.mkdir(parents=True, exist_ok=True)
        descriptors = [os.open(folder, os.O_PATH | os.O_DIRECTORY) for folder in (self.run, installation.root)]
        try:
            run_seen, root_seen = (f"/proc/self/fd/{descriptor}" for descriptor in descriptors)
            own_tree = installation.own_loader is not None
            root = root_seen if own_tree else ""
            database = _make_database_folder(self.run)
            paths = SeenPaths(run=run_seen, root=root, modules=installation.modules, database=database)
            write(self.settings, self.run, paths)
            self._give_away(database)
            command = [*installation.command(root_seen), "-f", "-C", f"{run_seen}/etc/asterisk.conf"]
            self._process = self._spawn(command, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        _pid_file(self.run).write_text(str(self._process.pid))
        self._wait_until_up()
        return self

    def stop(self) -> None:
        """Ends the program, by force after `STOP_DEADLINE_S`. Safe to call twice."""
        if self._process is None:
            return
        _end(self._process.pid, reap=self._process)
        self._process = None
        _clean_up(self.run)

    def manager(self) -> Manager:
        """A new connection to the manager interface."""
        return Manager(self.settings.manager_port, "lab", self.settings.password)

    def log(self) -> str:
        """All that it has logged."""
        log = self.run / "log" / "messages"
        return log.read_text(errors="replace") if log.exists() else ""

    @property
    def pid(self) -> int | None:
        """Its process, while it was started by this object."""
        return None if self._process is None else self._process.pid

    def facts(self) -> dict[str, object]:
        """What a caller must know to use it."""
        settings = self.settings
        return {
            "sip_port": settings.sip_port,
            "manager_port": settings.manager_port,
            "lab_port": settings.lab_port,
            "route_point": settings.route_point,
            "password": settings.password,
            "prefix": settings.prefix,
            "agents": list(settings.agents),
            "pid": self.pid,
            "run": str(self.run),
        }

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _check_ports(self) -> None:
        for kind, port in (
            (socket.SOCK_DGRAM, self.settings.sip_port),
            (socket.SOCK_STREAM, self.settings.sip_port),
            (socket.SOCK_STREAM, self.settings.manager_port),
        ):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise PbxError(f"port {port} on 127.0.0.1 is taken; choose another one") from error

    def _give_away(self, database: Path) -> None:
        """Lets the unprivileged program own its run folder and its database."""
        if os.geteuid() != 0:
            return
        for path in (self.run, *self.run.rglob("*"), database):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def _spawn(self, command: list[str], descriptors: list[int]) -> subprocess.Popen[bytes]:
        output = (self.run / "log" / "output").open("wb")
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        with output:
            try:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=descriptors,
                    start_new_session=True,
                    env={"PATH": "/usr/sbin:/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"},
                    **as_nobody,  # type: ignore[arg-type]  # the keywords of one call
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise PbxError(f"asterisk cannot be started: {error}") from error

    def _wait_until_up(self) -> None:
        assert self._process is not None
        ends = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < ends:
            if self._process.poll() is not None:
                raise PbxError(f"asterisk ended at once (exit {self._process.returncode}):\n{self._last_words()}")
            try:
                with self.manager() as manager:
                    if manager.wait("FullyBooted", deadline_s=max(ends - time.monotonic(), 0.1)):
                        return
            except ManagerError:
                time.sleep(0.05)
        raise PbxError(f"asterisk was not up after {START_DEADLINE_S:.0f} s:\n{self._last_words()}")

    def _last_words(self) -> str:
        said = (self.run / "log" / "output").read_text(errors="replace") + self.log()
        return said.strip()[-2000:]


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port of 127.0.0.1 that is free at this moment, for UDP and TCP: a SIP server listens to both.

    Raises:
        PbxError: when none was found.
    """
    other = socket.SOCK_STREAM if kind == socket.SOCK_DGRAM else socket.SOCK_DGRAM
    for _ in range(PORT_TRIES):
        with socket.socket(socket.AF_INET, kind) as probe, socket.socket(socket.AF_INET, other) as second:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise PbxError("no port of 127.0.0.1 is free for both UDP and TCP; is something using them all?")


def _make_database_folder(run: Path) -> Path:
    """A folder that every user can reach, noted in the run folder so that whoever stops the program can remove it."""
    folder = Path(tempfile.mkdtemp(prefix="callback-pbx-", dir="/tmp"))
    (run / "database").write_text(str(folder))
    return folder


def _clean_up(run: Path) -> None:
    _pid_file(run).unlink(missing_ok=True)
    note = run / "database"
    if note.exists():
        folder = Path(note.read_text())
        if folder.name.startswith("callback-pbx-"):
            shutil.rmtree(folder, ignore_errors=True)
        note.unlink()


def _pid_file(run: Path) -> Path:
    return run / "pid"


def _running_pid(run: Path) -> int | None:
    """The pid in the run folder, if that process is (still) an Asterisk of ours."""
    try:
        pid = int(_pid_file(run).read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"asterisk" in words and b"/etc/asterisk.conf" in words else None


def _end(pid: int, reap: subprocess.Popen[bytes] | None = None) -> None:
    for force in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, force)
        except ProcessLookupError:
            return
        ends = time.monotonic() + STOP_DEADLINE_S
        while time.monotonic() < ends:
            if (reap is not None and reap.poll() is not None) or not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.02)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A real Asterisk on loopback for the lab.")
    parser.add_argument("--run", type=Path, default=DEFAULT_RUN_FOLDER, help="run folder (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make", help="find the system's Asterisk or unpack Debian's into the cache")
    making.add_argument("--mirror", help="Debian mirror (default: the one in this machine's apt sources)")
    starting = commands.add_parser("start", help="start it and print its ports as JSON")
    starting.add_argument("--sip-port", type=int, default=0, help="0 = any free one")
    starting.add_argument("--manager-port", type=int, default=0, help="0 = any free one")
    starting.add_argument("--lab-port", type=int, required=True, help="where the lab's customers and agents listen")
    starting.add_argument("--password", default=None, help="of the route point and the manager (default: a random one)")
    commands.add_parser("stop", help="stop it")
    commands.add_parser("status", help="say whether it runs; exit 3 if not")
    return parser


def _start(arguments: argparse.Namespace) -> int:
    if running := _running_pid(arguments.run):
        raise PbxError(f"an Asterisk runs already in {arguments.run} (pid {running}); stop it first")
    settings = PbxSettings(
        sip_port=arguments.sip_port or free_port(),
        lab_port=arguments.lab_port,
        manager_port=arguments.manager_port or free_port(socket.SOCK_STREAM),
        password=arguments.password or secrets.token_urlsafe(12),
    )
    pbx = Asterisk(settings, arguments.run)
    try:
        pbx.start()
    except BaseException:
        pbx.stop()
        raise
    print(json.dumps(pbx.facts()))
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    if running := _running_pid(arguments.run):
        _end(running)
    _clean_up(arguments.run)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    installation = find_system() or find_unpacked()
    running = _running_pid(arguments.run)
    print(
        json.dumps(
            {
                "version": installation.version if installation else None,
                "root": str(installation.root) if installation else None,
                "pid": running,
            }
        )
    )
    return 0 if running else 3


def main() -> int:
    """The command line."""
    arguments = _arguments().parse_args()
    try:
        if arguments.command == "make":
            made = find_or_make(mirror=arguments.mirror)
            print(f"asterisk {made.version} in {made.root}")
            return 0
        return {"start": _start, "stop": _stop, "status": _status}[arguments.command](arguments)
    except PbxError as error:
        print(f"pbx: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
