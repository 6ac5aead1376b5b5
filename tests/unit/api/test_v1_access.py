"""Access numbers over the first-generation API (api.md §2.1, §2.7)."""

import pytest

CONFIG = """
[api.v1]
auth = "none"
[api.admin]
auth = "none"
[gateway.pbx]
uri = "sip:127.0.0.1:5060"
[call_in_group.front]
dnis = ["+16505550190", "+16505550191"]
code_length = 5
[call_in_group.own]
dnis = ["+16505550192"]
unique_dnis = true
[service.dialin]
family = "v1"
target = "Desk@Lab.GA"
call_direction = "USERORIGINATED"
resource_group = "front"
provide_code = true
[service.number]
family = "v1"
type = "builtin"
target = "Desk@Lab.GA"
resource_group = "own"
"""
BASE = "/genesys/1/service"


@pytest.fixture
async def client(make):
    async with make(CONFIG).client() as opened:
        yield opened


async def test_a_create_answers_with_number_code_and_expiry(client):
    answer = await client.post(f"{BASE}/callback/dialin", data={"_customer_number": "+12025550143"})
    shown = answer.json()
    assert (answer.status_code, shown["_access_number"], len(shown["_access_code"])) == (200, "+16505550190", 5)
    assert shown["_expiration_time"] == "2026-03-02T16:00:30.000Z"
    assert shown["_action"] == "ConfirmationDialog"


async def test_a_builtin_service_answers_with_a_number_until_none_is_left(client):
    first = await client.post(f"{BASE}/callback/number", data={"_customer_number": "+12025550143"})
    assert first.json()["_access_number"] == "+16505550192"
    assert "_access_code" not in first.json()
    second = await client.post(f"{BASE}/callback/number", data={"_customer_number": "+12025550144"})
    assert (second.status_code, second.json()["exception"], second.json()["phrase"]) == (
        409, "NoNumberFree", "NO_NUMBER_FREE",
    )  # fmt: skip


async def test_a_number_of_a_group_is_requested_and_matched_with_its_user_data(client):
    asked = {"_resource_group": "front", "_provide_code": "true", "_booking_expiration_timeout": "60", "color": "red"}
    made = (await client.post(f"{BASE}/request-interaction", data=asked)).json()
    assert made["_expiration_time"] == "2026-03-02T16:01:00.000Z"
    clue = {"_access_number": made["_access_number"], "_access_code": made["_access_code"]}
    found = await client.post(f"{BASE}/match-interaction", data=clue)
    assert found.json() == {"color": "red", "_id": made["_id"]}
    clue["_access_code"] = "none"
    assert (await client.post(f"{BASE}/match-interaction", data=clue)).status_code == 404


async def test_a_number_or_a_code_alone_finds_the_request_until_it_expires(make):
    dialer = make(CONFIG)
    async with dialer.client() as client:
        asked = {"_resource_group": "front", "_provide_code": "true", "_booking_expiration_timeout": "60"}
        made = (await client.post(f"{BASE}/request-interaction", data=asked)).json()
        clues = {"_access_number": made["_access_number"].lstrip("+")}, {"_access_code": made["_access_code"]}
        for clue in clues:
            found = await client.post(f"{BASE}/match-interaction", data=clue)
            assert found.json()["_id"] == made["_id"]
        dialer.house.clock.forward(60)
        for clue in clues:
            assert (await client.post(f"{BASE}/match-interaction", data=clue)).status_code == 404


@pytest.mark.parametrize(
    ("path", "data", "status", "exception"),
    [
        ("request-interaction", {}, 400, "MissingKey"),
        ("request-interaction", {"_resource_group": "side"}, 400, "UnknownGroup"),
        ("request-interaction", {"_resource_group": "front", "_booking_expiration_timeout": "4"}, 400, "BadParameter"),
        ("request-interaction", {"_resource_group": "front", "_booking_expiration_timeout": "x"}, 400, "BadParameter"),
        ("request-interaction", {"_resource_group": "front", "_provide_code": "yes"}, 400, "BadParameter"),
        ("request-access", {}, 400, "MissingKey"),
        ("request-access", {"_id": "1-none"}, 404, "NotFound"),
        ("match-interaction", {}, 400, "MissingKey"),
        ("match-interaction", {"_access_number": "+16505550199"}, 404, "NotFound"),
    ],
)
async def test_what_cannot_be_had_is_answered_in_the_words_of_the_api(client, path, data, status, exception):
    answer = await client.post(f"{BASE}/{path}", data=data)
    assert (answer.status_code, answer.json()["exception"]) == (status, exception)


async def test_a_callback_that_does_not_wait_for_the_call_gets_no_second_number(client):
    made = (await client.post(f"{BASE}/callback/dialin", data={"_customer_number": "+12025550143"})).json()
    answer = await client.post(f"{BASE}/request-access", data={"_id": made["_id"]})
    assert (answer.status_code, answer.json()["exception"]) == (409, "InvalidState")
