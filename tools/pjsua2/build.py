#!/usr/bin/env python3
"""Builds the wheel `pjsua2` that the dialer's user agent needs, and installs it.

    python tools/pjsua2/build.py --into .venv/bin/python [--install-packages] [--source ARCHIVE]

The wheel is kept under ${XDG_CACHE_HOME:-~/.cache}/callback-dialer by the hash of all that goes into it: the source
archive, our C++, how it is compiled, the interpreter, the system and the machine. A second run finds it there. Needs
Python 3.11 or newer and nothing outside its standard library.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import packages
import source
import wheel
from compile import Compiler
from report import BuildFailed, fail, step

HERE = Path(__file__).resolve().parent
REVISION = 5
VERSION = f"{source.VERSION}+dialer.{REVISION}"
TAIL_LINES = 25


def main() -> int:
    """Runs the command line; gives the exit status."""
    args = _arguments()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "callback-dialer"
    cache.mkdir(parents=True, exist_ok=True)
    log_path = cache / "pjsua2-build.log"
    with (cache / "pjsua2.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once: the second waits and finds the wheel
        try:
            with log_path.open("wb") as log:
                built = _find_or_build(args, cache, log)
                if args.into:
                    _install(built, args.into, log)
        except BuildFailed as error:
            lines = log_path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            return fail(error, log_path, "\n".join(lines))
    print(built)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Builds and installs the wheel pjsua2 for the dialer.")
    parser.add_argument(
        "--into", type=Path, metavar="PYTHON", help="interpreter of the venv to install into, e.g. .venv/bin/python"
    )
    parser.add_argument(
        "--source",
        type=Path,
        metavar="ARCHIVE",
        help=f"release archive of pjproject {source.VERSION} instead of Debian's",
    )
    parser.add_argument(
        "--install-packages", action="store_true", help="install missing system packages with apt (root or sudo)"
    )
    parser.add_argument("--force", action="store_true", help="build again although the wheel is in the cache")
    return parser.parse_args()


def _find_or_build(args: argparse.Namespace, cache: Path, log: IO[bytes]) -> Path:
    """Gives the wheel, from the cache or new."""
    if args.install_packages and packages.missing():
        with step("installing system packages"):
            packages.ensure(install=True, log=log)
    target = _target(args.into or Path(sys.executable))
    archive = _archive(args.source, cache, log)
    folder = cache / "wheels" / _key(archive, target)
    path = folder / wheel.file_name(VERSION, target)
    if path.exists() and not args.force:
        print("pjsua2: the wheel is in the cache", flush=True)
        return path
    packages.ensure(install=False, log=log)
    with tempfile.TemporaryDirectory(prefix="pjsua2-") as work:
        tree = Path(work) / "pjproject"
        with step("unpacking"):
            source.unpack(archive, tree)
        module, extension = Compiler(tree, HERE / "native", target, log).build()
        folder.mkdir(parents=True, exist_ok=True)
        return wheel.write(folder, VERSION, target, module, extension)


def _archive(given: Path | None, cache: Path, log: IO[bytes]) -> Path:
    """Gives the source archive, fetched when it is neither given nor kept."""
    if given is not None or source.kept(cache).exists():
        return source.archive(given, cache, log)
    with step("fetching the source (Debian's source package of asterisk)"):
        return source.archive(None, cache, log)


def _key(archive: Path, target: wheel.Target) -> str:
    """Hashes every input of the wheel, the system whose shared libraries it is linked with included."""
    digest = hashlib.sha256()
    for path in [HERE / "compile.py", HERE / "wheel.py", *sorted((HERE / "native").iterdir())]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    release = Path("/etc/os-release")
    names = re.findall(r"^(?:ID|VERSION_ID)=.*$", release.read_text(), re.MULTILINE) if release.exists() else []
    digest.update(
        json.dumps(
            [source.sha256(archive), VERSION, *sorted(names), *dataclasses.astuple(target)[:4], platform.machine()]
        ).encode()
    )
    return digest.hexdigest()[:20]


def _target(python: Path) -> wheel.Target:
    """Asks the interpreter what it is.

    Raises:
        BuildFailed: When it cannot be run.
    """
    question = (
        "import json,sys,sysconfig;v=sysconfig.get_config_var;t='cp%d%d'%sys.version_info[:2];"
        "print(json.dumps([t,t,sysconfig.get_platform().replace('-','_').replace('.','_'),v('EXT_SUFFIX'),"
        "sysconfig.get_paths()['include'],sys.executable]))"
    )
    try:
        answer = subprocess.run([str(python), "-c", question], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildFailed(f"--into {python}: not a Python that runs: {error}") from error
    return wheel.Target(*json.loads(answer.stdout))


def _install(built: Path, python: Path, log: IO[bytes]) -> None:
    """Puts the wheel into the venv unless the very same is there."""
    check = "import importlib.metadata as m;print(m.distribution('pjsua2').read_text('RECORD'))"
    now = subprocess.run([str(python), "-c", check], capture_output=True, text=True, check=False)
    stamp = python.parent.parent / "pjsua2.installed"
    if now.returncode == 0 and stamp.exists() and stamp.read_text() == str(built):
        return
    with step(f"installing into {python}"):
        words = [
            str(python),
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-index",
            "--force-reinstall",
            "--disable-pip-version-check",
            str(built),
        ]
        done = subprocess.run(words, stdout=log, stderr=log, check=False)
        if done.returncode != 0:
            raise BuildFailed(f"pip could not install {built.name} into {python}")
    loads = subprocess.run(
        [str(python), "-c", "import pjsua2; pjsua2.DIALER_API"], capture_output=True, text=True, check=False
    )
    if loads.returncode != 0:
        raise BuildFailed(f"the module does not load: {loads.stderr.strip().splitlines()[-1]}")
    stamp.write_text(str(built))


if __name__ == "__main__":
    sys.exit(main())
