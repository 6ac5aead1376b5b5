"""Names are kept with their callbacks, copied for a few days, and deleted with the last callback that has them."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from dialer.booking.name_recording import copied_name, path_of, remove_names
from dialer.callback.record import Callback
from dialer.callback.state import State

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def completed(recording, ago):
    at = NOW - ago
    return Callback(
        id="1-a", service="s", state=State.COMPLETED, customer_number="1", desired_time=at, created_at=at,
        accepted_at=at, updated_at=at, completed_at=at, name_recording=recording,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "names").mkdir()
    return tmp_path


def record(folder, name, age_s=0.0):
    path = path_of(folder, name)
    path.write_bytes(b"RIFF")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_a_recreated_callback_gets_a_copy_of_its_own(folder):
    record(folder, "anna")
    copy = copied_name(folder, completed("anna", timedelta(days=4, seconds=-1)), NOW)
    assert copy not in {None, "anna"}
    assert path_of(folder, copy).read_bytes() == b"RIFF"


@pytest.mark.parametrize(("recording", "days"), [("anna", 4), (None, 0), ("gone", 0)])
def test_after_four_days_or_without_a_recording_there_is_none(folder, recording, days):
    record(folder, "anna")
    assert copied_name(folder, completed(recording, timedelta(days=days)), NOW) is None
    assert len(list(folder.glob("names/*"))) == 1


def test_what_no_callback_has_is_deleted_once_it_can_no_longer_be_booked(folder):
    kept, fresh, old = record(folder, "kept", 1e6), record(folder, "fresh", 60), record(folder, "old", 7200)
    assert remove_names(folder, {"kept"}) == 1
    assert (kept.exists(), fresh.exists(), old.exists()) == (True, True, False)


def test_without_the_folder_there_is_nothing_to_delete(tmp_path):
    assert remove_names(tmp_path / "none", set()) == 0
