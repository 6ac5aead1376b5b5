"""Sets up everything that `make demo` and `make test` need, and says plainly what is missing where it cannot.

Standard library only: it runs before anything is installed. Each step is skipped when its inputs have not changed,
so the second run takes about a second.

    python3 tools/bootstrap.py demo      # virtual environment, packages, pjsua2
    python3 tools/bootstrap.py test      # as above, and the real peers of the system tests
    python3 tools/bootstrap.py bench     # as above, and what `make bench-detection` composes its calls with
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOGS = ROOT / "var" / "log"
CONSTRAINTS = ROOT / "tools" / "constraints.txt"

# Debian package -> a file or a program that shows it is there on other systems too (None: ask dpkg).
FOR_DEMO: dict[str, str | None] = {"python3-venv": None, "python3-dev": None}
FOR_TEST: dict[str, str | None] = {
    "sip-tester": "sipp",
    "mosquitto": "mosquitto",
    "postgresql": None,
}
FOR_BENCH: dict[str, str | None] = {
    "ffmpeg": "ffmpeg",
    "flite": "flite",
    "espeak-ng": "espeak-ng",
    "libglib2.0-bin": "gresource",
    "libspandsp2": None,
}
EXTRAS = {"demo": "reports", "test": "reports,postgres,dev", "bench": "reports,postgres,dev"}
PACKAGES = {"demo": FOR_DEMO, "test": FOR_DEMO | FOR_TEST, "bench": FOR_DEMO | FOR_TEST | FOR_BENCH}


class SetupFailed(Exception):  # noqa: N818 - says what happened
    """Set-up cannot go on; the message says what is missing and what to do."""


def say(text: str) -> None:
    """Prints one line of progress at once, also into a pipe."""
    print(f"setup: {text}", flush=True)


def run(step: str, command: list[str]) -> None:
    """Runs a command with its output in a log file; on failure the log's end is shown.

    Raises:
        SetupFailed: when the command does not exit with 0.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{step}.log"
    started = time.monotonic()
    with log.open("w") as out:
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, check=False).returncode
    if status:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise SetupFailed(f"{step} failed (exit {status}); whole output in {log.relative_to(ROOT)}; its end:\n{tail}")
    say(f"{step}: done in {time.monotonic() - started:.0f} s")


def has_headers_and_venv() -> bool:
    """True when this Python can make a virtual environment and compile extensions by itself."""
    include = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return (
        include.exists()
        and subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0
    )


def is_present(package: str, program: str | None) -> bool:
    """True when a Debian package, or the program it is wanted for, is on this machine."""
    if package in {"python3-venv", "python3-dev"}:
        return has_headers_and_venv()
    if program and shutil.which(program):
        return True
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True, check=False
    )
    return "install ok installed" in query.stdout


def install_packages(wanted: dict[str, str | None]) -> None:
    """Installs missing Debian packages with apt-get, as root or through sudo.

    Raises:
        SetupFailed: when something is missing and there is no way to install it from here.
    """
    if sys.platform != "linux" or not shutil.which("dpkg-query"):
        say(
            "not a Debian system: assuming that a compiler, Python headers and these are installed: " + " ".join(wanted)
        )
        return
    missing = [package for package, program in wanted.items() if not is_present(package, program)]
    if not missing:
        return
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    may = not prefix or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    if not may or not shutil.which("apt-get"):
        raise SetupFailed(
            "missing Debian packages, and neither root nor sudo without password is available here. Run:\n"
            f"    sudo apt-get install {' '.join(missing)}"
        )
    say(f"installing Debian packages: {' '.join(missing)}")
    environment = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    run("apt-update", [*environment, "apt-get", "update", "-q"])
    run("apt-install", [*environment, "apt-get", "install", "-y", "-q", "--no-install-recommends", *missing])


def make_environment(purpose: str) -> None:
    """Makes the virtual environment and installs the project with what the purpose needs."""
    inputs = [ROOT / "pyproject.toml", CONSTRAINTS]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs) + sys.version.encode()).hexdigest()
    enough = [wanted for wanted in EXTRAS if set(EXTRAS[purpose].split(",")) <= set(EXTRAS[wanted].split(","))]
    done = [VENV / f".installed-{wanted}" for wanted in enough]
    if any(stamp.exists() and stamp.read_text() == digest for stamp in done):
        return
    if not PYTHON.exists():
        run("venv", [sys.executable, "-m", "venv", str(VENV)])
    say("installing Python packages (about a minute the first time)")
    run(
        "pip-install",
        [
            str(PYTHON),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "-c",
            str(CONSTRAINTS),
            "wheel",
            "setuptools",
            "-e",
            f".[{EXTRAS[purpose]}]",
        ],
    )
    (VENV / f".installed-{purpose}").write_text(digest)


def build_pjsua2() -> None:
    """Installs the pjsua2 of this project, building it when the cache has none for these inputs."""
    status = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "pjsua2" / "build.py"), "--install-packages", "--into", str(PYTHON)],
        check=False,
    ).returncode
    if status:
        raise SetupFailed("pjsua2 could not be built; see the lines above")


def main() -> int:
    """Sets up for the purpose given; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("purpose", choices=sorted(EXTRAS))
    purpose = parser.parse_args().purpose
    if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 is there
        print(
            f"setup: Python 3.11 or newer is needed, this is {sys.version.split()[0]}; set PYTHON=... for make",
            file=sys.stderr,
        )
        return 1
    try:
        install_packages(PACKAGES[purpose])
        make_environment(purpose)
        build_pjsua2()
    except SetupFailed as failure:
        print(f"setup: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
