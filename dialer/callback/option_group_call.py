"""Options of a service that shape its calls: dialling and detection, agent first, confirmation, push, treatments.

Source: spec options sections 2.6 to 2.8 and 5.
"""

from typing import Literal

from dialer.callback.option import (
    Codes,
    Count,
    Delays,
    Headers,
    Minutes,
    Names,
    Seconds,
    Switch,
    TreatmentText,
    opt,
)
from dialer.callback.option_group import OptionGroup


class DialOptions(OptionGroup):
    """Dialling and detection (section 2.6)."""

    route_point: str = opt("", "RP@Switch: SIP gateway and caller identity", v1="_route_point", v3="Routing Point")
    trunk_group: str = opt("", "alternative to the route point", v1="_trunk_group")
    dial_prefix: str = opt(
        "", "digits put before the number", v1="_prefix_dial_out", pattern=r"^[0-9*#+]*$", max_length=16
    )
    caller_number: str = opt("", "who calls; empty: of the route point")
    caller_name: str = opt("", "name of who calls; empty: of the route point")
    call_headers: Headers = opt({}, "extra X- SIP headers, JSON object", v1="_ixn_createcall_hints")
    setup_timeout: Seconds = opt(20, "no progress, s", gt=0)
    ring_timeout: Seconds = opt(40, "ringing, s", gt=0)
    media_timeout: Seconds = opt(5, "RTP after the answer, s", gt=0)
    dial_attempts: int = opt(3, "counted attempts", ge=1, le=20)
    dial_retry_delay: Seconds = opt(300, "s between attempts")
    dial_retry_delay_by_result: Delays = opt({}, "other waits by call result, s")
    retry_results: Codes = opt(frozenset(), "call results that are retried")
    final_results: Codes = opt(frozenset(), "call results that end the callback")
    snooze_delay: Seconds = opt(300, "wait after a snooze, s")
    cannot_dial_buffer: Seconds = opt(0, "no attempt in the last seconds of queued_ttl", v1="_cannot_dial_buffer_time")
    reject_forwarded: bool = opt(False, "release calls that were forwarded")
    detect: bool = opt(True, "answer classification")
    detect_early_media: bool = opt(True, "listen before the answer")
    cancel_on_early_tone: bool = opt(True, "release on a tone before the answer")
    detect_time_limit_ms: int = opt(
        0, "longest time to decide after the answer, ms; 0 = as [detection] says", ge=0, le=60_000
    )
    undecided_as: Literal["human", "unknown"] = opt("human", "what an undecided answer counts as")
    on_machine: Literal["hangup", "connect"] = opt("hangup", "what is done with a machine")
    on_fax: Literal["hangup", "connect"] = opt("hangup", "what is done with a fax")
    on_silence: Literal["hangup", "connect"] = opt("hangup", "what is done with silence")
    beep_timeout: Seconds = opt(30, "longest wait for the beep, s")
    record: Literal["off", "on_request", "always"] = opt("off", "whether talks are recorded")
    record_detection: bool = opt(False, "keep what the detection heard of each attempt")


class AgentOptions(OptionGroup):
    """Agent first, preview, disposition (section 2.7), and where the talk runs."""

    agent_leg: Literal["bridge", "refer"] = opt("bridge", "joined in the dialer, or handed to the PBX by REFER")
    agent_first_via_rp: bool = opt(False, "customer leg through the route point", v1="_agent_first_via_rp")
    agent_first_via_tg: bool = opt(False, "customer leg through the trunk group", v1="_agent_first_via_tg")
    preview: bool = opt(False, "ask the agent before dialling", v1="_agent_preview")
    preview_max_rejects: Count = opt(
        3, "rejects until the callback ends; 0 = cannot be rejected", v1="_agent_preview_allow_reject"
    )
    preview_keys: Names = opt((), "user data shown; empty = all", v1="_agent_preview_data")
    preview_timeout: Seconds = opt(30, "s to accept; a timeout is no reject", v1="_agent_preview_timeout", gt=0)
    preview_timeout_not_ready: bool = opt(
        True, "a timeout makes the agent not ready", v1="_agent_preview_timeout_set_notready"
    )
    preview_not_ready_reason: str = opt("", "reason code of it", v1="_agent_preview_set_notready_reason")
    preview_reject_delay: Seconds = opt(5, "wait before the next agent, s")
    disposition: bool = opt(False, "ask the agent for a disposition", v1="_enable_disposition_dialog")
    disposition_timeout: Seconds = opt(60, "s to answer it, after it code OK", v1="_agent_disposition_timeout", gt=0)


class ConfirmOptions(OptionGroup):
    """Customer dials in, confirmation, push (section 2.8)."""

    resource_group: str = opt("", "call-in group; mandatory for USERORIGINATED and builtin", v1="_resource_group")
    provide_code: bool = opt(False, "v1: return a code", v1="_provide_code")
    booking_timeout: Seconds = opt(30, "v1 access booking, s", v1="_booking_expiration_timeout", ge=5, le=1800)
    pushed_callback_expiry_min: Minutes = opt(
        5, "after CALLBACK_READY, min", v3="Pushed Callback Expiry Time (minutes)", gt=0
    )
    match_attempts: int = opt(3, "code entries per call", ge=1, le=100)
    wait_for_user_confirm: bool = opt(False, "ask whether the customer is ready", v1="_wait_for_user_confirm")
    user_confirm_timeout: Seconds = opt(30, "s to confirm", v1="_user_confirm_timeout", gt=0)
    user_confirm_attempts: int = opt(
        3,
        "questions until the callback ends",
        v1="_max_number_of_user_availability_confirmation_attempts",
        ge=1,
        le=100,
    )
    on_user_confirm_timeout: Literal["CONNECT-ANYWAY", "FAIL"] = opt(
        "CONNECT-ANYWAY", "what silence means", v1="_on_user_confirm_timeout"
    )
    push_threshold_min: Minutes = opt(0, "push so long before; 0 = off", v3="Push Notification Threshold (minutes)")
    push_attempts: int = opt(3, "delivery tries", ge=1, le=100)
    push_provider: str = opt("", "push provider; empty: the default one", v1="_provider_name")
    push_debug: bool = opt(False, "use the provider's debug credentials", v1="_use_debug_push_certificate")
    strings_file: str = opt("", "JSON texts by language; empty: built in", v1="_notification_message_file")
    status_notification: Switch = opt("false", "state events to a URL", v1="_enable_status_notification")
    status_notification_type: Literal["", "httpcb"] = opt("", "how they are sent", v1="_status_notification_type")
    status_notification_target: str = opt("", "URL they are posted to", v1="_status_notification_target")
    reminder: bool = opt(False, "event before dialling", v1="_enable_notification_reminder")
    reminder_lead: Seconds = opt(300, "so long before, s", v1="_notification_reminder_buffer")


class TreatmentOptions(OptionGroup):
    """What is played (section 5); values are read by `treatment.parse_treatment`."""

    treatment_customer_connect: TreatmentText = opt(
        "", "once when the person answers; empty: nothing", v1="_treatment_customer_connect"
    )
    treatment_waiting_for_agent: TreatmentText = opt(
        "next_customer_rep.wav", "in a loop until the agent joins", v1="_treatment_waiting_for_agent"
    )
    treatment_on_hold: TreatmentText = opt("", "in a loop while on hold; empty: nothing")
    treatment_find_agent_fail: TreatmentText = opt(
        "all_agents_busy.wav", "no agent in time, then hang up", v1="_treatment_find_agent_fail"
    )
    treatment_call_failure_answering_machine: TreatmentText = opt(
        "call_fail_ans_machine.wav",
        "machine answered, then hang up",
        v1="_treatment_call_failure_answering_machine",
    )
