"""What the specification names and no row provokes yet, with the reason."""

MISSING_RESULTS: dict[int, str] = {
    18: "queues have no limit of their own yet; a service's max_open refuses at booking",
}
"""By call_result."""

MISSING_REASONS: dict[str, str] = {
    "FAIL_INCORRECT_CONFIG_MEDIA_TYPE": "the configuration refuses other media than voice at load",
    "FAIL_IXN_UNKNOWN_MEDIA_TYPE": "the configuration refuses chat at load",
    "FAIL_LOAD_MESSAGE_FILE": "the strings file is kept, not read",
    "FAIL_NO_CUSTOMER_NUMBER": "a session does not check for a number before it dials",
    "FAIL_QUEUEING": "queues have no limit of their own yet; a service's max_open refuses at booking",
    "NOT_AVAILABLE": "there are no flows of others that could end without a reason",
    "SUBMIT_ERROR": "the node of a process takes what was booked in it, or it waits until one does",
}
"""By reason."""
