"""A call that is sent on to a number outside leaves as calls to customers do, in virtual time."""

from __future__ import annotations

import pytest
from virtual_house import answers, person

from dialer.callback.state import Phase

CALLED, ANNA, OUTSIDE = "12025550100", "7001", "12025550177"
FIRST = 'first_party = "AGENT"\ntrunk_group = "telco"\n'


@pytest.mark.parametrize(
    ("service", "gateway"),
    [("", "pbx"), (FIRST + "agent_first_via_tg = true", "telco"), (FIRST + "agent_first_via_rp = true", "pbx")],
)
def test_a_transfer_to_a_number_goes_where_the_customer_was_called(stage, service, gateway):
    async def scene(house):
        house.stage.parties |= {f"9{CALLED}": [person()], f"9{OUTSIDE}": [answers()]}
        made = await house.book()
        await house.until(made, Phase.TALKING)
        control = house.node.sessions[made].scenario.control
        await control.transfer(f"+{OUTSIDE}")
        await house.until_true(lambda: control.snapshot()["parties"] == [f"+{OUTSIDE}"])
        through = {request.number: request.gateway for request in house.stage.requests}
        assert through == {ANNA: "pbx", f"9{CALLED}": gateway, f"9{OUTSIDE}": gateway}
        house.stage.far_hangs_up(f"9{CALLED}")
        assert (await house.completed(made)).reason == "AGENT_CONNECTED"
        await house.clean()

    stage(scene, service=f'dial_prefix = "9"\n{service}', anna=answers())
