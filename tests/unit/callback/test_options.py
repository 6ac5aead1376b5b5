from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dialer.callback.call_result import CallResult
from dialer.callback.errors import OptionError
from dialer.callback.options import (
    FAMILY_DEFAULTS,
    TEMPLATE_ASKS,
    TEMPLATES,
    V1_NAMES,
    V3_COLUMNS,
    ServiceOptions,
    canonical,
    is_ignored,
    option_key,
)

# From options sections 2.1 to 2.8 and 5: canonical key and v1 name, where there is one.
SPECIFIED_V1 = """
virtual_queue _urs_virtual_queue; type _type; media_type _media_type; call_direction _call_direction
first_party _userterminated_first_connect_party; wait_for_agent _wait_for_agent; channel _cb_dim_channel
target _target; queued_ttl _urs_queued_ttl; strategy _urs_prioritization_strategy
update_strategy _urs_strategy_update_sub_routine; ewt_method _urs_ewt_estimation_method
ewt_queue _urs_ewt_virtual_queue; eta_pos_threshold _eta_pos_threshold; max_queue_wait _max_queue_wait
agent_reserve_timeout _agent_reserve_timeout; agent_release_delay_ms _agent_reserve_delay_before_release
max_transfer_attempts _max_transfer_to_agent_attempts; transfer_confirm_timeout _agent_transfer_confirm_timeout
max_wait_on_call _max_time_to_wait_for_agent_on_the_call; routing_udata_keys _urs_udata_xfer_keys
attach_user_data _attach_udata; submit_lead _request_execution_time_buffer
connect_threshold _desired_connect_time_threshold; queue_time_stat _request_queue_time_stat
ewt_service _request_ewt_service; slot_duration_min _request_time_bucket; slot_capacity _max_request_by_time_bucket
max_lead _reject_future_desired_time; business_hours _business_hours_service
reject_out_of_hours _enable_reject_out_of_office_hours; do_not_call_window _do_not_call_items; ttl _ttl
default_country _default_country; reject_impossible_numbers _disallow_impossible_phone_numbers
reject_premium_numbers _disallow_premium_phone_numbers; in_queue_check _enable_in_queue_checking
throttle_keys _throttle_request_parameters; throttle_limit _throttle_request_parameters_limit
throttle_headers _enable_throttle_header_parameters; service_limit_1 _throttle_callbacks_per_service_1
service_window_1 _throttle_ttl_1; service_limit_2 _throttle_callbacks_per_service_2; service_window_2 _throttle_ttl_2
lookup_keys _customer_lookup_keys; mandatory_lookup_keys _mandatory_customer_lookup_keys
overridable _overwritable_options; route_point _route_point; trunk_group _trunk_group; dial_prefix _prefix_dial_out
call_headers _ixn_createcall_hints; cannot_dial_buffer _cannot_dial_buffer_time
agent_first_via_rp _agent_first_via_rp; agent_first_via_tg _agent_first_via_tg; preview _agent_preview
preview_max_rejects _agent_preview_allow_reject; preview_keys _agent_preview_data
preview_timeout _agent_preview_timeout; preview_timeout_not_ready _agent_preview_timeout_set_notready
preview_not_ready_reason _agent_preview_set_notready_reason; disposition _enable_disposition_dialog
disposition_timeout _agent_disposition_timeout; resource_group _resource_group; provide_code _provide_code
booking_timeout _booking_expiration_timeout; wait_for_user_confirm _wait_for_user_confirm
user_confirm_timeout _user_confirm_timeout
user_confirm_attempts _max_number_of_user_availability_confirmation_attempts
on_user_confirm_timeout _on_user_confirm_timeout; push_provider _provider_name; push_debug _use_debug_push_certificate
strings_file _notification_message_file; status_notification _enable_status_notification
status_notification_type _status_notification_type; status_notification_target _status_notification_target
reminder _enable_notification_reminder; reminder_lead _notification_reminder_buffer
treatment_customer_connect _treatment_customer_connect; treatment_waiting_for_agent _treatment_waiting_for_agent
treatment_find_agent_fail _treatment_find_agent_fail
treatment_call_failure_answering_machine _treatment_call_failure_answering_machine
"""
WITHOUT_V1 = """
family template enabled paused inbound_queue outbound_queue callback_application survey_route_point priority
priority_increment priority_increment_interval priority_limit desired_interval capacity_rule min_lead_min
submit_attempts submit_retry_delay immediate_enabled scheduled_enabled immediate_blackout_min immediate_offer_hours
callback_purge_time_min purge_at_close blocked_numbers number_rule max_open caller_number caller_name setup_timeout
ring_timeout media_timeout dial_attempts dial_retry_delay dial_retry_delay_by_result retry_results final_results
snooze_delay reject_forwarded detect detect_early_media cancel_on_early_tone detect_time_limit_ms undecided_as
on_machine on_fax on_silence beep_timeout preview_reject_delay pushed_callback_expiry_min match_attempts
push_threshold_min push_attempts agent_leg record record_detection treatment_on_hold
"""
NAMES = dict(pair.split() for pair in SPECIFIED_V1.replace("\n", ";").split(";") if pair.strip())

DEFAULTS = {
    "queued_ttl": 14400, "agent_reserve_timeout": 30, "max_transfer_attempts": 5, "max_wait_on_call": 3600,
    "submit_lead": 120, "connect_threshold": 180, "desired_interval": 120, "slot_duration_min": 5, "slot_capacity": 100,
    "submit_attempts": 3, "submit_retry_delay": 10, "ttl": 86400, "default_country": "US", "throttle_limit": 6,
    "service_limit_1": 600, "service_window_1": 300, "service_limit_2": 3600, "service_window_2": 3600,
    "max_open": 5000, "setup_timeout": 20, "ring_timeout": 40, "media_timeout": 5, "dial_attempts": 3,
    "dial_retry_delay": 300, "snooze_delay": 300, "detect_time_limit_ms": 0, "undecided_as": "human",
    "on_machine": "hangup", "beep_timeout": 30, "preview_max_rejects": 3, "preview_timeout": 30,
    "preview_reject_delay": 5, "disposition_timeout": 60, "booking_timeout": 30, "pushed_callback_expiry_min": 5,
    "match_attempts": 3, "user_confirm_timeout": 30, "user_confirm_attempts": 3, "push_attempts": 3,
    "reminder_lead": 300, "priority_limit": 1000, "priority_increment_interval": 60, "channel": "WEB",
    "lookup_keys": ("_customer_number",), "mandatory_lookup_keys": ("_customer_number",),
    "throttle_keys": ("_customer_number",), "dial_prefix": "", "callback_application": "callback",
    "treatment_waiting_for_agent": "next_customer_rep.wav", "treatment_find_agent_fail": "all_agents_busy.wav",
    "treatment_call_failure_answering_machine": "call_fail_ans_machine.wav", "treatment_customer_connect": "",
}  # fmt: skip


def refusal(**options: object) -> str:
    with pytest.raises(ValidationError) as caught:
        ServiceOptions(**options)
    first = caught.value.errors()[0]
    return " ".join([*map(str, first["loc"]), first["msg"]])


def test_every_specified_option_is_there_with_its_v1_name_and_no_other():
    assert V1_NAMES == NAMES
    assert set(ServiceOptions.model_fields) == set(NAMES) | set(WITHOUT_V1.split())


@pytest.mark.parametrize("key", sorted(DEFAULTS))
def test_defaults_are_as_specified(key):
    assert getattr(ServiceOptions(), key) == DEFAULTS[key]


def test_families_differ_in_their_defaults_only_where_specified():
    v1, v3 = ServiceOptions(family="v1").model_dump(), ServiceOptions(family="v3").model_dump()
    assert {key for key in v1 if v1[key] != v3[key]} == {"family", *FAMILY_DEFAULTS["v1"]}
    assert ServiceOptions(family="v1", max_lead="2w").max_lead == "2w"


def test_v3_columns_are_those_of_the_settings_table():
    assert V3_COLUMNS["target"] == "Skill Expression"
    assert V3_COLUMNS["virtual_queue"] == "VQ"
    assert len(set(V3_COLUMNS.values())) == len(V3_COLUMNS) == 16


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_template_makes_a_service(name):
    row = {**TEMPLATES[name], "resource_group": "Pool"}
    assert ServiceOptions(**row, template=name).template == name
    assert set(TEMPLATE_ASKS.get(name, ())) <= set(ServiceOptions.model_fields)


def test_a_v1_name_alias_and_own_option_mean_the_canonical_key():
    assert option_key("_urs_queued_ttl") == "queued_ttl"
    assert option_key("queued_ttl") == "queued_ttl"
    assert option_key("_opt.dial_attempts") == "dial_attempts"
    assert option_key("_my_old_name", {"_my_old_name": "dial_attempts"}) == "dial_attempts"
    assert option_key("_opt.nothing") is None
    assert option_key("_something") is None


def test_a_row_is_brought_to_canonical_keys_and_unknown_underscored_names_become_properties():
    options, properties = canonical(
        {"_ttl": 60, "target": "A@S.GA", "_mine": 1, "_service": "x", "_plugin_on_dial_1": 2}
    )
    assert options == {"ttl": 60, "target": "A@S.GA"}
    assert properties == {"_mine": 1}
    assert is_ignored("_plugin_on_dial_before")


def test_two_names_of_one_option_must_agree():
    assert canonical({"_ttl": 60, "ttl": 60})[0] == {"ttl": 60}
    with pytest.raises(OptionError, match="ttl: _ttl and ttl are the same option"):
        canonical({"_ttl": 60, "ttl": 61})
    with pytest.raises(OptionError, match="dial_atempts: is not an option"):
        canonical({"dial_atempts": 3})


def test_values_may_be_texts_as_forms_and_tables_carry_them():
    read = ServiceOptions(
        dial_attempts="5",
        detect="false",
        lookup_keys="_customer_number, account",
        overridable='["target"]',
        retry_results="21, 9",
        dial_retry_delay_by_result='{"6": 120, "9": 1800}',
        call_headers='{"X-Campaign": "spring"}',
        in_queue_check="strict",
        queued_ttl="600",
        treatment_waiting_for_agent={"file": "a.wav", "hints": {"loop": "off"}},
    )
    assert read.dial_attempts == 5
    assert read.detect is False
    assert read.lookup_keys == ("_customer_number", "account")
    assert read.retry_results == {CallResult.ABANDONED, CallResult.ANSWERING_MACHINE}
    assert read.dial_retry_delay_by_result == {CallResult.BUSY: 120, CallResult.ANSWERING_MACHINE: 1800}
    assert read.call_headers == {"X-Campaign": "spring"}
    assert read.in_queue_check == "strict"
    assert ServiceOptions(in_queue_check="true").in_queue_check is True


def test_options_survive_being_written_and_read():
    options = ServiceOptions(
        family="v1",
        retry_results=[21],
        dial_retry_delay_by_result={6: 10},
        call_headers={"X-A": "b"},
        slot_duration_min=15,
    )
    assert ServiceOptions.model_validate(options.model_dump()) == options
    assert ServiceOptions.model_validate(options.model_dump(mode="json")) == options
    assert ServiceOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nonsense": 1}, "nonsense Extra inputs"),
        ({"queued_ttl": -1}, "queued_ttl Input should be greater"),
        ({"queued_ttl": float("nan")}, "queued_ttl Input should be"),
        ({"dial_attempts": 21}, "dial_attempts Input should be less"),
        ({"slot_duration_min": 7}, "slot_duration_min Input should be 5, 10"),
        ({"default_country": "usa"}, "default_country String should match"),
        ({"max_lead": "soon"}, "'soon' is not a lead; write a number from 1"),
        ({"max_lead": "0d"}, "is not a lead"),
        ({"max_lead": "9999y"}, "leads beyond the calendar"),
        ({"do_not_call_window": "3600"}, "is not threshold,earliest,latest"),
        ({"do_not_call_window": "x,08:00,20:00"}, "the threshold 'x' is not a number of seconds"),
        ({"do_not_call_window": "1,25:00,20:00"}, "'25:00' is not a time of day"),
        ({"do_not_call_window": "1,08:00,08:00"}, "there is no time to dial"),
        ({"eta_pos_threshold": "1-2"}, "is not eta:pos"),
        ({"eta_pos_threshold": "1:2,1:3"}, "stands there twice"),
        ({"eta_pos_threshold": ""}, "at least one eta:pos"),
        ({"retry_results": [6], "final_results": [6]}, "6 is in retry_results too"),
        ({"retry_results": [99]}, "99 is not a call result: use the numbers 0 to 53"),
        ({"retry_results": "[1"}, "not readable as a JSON list"),
        ({"final_results": [33]}, "33 cannot be moved"),
        ({"retry_results": [51]}, "51 cannot be moved"),
        ({"call_headers": "x"}, "not readable as a JSON object"),
        ({"call_headers": {"Via": "x"}}, "'Via' is not an extra SIP header"),
        ({"call_headers": {"X-A": "a\r\nVia: b"}}, "control character"),
        ({"mandatory_lookup_keys": "a"}, "a is mandatory, but not in lookup_keys"),
        ({"preview": True}, 'preview: needs first_party = "AGENT"'),
        ({"wait_for_user_confirm": True}, "needs wait_for_agent = true"),
        ({"cannot_dial_buffer": 20000}, "nobody could ever be dialled"),
        ({"priority": 5000}, "priority_limit: is below priority"),
        ({"status_notification": "notify"}, "needs a URL"),
        ({"status_notification_target": "ftp://x"}, "is not an http or https URL"),
        ({"treatment_customer_connect": '{"hints": {}}'}, "needs a file"),
        ({"treatment_customer_connect": "../secret.wav"}, "a file of the treatment folders"),
        ({"dial_prefix": "9a"}, "dial_prefix String should match"),
    ],
)
def test_an_impossible_value_is_refused_with_what_is_wrong(options, said):
    assert said in refusal(**options)


def test_several_contradictions_are_told_together():
    said = refusal(preview=True, wait_for_user_confirm=True)
    assert "preview:" in said
    assert "wait_for_user_confirm:" in said


def test_a_placeholder_waits_for_its_request():
    assert ServiceOptions(max_lead="$lead$", do_not_call_window="$window$").max_lead == "$lead$"


def test_mandatory_options_depend_on_family_and_scenario():
    assert ServiceOptions().missing() == ("target", "business_hours")
    assert ServiceOptions(family="v1").missing() == ("target", "route_point")
    assert ServiceOptions(family="v1", target="A@S.GA", trunk_group="T").missing() == ()
    assert "resource_group" in ServiceOptions(call_direction="USERORIGINATED").missing()


def test_small_languages_become_values():
    options = ServiceOptions(do_not_call_window="3600,08:00,20:00", max_lead="1M")
    window = options.dial_window()
    assert (window.threshold_s, window.earliest, window.latest) == (3600, time(8), time(20))
    assert ServiceOptions().dial_window() is None
    assert options.eta_positions() == ((0, 10), (10, 5), (20, 2), (30, 1), (40, 0))
    assert options.latest_desired(datetime(2026, 1, 31, tzinfo=UTC)) == datetime(2026, 2, 28, tzinfo=UTC)
    leap = ServiceOptions(max_lead="1y").latest_desired(datetime(2028, 2, 29, tzinfo=UTC))
    assert leap == datetime(2029, 2, 28, tzinfo=UTC)


@given(st.integers(1, 999), st.sampled_from("yMwdhm"), st.integers(946684800, 4102444800))
def test_a_lead_leads_ahead(number, unit, seconds):
    moment = datetime.fromtimestamp(seconds, UTC)
    assert ServiceOptions(max_lead=f"{number}{unit}").latest_desired(moment) > moment


def test_the_retry_policy_takes_over_the_options():
    options = ServiceOptions(
        dial_attempts=7, retry_results=[21], cannot_dial_buffer=5, do_not_call_window="1,08:00,20:00"
    )
    policy = options.retry_policy(single_targets=True)
    assert (policy.dial_attempts, policy.cannot_dial_buffer_s, policy.single_targets) == (7, 5, True)
    assert policy.retry_results == {CallResult.ABANDONED}
    assert policy.window == options.dial_window()


def test_agent_first_is_a_service_that_dials_and_rings_the_agent_first():
    assert ServiceOptions(first_party="AGENT").agent_first
    assert not ServiceOptions(first_party="AGENT", call_direction="USERORIGINATED").agent_first
