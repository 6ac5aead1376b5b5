"""Messages to customers' devices and to subscribers' URLs over HTTP: signed, retried, bounded in time and number.

Never blocks a call and never raises for what a receiver does: a message that cannot be delivered is a value.
"""

from dialer.push.courier import Courier, Links, Question
from dialer.push.herald import Announcement, Herald
from dialer.push.http_channel import HttpChannel, signature
from dialer.push.poster import Delivery, Poster
from dialer.push.provider import PushProvider

__all__ = [
    "Announcement",
    "Courier",
    "Delivery",
    "Herald",
    "HttpChannel",
    "Links",
    "Poster",
    "PushProvider",
    "Question",
    "signature",
]
