"""What can be wrong with the files a user hands to replay, evaluation and tuning."""

from __future__ import annotations

from pathlib import Path

from dialer.callback.errors import DialerError


class ReplayError(DialerError):
    """A recording or a manifest cannot be used."""


class RecordingError(ReplayError):
    """The file is no recording that can be replayed.

    Attributes:
        path: the file.
        cause: what is wrong with it, and how to mend it where that is known.
    """

    def __init__(self, path: Path | str, cause: str) -> None:
        self.path = str(path)
        self.cause = cause
        super().__init__(f"{path}: {cause}")

    def __reduce__(self) -> tuple[type[RecordingError], tuple[str, str]]:
        """Travel between processes with both facts."""
        return (type(self), (self.path, self.cause))


class ManifestError(ReplayError):
    """The manifest of labelled recordings is not usable.

    Attributes:
        path: the manifest.
        problems: every problem found, each with its line.
    """

    def __init__(self, path: Path | str, problems: list[str]) -> None:
        self.path = str(path)
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path}:{problem}" for problem in problems))
