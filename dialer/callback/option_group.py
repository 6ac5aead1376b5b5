"""Options of a service, group by group: scenario, queue and routing, scheduling, hours, numbers and limits.

Source: spec options sections 2.1 to 2.5. Further groups are in `option_group_call.py`; `options.py` puts them together.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from dialer.callback.option import Count, LeadText, Minutes, Names, PositionsText, Seconds, WindowText, opt


class OptionGroup(BaseModel):
    """Some options: frozen, unknown keys refused, defaults checked like values."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class ScenarioOptions(OptionGroup):
    """Which scenario a service runs (section 2.1)."""

    family: Literal["v1", "v3"] = opt("v3", "which defaults and which retention apply")
    template: str = opt("", "preset of options, section 3")
    enabled: bool = opt(True, "whether callbacks are accepted")
    paused: bool = opt(False, "nothing is dialled")
    virtual_queue: str = opt("", "queue of the virtual call; empty: its name", v1="_urs_virtual_queue", v3="VQ")
    inbound_queue: str = opt("", "queue of the inbound call, for statistics")
    outbound_queue: str = opt("", "queue of the connected outbound call, for statistics")
    callback_application: str = opt("callback", "application that runs it", v3="Callback Application")
    type: Literal["ors", "builtin"] = opt("ors", "builtin only hands out an access number and a code", v1="_type")
    media_type: Literal["voice", "chat"] = opt("voice", "chat needs an adapter; none is shipped", v1="_media_type")
    call_direction: Literal["USERTERMINATED", "USERORIGINATED"] = opt(
        "USERTERMINATED", "who dials", v1="_call_direction", v3="Call Direction"
    )
    first_party: Literal["CUSTOMER", "AGENT"] = opt(
        "CUSTOMER", "who is called first", v1="_userterminated_first_connect_party"
    )
    wait_for_agent: bool = opt(
        False, "USERORIGINATED: hand out the number only when an agent is available", v1="_wait_for_agent"
    )
    channel: str = opt("WEB", "reporting label if the request has none", v1="_cb_dim_channel")
    survey_route_point: str = opt("", "the customer goes there afterwards")


class QueueOptions(OptionGroup):
    """Queue and routing (section 2.2)."""

    target: str = opt("", "whom the customer is routed to, section 4", v1="_target", v3="Skill Expression")
    queued_ttl: Seconds = opt(
        14400, "longest wait for a target, s; with several targets their sum", v1="_urs_queued_ttl"
    )
    strategy: str = opt("WaitForTarget", "registered routing strategy", v1="_urs_prioritization_strategy")
    update_strategy: str = opt(
        "SetRouteDelay", "hook called when retry or snooze delays the routing", v1="_urs_strategy_update_sub_routine"
    )
    ewt_method: Literal["ursdial", "mode1", "mode2", "mode3"] = opt(
        "ursdial", "how waiting time is estimated", v1="_urs_ewt_estimation_method"
    )
    ewt_queue: str = opt("", "queue whose EWT is read; empty: the virtual queue", v1="_urs_ewt_virtual_queue")
    eta_pos_threshold: PositionsText = opt(
        "0:10,10:5,20:2,30:1,40:0", "which positions may be dialled at which EWT, eta:pos", v1="_eta_pos_threshold"
    )
    max_queue_wait: Seconds = opt(
        0, "customer first: dial after this wait even without a Ready agent, s; 0 = off", v1="_max_queue_wait"
    )
    priority: int = opt(0, "higher first, then queued_at", ge=-1_000_000, le=1_000_000)
    priority_increment: int = opt(0, "added each interval", ge=0, le=1_000_000)
    priority_increment_interval: Seconds = opt(60, "s between increments", gt=0)
    priority_limit: int = opt(1000, "priority does not rise above it", ge=-1_000_000, le=1_000_000)
    agent_reserve_timeout: Seconds = opt(30, "reservation, ringing of the agent leg, s", v1="_agent_reserve_timeout")
    agent_release_delay_ms: Count = opt(
        0, "agent is released so much later, ms", v1="_agent_reserve_delay_before_release"
    )
    max_transfer_attempts: int = opt(5, "tries to join an agent", v1="_max_transfer_to_agent_attempts", ge=1, le=1000)
    transfer_confirm_timeout: Seconds = opt(
        0, "count a transfer as done if no event follows, s; 0 = off", v1="_agent_transfer_confirm_timeout"
    )
    max_wait_on_call: Seconds = opt(
        3600, "customer on the line without agent, s", v1="_max_time_to_wait_for_agent_on_the_call"
    )
    routing_udata_keys: Names = opt((), "keys copied from the routing result into user data", v1="_urs_udata_xfer_keys")
    attach_user_data: Literal["separate_keys", "single_json", "gms_storage_id"] = opt(
        "single_json", "how user data is attached to the call", v1="_attach_udata"
    )


class ScheduleOptions(OptionGroup):
    """Scheduling and slots (section 2.3)."""

    submit_lead: Seconds = opt(120, "submit this long before the desired time, s", v1="_request_execution_time_buffer")
    connect_threshold: Seconds = opt(
        180, "at dial time: not earlier than this before the desired time, s", v1="_desired_connect_time_threshold"
    )
    queue_time_stat: str = opt("", "statistic whose value replaces submit_lead", v1="_request_queue_time_stat")
    ewt_service: str = opt("", "queue whose EWT replaces submit_lead", v1="_request_ewt_service")
    desired_interval: Seconds = opt(120, "length of the desired time, s; overdue after it")
    slot_duration_min: Literal[5, 10, 15, 20, 30, 60, 120] = opt(
        5, "length of a slot, min", v1="_request_time_bucket", v3="Slot Duration (minutes)"
    )
    slot_capacity: Count = opt(
        100, "callbacks per slot without capacity rule", v1="_max_request_by_time_bucket", v3="Slot Capacity"
    )
    capacity_rule: str = opt("", "capacity rule; overrides slot_capacity")
    max_lead: LeadText = opt(
        "1y", "how far ahead may be booked: number and y, M, w, d, h or m", v1="_reject_future_desired_time"
    )
    min_lead_min: Minutes = opt(0, "no slot nearer than this is offered, min")
    submit_attempts: int = opt(3, "tries to hand over to a node", ge=1, le=100)
    submit_retry_delay: Seconds = opt(10, "s between these tries")


class HoursOptions(OptionGroup):
    """Hours, offer, purge, storage (section 2.4)."""

    business_hours: str = opt("", "office hours", v1="_business_hours_service", v3="Business Hours")
    reject_out_of_hours: bool = opt(
        False, "v1 create and reschedule refuse times out of hours", v1="_enable_reject_out_of_office_hours"
    )
    immediate_enabled: bool = opt(True, "immediate callbacks are offered", v3="Immediate Enabled")
    scheduled_enabled: bool = opt(True, "scheduled callbacks are offered", v3="Scheduled Enabled")
    immediate_blackout_min: Minutes = opt(
        0, "no immediate offer this long before closing, min", v3="Immediate Blackout (minutes)"
    )
    immediate_offer_hours: str = opt("", "hours in which immediate is offered", v3="Immediate Offer Hours")
    callback_purge_time_min: Minutes = opt(
        0, "purge so long after the desired time, min; 0 = off", v3="Callback Purge Time (minutes)"
    )
    purge_at_close: bool = opt(True, "purge at closing")
    do_not_call_window: WindowText = opt(
        "", "threshold s,earliest,latest: when may be dialled, e.g. 3600,08:00,20:00", v1="_do_not_call_items"
    )
    ttl: Seconds = opt(
        86400, "v1 storage after the desired time, s; no effect in v3", v1="_ttl", v3="Callback TTL (seconds)"
    )


class NumberOptions(OptionGroup):
    """Numbers, throttles, lookup (section 2.5)."""

    default_country: str = opt(
        "US", "ISO 3166 country of numbers without +", v1="_default_country", pattern=r"^[A-Z]{2}$"
    )
    reject_impossible_numbers: bool = opt(
        True, "refuse numbers that cannot exist", v1="_disallow_impossible_phone_numbers"
    )
    reject_premium_numbers: bool = opt(True, "refuse premium rate numbers", v1="_disallow_premium_phone_numbers")
    blocked_numbers: Names = opt((), "numbers or patterns that are refused", max_length=500)
    number_rule: str = opt("", "number rule")
    in_queue_check: bool | Literal["strict"] = opt(
        False,
        "true: refuse if the number has two open callbacks in this service; strict: one",
        v1="_enable_in_queue_checking",
    )
    throttle_keys: Names = opt(
        ("_customer_number",), "keys whose values are throttled", v1="_throttle_request_parameters"
    )
    throttle_limit: Count = opt(
        6, "immediate requests per value in 24 h; 0 = off", v1="_throttle_request_parameters_limit"
    )
    throttle_headers: bool = opt(
        True, "keys may be headers; the header value wins", v1="_enable_throttle_header_parameters"
    )
    service_limit_1: Count = opt(600, "creates per first window; 0 = off", v1="_throttle_callbacks_per_service_1")
    service_window_1: Seconds = opt(300, "first window, s", v1="_throttle_ttl_1")
    service_limit_2: Count = opt(3600, "creates per second window; 0 = off", v1="_throttle_callbacks_per_service_2")
    service_window_2: Seconds = opt(3600, "second window, s", v1="_throttle_ttl_2")
    max_open: Count = opt(5000, "open callbacks per service")
    lookup_keys: Names = opt(("_customer_number",), "searchable keys", v1="_customer_lookup_keys")
    mandatory_lookup_keys: Names = opt(
        ("_customer_number",), "subset of lookup_keys; missing = 400", v1="_mandatory_customer_lookup_keys"
    )
    overridable: Names = opt((), "options that a request may set, section 11", v1="_overwritable_options")
