"""A PostgreSQL of one's own for tests and benchmarks: a cluster in a temporary folder, unprivileged, on a socket.

Nothing of the machine's own PostgreSQL is touched: another data folder, no TCP port, ended with its `with` block.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

START_LIMIT_S = 30.0


class PostgresMissing(Exception):  # noqa: N818
    """No PostgreSQL server is installed; on Debian: apt-get install postgresql."""


def server_programs() -> Path:
    """Folder with `initdb` and `postgres`, of the newest version installed.

    Raises:
        PostgresMissing: when there is none.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    if not found and (elsewhere := shutil.which("postgres")):
        found = [Path(elsewhere)]
    if not found:
        raise PostgresMissing(PostgresMissing.__doc__)
    return found[-1].parent


def _unprivileged_user() -> str | None:
    """Whom the server runs as: PostgreSQL refuses root. None = as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise PostgresMissing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


class Cluster:
    """A running server.

    Attributes:
        folder: Where its data and its socket are.
    """

    def __init__(self, folder: Path, programs: Path, user: str | None, *, fsync: bool) -> None:
        self.folder = folder
        self._programs = programs
        self._user = user
        self._fsync = fsync
        self._server: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Create the data folder."""
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "dialer", "-A", "trust", "-E", "UTF8", "--no-sync")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if self._fsync else "off",
            "max_connections": "50",
            "shared_buffers": "32MB",
            "dynamic_shared_memory_type": "mmap",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        ready = [str(self._programs / "pg_isready"), "-q", "-h", str(self.folder), "-U", "dialer", "-d", "postgres"]
        while subprocess.run(ready, check=False).returncode != 0:
            ended = self._server is None or self._server.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start:\n" + (self.folder / "log").read_text())
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT disconnects clients and shuts down; SIGQUIT and SIGKILL crash it."""
        if self._server is not None:
            self._server.send_signal(how)
            try:
                self._server.wait(START_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None

    def create_database(self, name: str) -> str:
        """Make an empty database and give its address."""
        self._run("createdb", "-h", str(self.folder), "-U", "dialer", name)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Delete a database, ending its connections."""
        self._run("dropdb", "-h", str(self.folder), "-U", "dialer", "--force", name)

    def url(self, name: str) -> str:
        """Address of one of its databases."""
        return f"postgresql+asyncpg://dialer@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd=self.folder,
            timeout=60,
        )


@contextlib.contextmanager
def cluster(*, fsync: bool = False) -> Iterator[Cluster]:
    """A running cluster of one's own; gone afterwards.

    Raises:
        PostgresMissing: when no server is installed.
    """
    programs, user = server_programs(), _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="dialer-pg-"))
    server = Cluster(folder, programs, user, fsync=fsync)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
