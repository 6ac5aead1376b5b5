"""Previews in virtual time: taken, rejected to the limit, not answered, withdrawn."""

from __future__ import annotations

import asyncio

import pytest
from virtual_house import answers, person

from dialer.callback.state import Phase, State
from dialer.events import PreviewClosed, PreviewOffered
from dialer.routing import AgentState
from dialer.scenario import NotAsked, RejectNotAllowed

PREVIEW = 'first_party = "AGENT"\npreview = true'


def test_a_preview_that_is_accepted_leads_to_the_calls(stage):
    async def scene(house):
        made = await house.book(first_name="Ada", secret="x")
        callback = await house.until(made, Phase.AGENT_PREVIEW)
        assert house.stage.requests == [], "nobody is called before the agent has agreed"
        assert house.states()["anna"] is AgentState.PREVIEW
        question = house.house.desk.preview(made, "anna")
        assert (question.callback.id, callback.agent_id) == (made, "anna")
        assert question.data["user_data"] == {"first_name": "Ada"}, "only what preview_keys names is shown"
        house.house.desk.accept(made)
        await house.completed(made)
        assert await house.events(made) == ["T01", "T05", "T40", "T43a", "T43", "T44", "T73"]
        told = [event for event in house.told if isinstance(event, PreviewOffered | PreviewClosed)]
        assert isinstance(told[0], PreviewOffered)
        assert (told[1].agent_id, told[1].how) == ("anna", "accepted")
        await house.clean()

    service = PREVIEW + '\npreview_keys = ["first_name"]'
    stage(scene, service=service, anna=answers(), customer=person(hangs_up_s=9))


def test_rejects_up_to_the_limit_end_the_callback_with_their_number(stage):
    async def scene(house):
        made = await house.book()
        for agent in ("anna", "bert", "anna"):
            await house.until(made, Phase.AGENT_PREVIEW)
            await asyncio.sleep(1)
            house.house.desk.reject(made, agent, "not mine")
            await house.until(made, Phase.WAITING, State.COMPLETED)
        done = await house.completed(made)
        assert (done.reason, done.reason_detail) == ("AGENT_PREVIEW_CANCEL_AFTER_3REJECTS", None)
        assert done.agents_rejected == ("anna", "bert", "anna"), "whoever has not rejected it is asked first"
        assert await house.events(made) == ["T01", "T05", "T40", "T41", "T40", "T41", "T40", "T42"]
        assert house.states() == {"anna": AgentState.READY, "bert": AgentState.READY}
        assert house.stage.requests == []
        await house.clean()

    stage(scene, service=PREVIEW, agents=("anna", "bert"))


def test_the_next_agent_is_asked_after_the_delay(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.AGENT_PREVIEW)
        began = house.house.clock.monotonic()
        house.house.desk.reject(made)
        await house.until(made, Phase.WAITING)
        await house.until(made, Phase.AGENT_PREVIEW)
        assert house.house.clock.monotonic() - began == pytest.approx(7, abs=0.1)
        await house.booking.cancel(made)

    stage(scene, service=PREVIEW + "\npreview_reject_delay = 7", agents=("anna", "bert"))


def test_silence_is_no_reject_and_makes_the_agent_not_ready_with_the_reason(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.AGENT_PREVIEW)
        await house.until(made, Phase.WAITING)
        assert house.states()["anna"] is AgentState.NOT_READY
        assert house.reason("anna") == "no answer at the desk"
        await house.until(made, Phase.AGENT_PREVIEW)
        house.house.desk.accept(made, "bert")
        done = await house.completed(made)
        assert (done.reason, done.agents_rejected) == ("AGENT_CONNECTED", ())
        assert (await house.events(made))[2:4] == ["T40", "T41"]
        await house.clean()

    stage(
        scene, service=PREVIEW + "\npreview_timeout = 4\npreview_not_ready_reason = 'no answer at the desk'",
        agents=("anna", "bert"), bert=answers(), customer=person(hangs_up_s=9),
    )  # fmt: skip


def test_silence_leaves_the_agent_ready_where_the_service_wants_that(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.AGENT_PREVIEW)
        await house.until(made, Phase.WAITING)
        await asyncio.sleep(0.05)
        assert house.states()["anna"] is AgentState.READY
        await house.until(made, Phase.AGENT_PREVIEW)
        await house.booking.cancel(made)

    stage(scene, service=PREVIEW + "\npreview_timeout = 4\npreview_timeout_not_ready = false")


def test_an_answer_after_the_time_comes_too_late(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.AGENT_PREVIEW)
        with pytest.raises(NotAsked):
            house.house.desk.accept(made, "bert")  # somebody else's preview
        await house.until(made, Phase.WAITING)
        with pytest.raises(NotAsked):
            house.house.desk.accept(made)

    stage(scene, service=PREVIEW + "\npreview_timeout = 4")


def test_a_preview_of_a_service_without_rejects_cannot_be_rejected(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.AGENT_PREVIEW)
        with pytest.raises(RejectNotAllowed):
            house.house.desk.reject(made)
        house.house.desk.accept(made)
        assert (await house.completed(made)).reason == "AGENT_CONNECTED"

    stage(scene, service=PREVIEW + "\npreview_max_rejects = 0", anna=answers(), customer=person(hangs_up_s=9))


def test_a_cancel_withdraws_the_preview_and_frees_the_agent(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.AGENT_PREVIEW)
        await house.booking.cancel(made)
        done = await house.completed(made)
        await house.clean()
        assert (done.reason, house.states()["anna"]) == ("CANCELLED", AgentState.READY)
        assert [event.how for event in house.told if isinstance(event, PreviewClosed)] == ["withdrawn"]

    stage(scene, service=PREVIEW)


def test_a_stop_of_the_node_withdraws_the_preview_and_gives_the_callback_back(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.AGENT_PREVIEW)
        await house.node.stop(0)
        assert (await house.record(made)).position == (State.QUEUED, Phase.SUBMITTING)
        assert (await house.events(made))[-1] == "T91"
        await house.clean()

    stage(scene, service=PREVIEW)


def test_an_agent_who_asked_to_log_out_during_the_preview_is_logged_out_after_it(stage):
    async def scene(house):
        made = await house.book()
        await house.until(made, Phase.AGENT_PREVIEW)
        house.house.pool.request_state("anna", AgentState.LOGGED_OUT, house.house.clock.now())
        house.house.desk.reject(made)
        await house.until(made, Phase.WAITING)
        await asyncio.sleep(0.05)
        assert house.states()["anna"] is AgentState.LOGGED_OUT

    stage(scene, service=PREVIEW)
