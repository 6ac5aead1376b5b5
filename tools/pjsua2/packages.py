"""The system packages that the build of pjsua2 needs, in one place, and how they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import IO

from report import BuildFailed

BUILD_PACKAGES = (
    "g++",
    "make",
    "dpkg-dev",  # apt-get source
    "xz-utils",
    "swig",
    "python3-dev",
    "libssl-dev",
    "uuid-dev",
    "libgsm1-dev",
    "libopus-dev",
    "libspeex-dev",
    "libspeexdsp-dev",
    "libsrtp2-dev",
)
"""Debian and Ubuntu names. The -dev packages bring the shared libraries that the finished module loads."""


def missing() -> list[str]:
    """Gives those of BUILD_PACKAGES that are not installed; all is taken as present where there is no dpkg."""
    if not shutil.which("dpkg-query"):
        return []
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *BUILD_PACKAGES]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    installed = {line.split()[0] for line in answer.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in BUILD_PACKAGES if name not in installed]


def command(names: list[str]) -> list[str]:
    """Gives the command that installs `names`, with sudo when not root."""
    apt = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *names]
    return apt if os.geteuid() == 0 else ["sudo", "-n", *apt]


def ensure(*, install: bool, log: IO[bytes]) -> None:
    """Installs what is missing, or names it.

    Args:
        install: May packages be installed at all.
        log: An open binary file that takes apt's output.

    Raises:
        BuildFailed: When packages are missing and may not or cannot be installed.
    """
    names = missing()
    if not names:
        return
    if not install:
        raise BuildFailed(
            f"missing system packages: {' '.join(names)}\n  install them: sudo apt-get install {' '.join(names)}\n"
            "  or run this again with --install-packages"
        )
    if os.geteuid() != 0 and not shutil.which("sudo"):
        raise BuildFailed(f"missing system packages: {' '.join(names)}; neither root nor sudo here to install them")
    update = ["apt-get", "update", "-q"]
    subprocess.run(update if os.geteuid() == 0 else ["sudo", "-n", *update], stdout=log, stderr=log, check=False)
    done = subprocess.run(
        command(names), stdout=log, stderr=log, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    )
    if done.returncode != 0:
        raise BuildFailed(f"could not install: {' '.join(names)}")
