import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.telephony.dialing import DialRequest, from_uri, safe_headers, target_uri
from dialer.telephony.settings import Gateway
from dialer.telephony.sip_message import (
    clean_header,
    display_of,
    escaped_user,
    parse,
    quoted_display,
    uri_of,
    user_of,
)

BUSY = (
    "SIP/2.0 486 Busy Here\r\nVia: SIP/2.0/UDP h\r\nCSeq: 12 INVITE\r\nReason: SIP;cause=486\r\n"
    'Reason: Q.850;cause=17;text="User busy"\r\nRetry-After: 18 (in a meeting);duration=60\r\n\r\n'
)


def test_a_response_is_read():
    message = parse(BUSY)
    assert (message.status, message.reason, message.method) == (486, "Busy Here", "INVITE")
    assert (message.q850, message.retry_after) == (17, 18)
    assert not message.forwarded
    assert not message.has_sdp


def test_a_request_is_read():
    message = parse('INVITE sip:100@h SIP/2.0\r\nf: "A" <sip:1@h>;tag=x\r\nc: application/sdp\r\n\r\nv=0\r\n')
    assert (message.method, message.request_uri, message.status) == ("INVITE", "sip:100@h", 0)
    assert message.first("from") == '"A" <sip:1@h>;tag=x'
    assert message.has_sdp


def test_folded_header_lines_are_joined():
    assert parse("BYE sip:a SIP/2.0\r\nReason: Q.850\r\n ;cause=31\r\n\r\n").q850 == 31


@pytest.mark.parametrize(
    "head",
    [
        "SIP/2.0 181 Call Is Being Forwarded\r\n\r\n",
        "SIP/2.0 180 Ringing\r\nDiversion: <sip:1@h>;reason=unconditional\r\n\r\n",
        "SIP/2.0 180 Ringing\r\nHistory-Info: <sip:2@h?Reason=SIP%3Bcause%3D302>;index=1.1\r\n\r\n",
    ],
)
def test_forwarding_is_seen(head):
    assert parse(head).forwarded


def test_history_info_of_a_call_that_was_not_forwarded_says_nothing():
    assert not parse("SIP/2.0 180 Ringing\r\nHistory-Info: <sip:2@h>;index=1\r\n\r\n").forwarded


@given(st.text())
def test_garbage_never_raises(text):
    message = parse(text)
    assert message.q850 is None or 0 <= message.q850 <= 999
    assert message.retry_after is None or message.retry_after >= 0


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("sip:123@h", "123"),
        ('"A" <sips:123;phone-context=x@h>', "123"),
        ("tel:+4912345", "+4912345"),
        ("sip:a%20b@h", "a b"),
        ("sip:u:pw@h", "u"),
        ("sip:h", ""),
    ],
)
def test_the_user_of_an_address_is_found(text, user):
    assert user_of(text) == user


def test_uri_and_display_name_are_told_apart():
    assert uri_of('"A" <sip:1@h;x=y>;tag=1') == "sip:1@h;x=y"
    assert uri_of("sip:1@h;tag=1") == "sip:1@h"
    assert display_of('"A \\"B\\"" <sip:1@h>') == 'A "B"'
    assert display_of("sip:1@h") == ""


@given(st.text(max_size=40))
def test_a_display_name_survives_quoting_less_its_control_characters(name):
    clean = "".join(c for c in name if c.isprintable())
    assert display_of(quoted_display(name) + "<sip:1@h>") == clean


@given(st.text(max_size=40))
def test_no_user_part_can_leave_its_place(user):
    assert not set(escaped_user(user)) & set('@<>" \r\n:')


@given(st.text(max_size=60))
def test_no_header_value_has_a_line_break(value):
    assert not set(clean_header(value)) & set("\r\n\0")


def test_header_names_that_are_none_are_left_out():
    assert safe_headers({"X-A": "1", "X A": "2", "": "3", "X:B": "4"}) == [("X-A", "1")]


def test_the_request_uri_follows_the_gateway():
    gateway = Gateway("g", "sip:192.0.2.1:5080", user="8999", transport="tcp")
    assert target_uri(DialRequest("g", "+49 1#"), gateway) == "sip:+49%201%23@192.0.2.1:5080;transport=tcp"
    assert target_uri(DialRequest("g", "sip:a@b;x=1"), gateway) == "sip:a@b;x=1"
    assert from_uri(DialRequest("g", "1"), gateway) == "<sip:8999@192.0.2.1:5080>"
    assert from_uri(DialRequest("g", "1", from_user="77", display_name="N"), gateway) == '"N" <sip:77@192.0.2.1:5080>'
