"""The recordings of callers' names: where they lie, how long they are kept, and what a recreated callback gets of them.

Files of `[media] recordings_dir`/names; their ids stand in `Callback.name_recording`. Source: records.md §2.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from dialer.callback.record import Callback

FOLDER: Final = "names"
COPIED_FOR: Final = timedelta(days=4)  # records.md §2: a recreated callback gets a copy until then
UNBOOKED_S: Final = 3600.0  # a name is said minutes before its callback is booked


def path_of(recordings_dir: Path, recording: str) -> Path:
    """The file of a recording; it need not be there any more."""
    return recordings_dir / FOLDER / f"{recording}.wav"


def copied_name(recordings_dir: Path, original: Callback, now: datetime) -> str | None:
    """A copy of the name for a callback that is recreated from this one.

    Returns:
        The copy's id; None when there is no recording, or the original completed 4 days ago or earlier.

    Raises:
        OSError: when the file cannot be copied.
    """
    recording, completed = original.name_recording, original.completed_at
    if recording is None or completed is None or now - completed >= COPIED_FOR:
        return None
    source = path_of(recordings_dir, recording)
    if not source.is_file():
        return None
    copy = uuid.uuid4().hex
    shutil.copyfile(source, path_of(recordings_dir, copy))
    return copy


def remove_names(recordings_dir: Path, kept: Collection[str]) -> int:
    """Deletes the recordings that no callback has any more; gives how many.

    Args:
        recordings_dir: `[media] recordings_dir`.
        kept: ids that callbacks name.

    Raises:
        OSError: when one cannot be deleted.
    """
    before = time.time() - UNBOOKED_S  # the time of files is the machine's, whatever the clock of the callbacks says
    removed = 0
    for file in (recordings_dir / FOLDER).glob("*.wav"):
        if file.stem not in kept and file.stat().st_mtime < before:
            file.unlink(missing_ok=True)
            removed += 1
    return removed
