"""Packs the compiled module as a wheel (PEP 427), by the standard library alone."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

SUMMARY = "pjsua2 of pjproject, configured for a callback dialer, with LegAudio and TapBank"


@dataclass(frozen=True)
class Target:
    """The interpreter a wheel is for."""

    python_tag: str  # "cp311"
    abi_tag: str  # "cp311"
    platform_tag: str  # "linux_x86_64"
    extension_suffix: str  # ".cpython-311-x86_64-linux-gnu.so"
    include: str  # folder of Python.h
    executable: str


def file_name(version: str, target: Target) -> str:
    """Gives the wheel's file name."""
    return f"pjsua2-{version}-{target.python_tag}-{target.abi_tag}-{target.platform_tag}.whl"


def write(folder: Path, version: str, target: Target, module: Path, extension: Path) -> Path:
    """Writes the wheel into `folder` and gives its path.

    Args:
        folder: Where the wheel goes.
        version: "2.17+dialer.1".
        target: The interpreter.
        module: pjsua2.py as SWIG wrote it.
        extension: The shared object.
    """
    info = f"pjsua2-{version}.dist-info"
    tag = f"{target.python_tag}-{target.abi_tag}-{target.platform_tag}"
    metadata = (
        f"Metadata-Version: 2.1\nName: pjsua2\nVersion: {version}\nSummary: {SUMMARY}\n"
        "License: GPL-2.0-or-later\nHome-page: https://www.pjsip.org\n"
    )
    wheel = f"Wheel-Version: 1.0\nGenerator: callback-dialer\nRoot-Is-Purelib: false\nTag: {tag}\n"
    files = {
        "pjsua2.py": module.read_bytes(),
        f"_pjsua2{target.extension_suffix}": extension.read_bytes(),
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": wheel.encode(),
    }
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    path = folder / file_name(version, target)
    partial = path.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    partial.rename(path)
    return path


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
