"""Configures and compiles pjproject and the Python module: libraries and SWIG wrapper side by side."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from report import BuildFailed, step
from wheel import Target

CONFIGURE = (
    "--enable-epoll",
    "--disable-video",
    "--disable-sound",
    "--disable-v4l2",
    "--disable-openh264",
    "--disable-libyuv",
    "--disable-libwebrtc",
    "--disable-sdl",
    "--disable-ffmpeg",
    "--disable-ilbc-codec",
    "--disable-g7221-codec",
    "--disable-l16-codec",
    "--disable-speex-aec",
    "--disable-upnp",
    "--with-external-srtp",
    "--with-external-gsm",
    "--with-external-speex",
    "--enable-speex-resample",
)
LIBRARY_FLAGS = "-O2 -fPIC -DNDEBUG"
WRAPPER_FLAGS = "-O1 -g0 -w"
"""The wrapper only passes arguments on; -O1 compiles it in half of the time of -O2."""
NATIVE_FLAGS = "-O2 -g0 -Wall -Wextra -Wno-unused-parameter -Wno-invalid-offsetof"
NATIVE_UNITS = ("bell", "tap_bank", "strict_rtp", "leg_audio", "log")
INCLUDES = ("pjlib", "pjlib-util", "pjnath", "pjmedia", "pjsip")


class Compiler:
    """Runs the compile steps in one unpacked source tree.

    Args:
        tree: pjproject's source.
        native: Folder of config_site.h, module.i and our C++.
        target: The interpreter to compile for.
        log: Takes all output of the tools.
    """

    def __init__(self, tree: Path, native: Path, target: Target, log: IO[bytes]) -> None:
        self._tree = tree
        self._native = native
        self._target = target
        self._log = log
        self._out = tree / "dialer-build"
        self._jobs = max(2, os.cpu_count() or 1)

    def build(self) -> tuple[Path, Path]:
        """Compiles all; gives (pjsua2.py, shared object).

        Raises:
            BuildFailed: When a tool fails.
        """
        with step("configuring"):
            self._configure()
        with step(f"compiling the libraries and the Python module ({self._jobs} at a time)"):
            self._compile()
        with step("linking"):
            return self._out / "pjsua2.py", self._link()

    def _configure(self) -> None:
        shutil.copy(self._native / "config_site.h", self._tree / "pjlib/include/pj/config_site.h")
        # Debian's archive leaves this file of a proprietary sound driver out; the makefile still names it.
        (self._tree / "pjmedia/src/pjmedia-audiodev/bdimad_dev.c").touch()
        (self._tree / "third_party/lib").mkdir(parents=True, exist_ok=True)
        self._out.mkdir(exist_ok=True)
        self._run(["./configure", *CONFIGURE, f"CFLAGS={LIBRARY_FLAGS}", f"CXXFLAGS={LIBRARY_FLAGS}"])

    def _compile(self) -> None:
        """The wrapper is one long unit on one core; the libraries keep the other busy meanwhile."""
        with ThreadPoolExecutor(3) as pool:
            parts = [pool.submit(self._wrapper), pool.submit(self._libraries), pool.submit(self._native_units)]
            for part in parts:
                part.result()

    def _libraries(self) -> None:
        self._run(["make", f"-j{self._jobs}", "lib"])

    def _wrapper(self) -> None:
        search = [f"-I{self._native}", f"-I{self._tree}/pjsip-apps/src/swig"]
        self._run(
            [
                "swig",
                "-c++",
                "-python",
                "-threads",
                "-w312,401,451,503,509,516",
                *search,
                *self._includes(),
                "-outdir",
                str(self._out),
                "-o",
                str(self._out / "wrap.cpp"),
                str(self._native / "module.i"),
            ]
        )
        self._compile_unit(self._out / "wrap.cpp", WRAPPER_FLAGS)

    def _native_units(self) -> None:
        for name in NATIVE_UNITS:
            self._compile_unit(self._native / f"{name}.cpp", NATIVE_FLAGS)

    def _compile_unit(self, unit: Path, flags: str) -> None:
        self._run(
            [
                "g++",
                "-std=c++17",
                "-c",
                "-fPIC",
                "-DNDEBUG",
                "-DPJ_AUTOCONF=1",
                "-DPJ_IS_BIG_ENDIAN=0",
                "-DPJ_IS_LITTLE_ENDIAN=1",
                *flags.split(),
                f"-I{self._native}",
                f"-I{self._target.include}",
                *self._includes(),
                str(unit),
                "-o",
                str(self._out / f"{unit.stem}.o"),
            ]
        )

    def _link(self) -> Path:
        shared = self._out / f"_pjsua2{self._target.extension_suffix}"
        objects = [str(self._out / f"{name}.o") for name in ("wrap", *NATIVE_UNITS)]
        self._run(
            [
                "g++",
                "-shared",
                "-s",
                "-Wl,--no-undefined-version",
                "-o",
                str(shared),
                *objects,
                *self._make_variable("APP_LDXXFLAGS"),
                *self._make_variable("APP_LDXXLIBS"),
            ]
        )
        return shared

    def _includes(self) -> list[str]:
        return [f"-I{self._tree}/{part}/include" for part in INCLUDES]

    def _make_variable(self, name: str) -> list[str]:
        """Asks pjproject's own makefile what to link."""
        script = "include build.mak\nshow:\n\t@echo $(" + name + ")\n"
        answer = subprocess.run(
            ["make", "-s", "-f", "-", "show"], cwd=self._tree, input=script, text=True, capture_output=True, check=False
        )
        if answer.returncode != 0:
            raise BuildFailed(f"build.mak does not say {name}: {answer.stderr.strip()}")
        return shlex.split(answer.stdout)

    def _run(self, words: list[str]) -> None:
        self._log.write(f"$ {shlex.join(words)}\n".encode())
        self._log.flush()
        try:
            done = subprocess.run(words, cwd=self._tree, stdout=self._log, stderr=self._log, check=False)
        except FileNotFoundError as error:
            raise BuildFailed(f"{words[0]} is not installed") from error
        if done.returncode != 0:
            raise BuildFailed(f"{words[0]} failed (exit status {done.returncode})")
