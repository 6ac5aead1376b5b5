"""Where pjproject's source comes from: an archive given, the cache, or Debian's source package of asterisk.

Debian's asterisk carries the complete official pjproject as a component of its own. apt fetches and verifies it; a
private apt state is used, so the machine's own sources and lists stay as they are.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from report import BuildFailed

VERSION = "2.17"
SUITES = ("sid", "forky")
DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEFAULT_MIRROR = "http://deb.debian.org/debian"


def archive(given: Path | None, cache: Path, log: IO[bytes]) -> Path:
    """Gives the path of an archive of pjproject 2.17.

    Args:
        given: The user's own archive, or None.
        cache: Folder that keeps a fetched archive.
        log: Takes apt's output.

    Raises:
        BuildFailed: When there is none, or it holds another version.
    """
    if given is not None:
        if not given.is_file():
            raise BuildFailed(f"--source {given}: no such file")
        return given
    place = kept(cache)
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            shutil.move(_fetch(Path(folder), log), place)
    return place


def kept(cache: Path) -> Path:
    """Gives where a fetched archive is kept."""
    return cache / f"pjproject-{VERSION}.tar.xz"


def sha256(path: Path) -> str:
    """Gives the file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(path: Path, into: Path) -> None:
    """Unpacks the archive, less its top folder, and checks the version.

    Raises:
        BuildFailed: When it is no readable archive, or not of pjproject 2.17.
    """
    try:
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                member.name = str(Path(*Path(member.name).parts[1:]))
                if member.name != ".":
                    tar.extract(member, into, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise BuildFailed(f"{path}: not readable as an archive of pjproject: {error}") from error
    found = _version(into)
    if not found.startswith(VERSION):
        raise BuildFailed(
            f"{path}: holds pjproject {found or 'of no known version'}; this build is for {VERSION}: "
            "give that release's archive with --source"
        )


def _version(tree: Path) -> str:
    """Reads "2.17" out of version.mak."""
    makefile = tree / "version.mak"
    if not makefile.is_file():
        return ""
    parts = dict(re.findall(r"PJ_VERSION_(MAJOR|MINOR|REV)\s*:=\s*(\d*)", makefile.read_text()))
    return ".".join(parts[key] for key in ("MAJOR", "MINOR", "REV") if parts.get(key))


def _mirror() -> str:
    """Gives the Debian mirror the machine itself uses, or the default."""
    files = [
        Path("/etc/apt/sources.list"),
        *Path("/etc/apt/sources.list.d").glob("*.sources"),
        *Path("/etc/apt/sources.list.d").glob("*.list"),
    ]
    for file in files:
        if file.is_file():
            for url in re.findall(r"^(?!\s*#).*?\b((?:https?|mirror\+file|file):/\S+)", file.read_text(), re.MULTILINE):
                if re.search(r"/debian/?$", url):
                    return str(url).rstrip("/")
    return DEFAULT_MIRROR


def _fetch(folder: Path, log: IO[bytes]) -> Path:
    """Fetches the component from the first suite that has it."""
    if not shutil.which("apt-get"):
        raise BuildFailed(f"no apt here: download the release archive of pjproject {VERSION} and give it with --source")
    for suite in SUITES:
        found = _fetch_from(folder / suite, suite, log)
        if found:
            return found
    raise BuildFailed(
        f"apt could not fetch Debian's source package asterisk from {_mirror()} ({', '.join(SUITES)}); "
        f"or give the release archive of pjproject {VERSION} with --source"
    )


def _fetch_from(folder: Path, suite: str, log: IO[bytes]) -> Path | None:
    """Runs apt with a state of its own below `folder`."""
    for part in ("lists/partial", "cache/archives/partial", "sources", "got"):
        (folder / part).mkdir(parents=True)
    signed = f"Signed-By: {DEBIAN_KEYRING}\n" if DEBIAN_KEYRING.exists() else ""
    (folder / "sources" / "debian.sources").write_text(
        f"Types: deb-src\nURIs: {_mirror()}\nSuites: {suite}\nComponents: main\n{signed}"
    )
    options = [
        f"-oDir::State::Lists={folder}/lists",
        "-oDir::Etc::SourceList=/dev/null",
        f"-oDir::Etc::SourceParts={folder}/sources",
        f"-oDir::Cache={folder}/cache",
        "-oAPT::Sandbox::User=root",
        "-oAcquire::Retries=3",
    ]
    for words in (["update", "-q"], ["source", "-q", "--download-only", "asterisk"]):
        done = subprocess.run(["apt-get", *options, *words], cwd=folder / "got", stdout=log, stderr=log, check=False)
        if done.returncode != 0:
            return None
    return next(iter((folder / "got").glob("*.orig-Xpjproject.tar.*")), None)
