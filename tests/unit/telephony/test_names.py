import asyncio
import socket

import pytest

from dialer.telephony.names import Names, host_of, is_address, is_host


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("sip:100@pbx.example:5060;transport=tcp", "pbx.example"),
        ("sip:pbx.example", "pbx.example"),
        ("sips:100@[2001:db8::1]:5061", "2001:db8::1"),
        ("sip:a@192.0.2.1?x=y", "192.0.2.1"),
    ],
)
def test_the_host_of_a_uri_is_found(uri, host):
    assert host_of(uri) == host


@pytest.mark.parametrize("text", ["", "@@", "a b", "-x", "<h>", "h;x"])
def test_what_cannot_be_a_host_is_none(text):
    assert not is_host(text)
    assert is_host("pbx-1.example_x.de")
    assert is_host("2001:db8::1")


def test_addresses_are_known_without_asking():
    assert is_address("192.0.2.1")
    assert is_address("2001:db8::1")
    assert not is_address("pbx.example")


async def test_an_address_is_never_looked_up(monkeypatch):
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", None)
    assert await Names().resolves("192.0.2.1")


async def test_a_name_is_asked_for_once_while_it_resolves(monkeypatch):
    asked = []

    async def getaddrinfo(host, *_args, **_kwargs):
        asked.append(host)
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    names = Names()
    assert [await names.resolves("a.example"), await names.resolves("a.example")] == [True, True]
    assert asked == ["a.example"]


async def test_a_name_that_does_not_resolve_is_asked_for_again(monkeypatch):
    asked = []

    async def getaddrinfo(host, *_args, **_kwargs):
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    names = Names()
    assert [await names.resolves("a.example"), await names.resolves("a.example")] == [False, False]
    assert len(asked) == 2
