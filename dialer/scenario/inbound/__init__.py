"""Customers who call us: by an access number that they were given, or at an application's number."""

from dialer.scenario.inbound.reception import Reception
from dialer.scenario.inbound.user_originated import UserOriginated

__all__ = ["Reception", "UserOriginated"]
