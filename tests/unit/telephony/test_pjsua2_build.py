"""The parts of the build of pjsua2 that need no compiler."""

import base64
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "tools" / "pjsua2"


@pytest.fixture
def build(monkeypatch):
    """Gives the build's own modules; they are scripts, found by their folder alone."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("build", "compile", "packages", "report", "source", "wheel")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import build

    yield build
    for name in names:
        sys.modules.pop(name, None)


def archive_of(path, files):
    with tarfile.open(path, "w:xz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


def test_the_wheel_is_one_that_pip_would_take(build, tmp_path):
    (tmp_path / "m.py").write_text("x = 1\n")
    (tmp_path / "m.so").write_bytes(b"\x7fELF")
    target = build.wheel.Target("cp311", "cp311", "linux_x86_64", ".so", "/usr/include", "python")
    path = build.wheel.write(tmp_path, "2.17+dialer.9", target, tmp_path / "m.py", tmp_path / "m.so")
    assert path.name == "pjsua2-2.17+dialer.9-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        record = archive.read("pjsua2-2.17+dialer.9.dist-info/RECORD").decode().split()
        for line in record[:-1]:
            name, digest, size = line.split(",")
            data = archive.read(name)
            assert len(data) == int(size)
            assert base64.urlsafe_b64decode(digest.removeprefix("sha256=") + "=") == hashlib.sha256(data).digest()
    assert {line.split(",")[0] for line in record} == names
    assert {"pjsua2.py", "_pjsua2.so"} <= names


def test_another_version_of_pjproject_is_refused(build, tmp_path):
    path = archive_of(
        tmp_path / "a.tar.xz", {"pj/version.mak": "export PJ_VERSION_MAJOR := 2\nexport PJ_VERSION_MINOR := 12\n"}
    )
    with pytest.raises(build.BuildFailed, match=r"holds pjproject 2\.12"):
        build.source.unpack(path, tmp_path / "tree")


def test_the_right_version_is_unpacked_without_its_top_folder(build, tmp_path):
    text = "export PJ_VERSION_MAJOR := 2\nexport PJ_VERSION_MINOR := 17\nexport PJ_VERSION_REV :=\n"
    build.source.unpack(archive_of(tmp_path / "a.tar.xz", {"pj-2.17/version.mak": text}), tmp_path / "tree")
    assert (tmp_path / "tree" / "version.mak").read_text() == text


def test_an_archive_that_is_none_is_told(build, tmp_path):
    (tmp_path / "a.tar.xz").write_bytes(b"<html>404</html>")
    with pytest.raises(build.BuildFailed, match="not readable"):
        build.source.unpack(tmp_path / "a.tar.xz", tmp_path / "tree")
    with pytest.raises(build.BuildFailed, match="no such file"):
        build.source.archive(tmp_path / "none", tmp_path, None)


def test_missing_packages_are_named_with_the_command(build, monkeypatch):
    monkeypatch.setattr(build.packages, "missing", lambda: ["swig", "libgsm1-dev"])
    with pytest.raises(build.BuildFailed, match=r"apt-get install swig libgsm1-dev"):
        build.packages.ensure(install=False, log=None)


def test_without_root_and_sudo_nothing_is_tried(build, monkeypatch):
    monkeypatch.setattr(build.packages, "missing", lambda: ["swig"])
    monkeypatch.setattr(build.packages.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(build.packages.shutil, "which", lambda _: None)
    with pytest.raises(build.BuildFailed, match="neither root nor sudo"):
        build.packages.ensure(install=True, log=None)


def test_the_key_changes_with_the_source_and_the_interpreter(build, tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    one = build.wheel.Target("cp311", "cp311", "linux_x86_64", ".so", "/x", "python")
    two = build.wheel.Target("cp312", "cp312", "linux_x86_64", ".so", "/x", "python")
    keys = {build._key(tmp_path / "a", one), build._key(tmp_path / "b", one), build._key(tmp_path / "a", two)}
    assert len(keys) == 3
    assert build._key(tmp_path / "a", one) in keys


def test_an_interpreter_that_is_none_is_told(build):
    with pytest.raises(build.BuildFailed, match="not a Python that runs"):
        build._target(Path("/nonexistent/python"))
