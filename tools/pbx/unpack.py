"""Finds an Asterisk on this machine, or unpacks Debian sid's into the cache.

Debian 12 carries no Asterisk. apt resolves and verifies the package and all that it needs, down to the C library,
against an empty package state of its own; dpkg-deb unpacks the packages into one folder. Nothing is installed: no
maintainer script runs, no mount is made and the machine's own packages are never touched, so no root is needed either.
The program is started by the loader that lies in that folder (see `Installation.command`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SUITE = "sid"
PACKAGES = ("asterisk", "asterisk-core-sounds-en-gsm")
FALLBACK_MIRROR = "http://deb.debian.org/debian"
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")
NEEDED_MODULES = (
    "res_pjsip.so", "chan_pjsip.so", "app_voicemail.so", "res_fax_spandsp.so", "res_tonedetect.so", "app_amd.so",
)  # fmt: skip
APT_DEADLINE_S = 240


class PbxError(RuntimeError):
    """The PBX cannot be made or started."""


@dataclass(frozen=True)
class Installation:
    """An Asterisk that can be started.

    `root` is `/` for the system's own, otherwise the folder that it was unpacked into.
    """

    root: Path
    version: str

    @property
    def own_loader(self) -> Path | None:
        """The loader to start it by, relative to `root`; None for the system's own."""
        if self.root == Path("/"):
            return None
        return next(self.root.glob("usr/lib/*/ld-linux*.so.*")).relative_to(self.root)

    @property
    def modules(self) -> Path:
        """The folder of its modules, relative to `root`."""
        return _modules(self.root).relative_to(self.root)

    def command(self, root: str) -> list[str]:
        """The words that start it, with `root` as the path at which the child finds the folder."""
        if self.own_loader is None:
            return ["/usr/sbin/asterisk"]
        library = f"{root}/{self.own_loader.parent}"
        return [f"{root}/{self.own_loader}", "--library-path", library, f"{root}/usr/sbin/asterisk"]


def find_or_make(*, mirror: str | None = None, progress: bool = True) -> Installation:
    """The system's Asterisk when it has all that the lab needs, else the unpacked one, made now if need be.

    Raises:
        PbxError: when there is none and none can be made; says what is missing.
    """
    return find_system() or find_unpacked() or make(mirror=mirror, progress=progress)


def find_system() -> Installation | None:
    """The system's own Asterisk, if it has the modules that the lab needs."""
    program = Path("/usr/sbin/asterisk")
    if not program.exists() or not _has_modules(Path("/")):
        return None
    return Installation(Path("/"), _version([str(program)]))


def find_unpacked() -> Installation | None:
    """The Asterisk unpacked before, if it is complete."""
    folder = tree_folder()
    marker = folder / "callback-dialer.json"
    if not marker.exists():
        return None
    return Installation(folder, str(json.loads(marker.read_text())["version"]))


def make(*, mirror: str | None = None, progress: bool = True) -> Installation:
    """Unpacks Debian's Asterisk into the cache: about 80 MB to load, 270 MB on disk, 10 to 20 s.

    Raises:
        PbxError: when a tool is missing, the mirror cannot be reached or the result does not run.
    """
    _require_tools()
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with _only_one(cache / "lock"):
        if found := find_unpacked():
            return found
        say = _Progress(steps=4, quiet=not progress)
        apt = _apt_options(cache / "apt", mirror or machine_mirror())
        say.step(f"package index of Debian {SUITE}")
        _run(["apt-get", *apt, "update"], "apt cannot read the package index")
        say.step("asterisk and what it needs")
        _run(["apt-get", *apt, "install", "--yes", "--download-only", *PACKAGES], "apt cannot load the packages")
        say.step("unpacking")
        made = _unpack(sorted((cache / "apt/archives").glob("*.deb")), tree_folder())
        say.step(f"asterisk {made.version}")
        return made


def cache_folder() -> Path:
    """Where packages and the unpacked tree are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "callback-dialer" / "pbx"


def tree_folder() -> Path:
    """The unpacked tree; its name changes when the choice of packages does."""
    architecture = os.uname().machine
    key = hashlib.sha256(repr((SUITE, PACKAGES, architecture)).encode()).hexdigest()[:12]
    return cache_folder() / f"{SUITE}-{architecture}-{key}"


def machine_mirror() -> str:
    """The Debian mirror in the machine's own apt sources, or the public one."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=False, timeout=60
    )
    uris = [uri.rstrip("/") for uri in asked.stdout.split()]
    return next((uri for uri in uris if uri.endswith("/debian") and "security" not in uri), FALLBACK_MIRROR)


def _modules(root: Path) -> Path:
    found = [*root.glob("usr/lib/*/asterisk/modules"), *root.glob("usr/lib/asterisk/modules")]
    return found[0] if found else root / "usr/lib/asterisk/modules"


def _has_modules(root: Path) -> bool:
    return all((_modules(root) / name).exists() for name in NEEDED_MODULES)


def _version(command: Sequence[str]) -> str:
    answer = subprocess.run([*command, "-V"], capture_output=True, text=True, check=False, timeout=30)
    words = answer.stdout.split()
    if answer.returncode or len(words) < 2:
        raise PbxError(f"{command[-1]} does not start: {(answer.stderr or answer.stdout).strip()[-400:]}")
    return words[1]


def _require_tools() -> None:
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise PbxError(
            f"no Asterisk with {', '.join(NEEDED_MODULES)} is installed, and {' and '.join(missing)} to get Debian's "
            "is missing too; install Asterisk 20 or newer by your system's means"
        )
    if not any(Path(keyring).exists() for keyring in KEYRINGS):
        raise PbxError("the keys of the Debian archive are missing: install the package debian-archive-keyring")


def _apt_options(folder: Path, mirror: str) -> list[str]:
    """A private apt state: nothing installed, one source, so that every dependency is resolved from that suite."""
    for part in ("lists/partial", "archives/partial", "sources"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "status").write_text("")
    keyring = next(keyring for keyring in KEYRINGS if Path(keyring).exists())
    source = f"Types: deb\nURIs: {mirror}\nSuites: {SUITE}\nComponents: main\nSigned-By: {keyring}\n"
    (folder / "sources" / "pbx.sources").write_text(source)
    settings = {
        "Dir::State": folder,
        "Dir::State::Lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Cache::Archives": folder / "archives",
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": folder / "sources",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "APT::Keep-Downloaded-Packages": "true",
        "Binary::apt-get::APT::Keep-Downloaded-Packages": "true",
        "DPkg::Post-Invoke": "",
        "APT::Update::Post-Invoke": "",
        "Debug::NoLocking": "true",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _unpack(packages: Sequence[Path], target: Path) -> Installation:
    """Unpacks into a folder beside `target` and renames it when it is whole and runs."""
    growing = target.with_name(target.name + ".part")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(parents=True)
    for package in packages:
        _run(["dpkg-deb", "--extract", str(package), str(growing)], f"{package.name} cannot be unpacked")
    sounds = growing / "usr/share/asterisk/sounds"
    if not (sounds / "en").exists():  # Debian's package makes this link when it is installed
        (sounds / "en").symlink_to("en_US_f_Allison")
    if not _has_modules(growing):
        raise PbxError(f"Debian {SUITE} packages hold no Asterisk with {', '.join(NEEDED_MODULES)}")
    version = _version(Installation(growing, "").command(str(growing)))
    (growing / "callback-dialer.json").write_text(json.dumps({"version": version, "packages": len(packages)}))
    shutil.rmtree(target, ignore_errors=True)
    growing.rename(target)
    return Installation(target, version)


def _run(command: Sequence[str], failure: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=APT_DEADLINE_S, env=_quiet_env())
    except subprocess.TimeoutExpired as error:
        raise PbxError(f"{failure}: no end after {APT_DEADLINE_S} s") from error
    except subprocess.CalledProcessError as error:
        raise PbxError(f"{failure}:\n{error.stderr.strip()[-1500:]}") from error


def _quiet_env() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


class _Progress:
    """One line a step, with the seconds since the start."""

    def __init__(self, steps: int, *, quiet: bool) -> None:
        self._steps, self._quiet, self._done, self._began = steps, quiet, 0, time.monotonic()

    def step(self, what: str) -> None:
        self._done += 1
        if not self._quiet:
            line = f"[pbx {self._done}/{self._steps}, {time.monotonic() - self._began:4.1f} s] {what}"
            print(line, file=sys.stderr, flush=True)
