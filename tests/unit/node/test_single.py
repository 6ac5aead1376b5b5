"""One process a node name."""

import subprocess
import sys
from pathlib import Path

import pytest

from dialer.node.single import NodeRuns, lock_folder, only_one


def test_a_second_dialer_of_the_same_name_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    holder = (
        "import sys; from pathlib import Path; from dialer.node.single import only_one\n"
        f"with only_one('node-1', Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(NodeRuns, match=f"pid {other.pid}"), only_one("node-1", tmp_path):
            pass
        with only_one("node-2", tmp_path):
            pass
        other.kill()
    with only_one("node-1", tmp_path):  # a lock never outlives its process
        pass


def test_locks_lie_beside_what_they_guard(tmp_path: Path) -> None:
    config = tmp_path / "dialer.toml"
    assert lock_folder(f"sqlite+aiosqlite:///{tmp_path}/data/dialer.db", config) == tmp_path / "data"
    assert lock_folder("postgresql+asyncpg://u:p@h/d", config) == tmp_path / "var"
