"""What can be wrong with the SIP side that is not a call's outcome: a setting, the machine, the library, a sound."""

from __future__ import annotations


class TelephonyError(Exception):
    """The SIP side cannot do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class NativeLibraryMissing(TelephonyError):  # noqa: N818 - it says what happened
    """pjsua2 is missing or is not our own build: run `make setup` or `python tools/pjsua2/build.py --into PYTHON`."""


class SettingsError(TelephonyError):
    """A setting of the user agent is impossible."""


class StartFailed(TelephonyError):  # noqa: N818 - it says what happened
    """The user agent could not start: a port is taken, a certificate unreadable, or the library refused."""


class NotRunning(TelephonyError):  # noqa: N818 - it says what happened
    """The user agent is not started, or has been stopped."""


class UnplayableSound(TelephonyError):  # noqa: N818 - it says what happened
    """A sound file is missing or is not a WAV file that can be played."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


class UnknownGateway(TelephonyError):  # noqa: N818 - it says what happened
    """No gateway of this name is configured."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no gateway named {name!r}")
        self.name = name
