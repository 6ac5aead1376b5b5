"""`dialer train`: what it says when it cannot, and that the model in use is kept."""

import subprocess
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from dialer.cli import train
from dialer.cli.main import app


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "calls.tsv"
    path.write_text("path\texpected\n")
    return path


def test_without_the_source_tree_it_says_so(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "ROOT", tmp_path)
    found = CliRunner().invoke(app, ["train", str(manifest)])
    assert found.exit_code == 2
    assert "source tree" in found.output


def test_without_its_library_it_names_the_extra(manifest, monkeypatch):
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    found = CliRunner().invoke(app, ["train", str(manifest)])
    assert found.exit_code == 2
    assert "scikit-learn" in found.output


def test_the_model_in_use_is_kept_and_the_tool_gets_every_manifest(manifest, tmp_path, monkeypatch):
    ran = []

    def note(command, **how):
        ran.append(command)
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(train, "find_spec", lambda name: name)
    monkeypatch.setattr(subprocess, "run", note)
    model = tmp_path / "model.npz"
    model.write_bytes(b"old")
    found = CliRunner().invoke(app, ["train", str(manifest), str(manifest), "--out", str(model), "--folds", "4"])
    assert found.exit_code == 3
    assert (tmp_path / "model.previous.npz").read_bytes() == b"old"
    (command,) = ran
    assert command[1:3] == ["-m", "tools.training"]
    assert command.count(str(manifest)) == 2
    assert command[command.index("--folds") + 1] == "4"
    assert command[command.index("--out") + 1] == str(model)
