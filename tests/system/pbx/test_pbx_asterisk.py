"""The PBX of the lab does what the demo and the tests rely on."""

import socket
from pathlib import Path

import numpy as np
import pytest
from conftest import strength

from tools.pbx.asterisk import Asterisk, PbxError

pytestmark = pytest.mark.system


def options(port):
    """The status line that answers an OPTIONS request."""
    request = (
        f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKtest;rport\r\n"
        "From: <sip:8999@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\n"
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(3)
        peer.sendto((request % peer.getsockname()[1]).encode(), ("127.0.0.1", port))
        return peer.recv(4096).decode().splitlines()[0]


def test_it_answers_options_and_asks_the_route_point_for_its_password(pbx):
    assert options(pbx.settings.sip_port) == "SIP/2.0 401 Unauthorized"


def test_it_does_not_run_as_root(pbx):
    status = Path(f"/proc/{pbx.pid}/status").read_text()
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids


def test_it_refuses_a_wrong_password(call):
    assert not call("4711", password="wrong-word", hold_s=0, patience_s=3).as_expected


def test_it_plays_what_the_added_dialplan_says(call):
    made = call("4711", hold_s=1.5)
    assert made.as_expected, made.said
    assert np.abs(made.audio.astype(int)).max() > 1000


@pytest.mark.parametrize(
    ("number", "status", "cause"), [("915559105", 486, 17), ("915559106", 503, 34), ("9112025550150", 486, 17)]
)
def test_refusals_come_as_status_and_cause(call, number, status, cause):
    made = call(number, status=status, with_cause=True)
    assert made.as_expected, made.said
    assert f"cause {cause} " in made.said


def test_sit_in_early_media_ends_as_number_unknown(call):
    made = call("915559104", status=404, with_cause=True)
    assert made.as_expected, made.said
    assert "cause 1 " in made.said
    assert min(strength(made.audio, freq) for freq in (950, 1400, 1800)) > 0.1


def test_the_voicemail_of_asterisk_greets_and_beeps(call):
    made = call("9112025550120", hold_s=9)
    assert made.as_expected, made.said
    assert len(made.audio) > 5 * 8000
    assert strength(made.audio, 700) > 0.15  # its beep


def test_the_fax_of_asterisk_answers_with_ced_and_v21(call):
    made = call("915559103", hold_s=7)
    assert made.as_expected, made.said
    assert strength(made.audio, 2100) > 0.9  # CED
    assert strength(made.audio, 1650) + strength(made.audio, 1850) > 0.5  # V.21, channel 2


def test_a_second_one_on_the_same_port_is_refused_in_words(pbx, tmp_path):
    with pytest.raises(PbxError, match="is taken"):
        Asterisk(pbx.settings, tmp_path).start()


@pytest.mark.parametrize(
    ("ears", "behaviour", "verdict"), [("amd", "no-beep", "MACHINE"), ("tonescan", "fax", "FAX")]
)
def test_its_own_ears_report_to_the_manager(pbx, ears, behaviour, verdict):
    with pbx.manager() as manager:
        started = manager.act(
            "Originate", Channel=f"Local/{behaviour}@pbx/n", Context="analysis", Exten=ears, Priority="1", Async="true"
        )
        heard = manager.wait("UserEvent", UserEvent="Heard", By=ears, deadline_s=15)
    assert started["Response"] == "Success"
    assert heard is not None, pbx.log()[-3000:]
    assert heard["Verdict"] == verdict
