"""What a PBX says of the dialogs of one telephone (dialog event package, RFC 4235). Pure: text in, a state out."""

from __future__ import annotations

from enum import StrEnum
from xml.etree import ElementTree as ET

NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"
MOST_DIALOGS = 64  # of one telephone; a notifier that names more is not believed


class PhoneState(StrEnum):
    """What a telephone does."""

    UNKNOWN = "unknown"  # the PBX does not say
    IDLE = "idle"
    RINGING = "ringing"
    BUSY = "busy"


class DialogInfo:
    """The dialogs of one telephone, over all documents that came.

    Attributes:
        state: what follows from them.
    """

    def __init__(self) -> None:
        self.state = PhoneState.UNKNOWN
        self._dialogs: dict[str, str] = {}
        self._version = -1

    def take(self, document: str) -> PhoneState:
        """Takes a document over; one that is older than the last, or cannot be read, changes nothing.

        Source: RFC 4235 §4.1 (full and partial state, version), §3.7.1 (states of a dialog).
        """
        root = parsed(document)
        if root is None:
            return self.state
        version = root.get("version", "")
        number = int(version) if version.isdecimal() and len(version) <= 10 else self._version + 1
        full = root.get("state") != "partial"
        if number <= self._version and not (full and number == 0):  # 0: the notifier began anew
            return self.state
        self._version = number
        if full:
            self._dialogs.clear()
        for dialog in root.findall(f"{NAMESPACE}dialog")[:MOST_DIALOGS]:
            self._note(dialog)
        self.state = self._outcome()
        return self.state

    def forget(self) -> PhoneState:
        """The subscription is over: nothing is known any more."""
        self._dialogs.clear()
        self._version = -1
        self.state = PhoneState.UNKNOWN
        return self.state

    def _note(self, dialog: ET.Element) -> None:
        name, state = dialog.get("id", ""), (dialog.findtext(f"{NAMESPACE}state") or "").strip().lower()
        if state == "terminated":
            self._dialogs.pop(name, None)
        elif len(self._dialogs) < MOST_DIALOGS:
            self._dialogs[name] = state

    def _outcome(self) -> PhoneState:
        if not self._dialogs:
            return PhoneState.IDLE
        return PhoneState.BUSY if "confirmed" in self._dialogs.values() else PhoneState.RINGING


def parsed(document: str) -> ET.Element | None:
    """The root of a dialog-info document, None when it is none, or has a DOCTYPE, which none needs."""
    if "<!DOCTYPE" in document.upper():
        return None
    try:
        root = ET.fromstring(document.strip())  # noqa: S314 - without a DOCTYPE there is nothing to expand
    except ET.ParseError:
        return None
    return root if root.tag == f"{NAMESPACE}dialog-info" else None
