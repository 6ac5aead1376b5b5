"""Digest authentication against the examples of its standard."""

from dialer.telephony.digest import answer_to, challenge_of

# RFC 7616 section 3.9.1: Mufasa asks for /dir/index.html; the response of each algorithm is given there.
CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def response(algorithm: str) -> str | None:
    return answer_to(
        CHALLENGE.format(algorithm=algorithm), method="GET", uri="/dir/index.html", user="Mufasa",
        password="Circle of Life", cnonce=CNONCE,
    )  # fmt: skip


def test_the_examples_of_the_standard_are_met() -> None:
    assert 'response="8ca523f5e9506fed4657c9700eebdbec"' in (response("MD5") or "")
    assert 'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"' in (response("SHA-256") or "")


def test_an_old_challenge_without_qop_is_answered_as_rfc_2069_does() -> None:
    answer = answer_to('Digest realm="asterisk",nonce="abc"', method="OPTIONS", uri="sip:pbx", user="u", password="p")
    assert answer is not None
    assert "qop" not in answer
    assert "nc=" not in answer


def test_what_cannot_be_answered_is_not() -> None:
    for header in ('Basic realm="x"', 'Digest realm="x"', 'Digest realm="x", nonce="y", algorithm=AKAv1-MD5'):
        assert answer_to(header, method="OPTIONS", uri="sip:x", user="u", password="p") is None
    other = 'Digest realm="x", nonce="y"'
    assert answer_to(other, method="OPTIONS", uri="sip:x", user="u", password="p", realm="z") is None


def test_commas_and_quotes_within_values_are_read() -> None:
    asked = challenge_of('Digest realm="a, b \\"c\\"", nonce="n", stale=FALSE')
    assert asked == {"realm": 'a, b \\"c\\"', "nonce": "n", "stale": "FALSE"}
