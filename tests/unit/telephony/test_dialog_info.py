"""What a PBX says of a telephone's dialogs (RFC 4235)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.telephony.dialog_info import DialogInfo, PhoneState

ASTERISK = """<?xml version="1.0" encoding="UTF-8"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:7001@127.0.0.1">
 <dialog id="7001">
  <state>confirmed</state>
 </dialog>
</dialog-info>
"""


def document(version: int, dialogs: dict[str, str], state: str = "full") -> str:
    inner = "".join(f'<dialog id="{name}"><state>{value}</state></dialog>' for name, value in dialogs.items())
    head = f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="{state}" entity="x">'
    return f"{head}{inner}</dialog-info>"


def test_nothing_is_known_before_the_first_document():
    assert DialogInfo().state is PhoneState.UNKNOWN


def test_what_asterisk_writes_is_understood():
    assert DialogInfo().take(ASTERISK) is PhoneState.BUSY


@pytest.mark.parametrize(
    ("dialogs", "state"),
    [
        ({}, PhoneState.IDLE),
        ({"a": "terminated"}, PhoneState.IDLE),
        ({"a": "early"}, PhoneState.RINGING),
        ({"a": "trying"}, PhoneState.RINGING),
        ({"a": "confirmed"}, PhoneState.BUSY),
        ({"a": "terminated", "b": "confirmed"}, PhoneState.BUSY),
        ({"a": "early", "b": "confirmed"}, PhoneState.BUSY),
    ],
)
def test_the_state_follows_from_all_dialogs(dialogs, state):
    assert DialogInfo().take(document(1, dialogs)) is state


def test_partial_documents_change_only_what_they_name():
    info = DialogInfo()
    info.take(document(1, {"a": "confirmed", "b": "confirmed"}))
    assert info.take(document(2, {"a": "terminated"}, "partial")) is PhoneState.BUSY
    assert info.take(document(3, {"b": "terminated"}, "partial")) is PhoneState.IDLE


def test_an_older_document_changes_nothing():
    info = DialogInfo()
    info.take(document(5, {"a": "confirmed"}))
    assert info.take(document(4, {}, "full")) is PhoneState.BUSY
    assert info.take(document(5, {}, "partial")) is PhoneState.BUSY


def test_a_notifier_that_began_anew_is_believed():
    info = DialogInfo()
    info.take(document(5, {"a": "confirmed"}))
    assert info.take(document(0, {})) is PhoneState.IDLE


def test_what_cannot_be_read_changes_nothing():
    info = DialogInfo()
    info.take(document(1, {"a": "early"}))
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + document(2, {})
    for text in ("", "hello", "<dialog-info/>", "<presence xmlns='urn:x'/>", bomb, document(2, {})[:-9]):
        assert info.take(text) is PhoneState.RINGING


def test_nothing_is_known_after_the_subscription():
    info = DialogInfo()
    info.take(document(3, {"a": "confirmed"}))
    assert info.forget() is PhoneState.UNKNOWN
    assert info.take(document(1, {})) is PhoneState.IDLE


@given(st.text(max_size=200))
def test_no_text_is_a_fault(text):
    assert DialogInfo().take(text) in {PhoneState.UNKNOWN, PhoneState.IDLE}
