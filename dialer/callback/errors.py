"""The root of the dialer's errors, and those of the vocabulary itself.

An exception here means a bug, a misconfiguration or a broken dependency. A call that fails is no exception: it is
a value, a `CallResult` (see `call_result.py`).
"""


class DialerError(Exception):
    """The dialer cannot go on with what it was asked to do."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message if message is not None else type(self).__doc__)


class InvalidTransition(DialerError):  # noqa: N818  (the name stands in the admin API)
    """The callback may not change in this way from where it is."""

    def __init__(self, message: str, *, event: str) -> None:
        super().__init__(message)
        self.event = event


class OptionError(DialerError):
    """An option of a service cannot be used as it stands."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.problem = message


class TreatmentError(DialerError):
    """A treatment value is neither a file, nor a JSON object with `file` and `hints`, nor `{}`."""
