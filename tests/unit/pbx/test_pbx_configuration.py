"""What the PBX of the lab is told, and what is said when it cannot be had."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tools.pbx import unpack
from tools.pbx.configure import BEHAVIOURS, PbxSettings, SeenPaths, write
from tools.pbx.unpack import PbxError


@pytest.fixture
def written(tmp_path):
    """Writes a configuration and gives the text of each file by name."""

    def make(**settings):
        chosen = PbxSettings(sip_port=5062, lab_port=5070, manager_port=5038, **settings)
        paths = SeenPaths("/seen/run", "/seen/root", modules=Path("usr/lib/modules"), database=Path("/seen/db"))
        write(chosen, tmp_path, paths)
        return {path.name: path.read_text() for path in (tmp_path / "etc").iterdir()}

    return make


def test_no_placeholder_is_left(written):
    assert not [name for name, text in written().items() if "@{" in text]


def test_asterisk_listens_on_loopback_alone(written):
    files = written()
    binds = [line for line in files["pjsip.conf"].splitlines() if line.startswith("bind =")]
    assert binds == ["bind = 127.0.0.1:5062"] * 2
    assert "bindaddr = 127.0.0.1" in files["manager.conf"]


def test_the_prefix_is_stripped_by_its_length(written):
    assert "exten => _0049[+0-9]!,1,Goto(out,${EXTEN:4},1)" in written(prefix="0049")["extensions.conf"]


def test_every_agent_is_an_endpoint_at_the_lab(written):
    text = written(agents=("7001", "7002"))["pjsip.conf"]
    assert [line for line in text.splitlines() if "contact = sip:7" in line] == [
        "contact = sip:7001@127.0.0.1:5070",
        "contact = sip:7002@127.0.0.1:5070",
    ]


def test_own_numbers_go_to_their_behaviour(written):
    assert "exten => 12025550123,1,Goto(pbx,fax,1)" in written(own_numbers={"12025550123": "fax"})["extensions.conf"]


def test_an_unknown_behaviour_is_refused_with_the_known_ones(written):
    with pytest.raises(ValueError, match="no behaviour 'juggling', only voicemail"):
        written(own_numbers={"1": "juggling"})


def test_every_behaviour_is_in_the_dialplan(written):
    text = written()["extensions.conf"]
    assert all(f"exten => {behaviour},1," in text for behaviour in BEHAVIOURS)


def test_added_text_stands_at_the_end_of_its_file_and_new_files_are_made(written):
    files = written(extra_files={"amd.conf": "silence_threshold = 512\n", "queues.conf": "[general]\n"})
    assert files["amd.conf"].endswith("silence_threshold = 512\n")
    assert files["queues.conf"] == "[general]\n"


def test_added_dialplan_is_reached_from_the_route_point(written):
    text = written(extra_dialplan="exten => 4711,1,Answer()")["extensions.conf"]
    assert text.index("[more]") < text.index("exten => 4711,1,Answer()")
    assert "include => more" in text[text.index("[route-point]") : text.index("[agents]")]


def test_without_apt_it_is_said_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PbxError, match="apt-get and dpkg-deb to get Debian's is missing too; install Asterisk"):
        unpack.make()


def test_without_the_archive_keys_the_package_is_named(monkeypatch):
    monkeypatch.setattr(unpack, "KEYRINGS", ("/nowhere/key.gpg",))
    monkeypatch.setattr(unpack.shutil, "which", lambda tool: f"/usr/bin/{tool}")
    with pytest.raises(PbxError, match="debian-archive-keyring"):
        unpack.make()


def test_the_cache_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert unpack.tree_folder().parent == tmp_path / "callback-dialer" / "pbx"
    assert unpack.find_unpacked() is None
