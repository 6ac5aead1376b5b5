"""The HTTP doors: thin. They parse, call `booking`, and present. `create_app(dialer)`, `create_ops_app(dialer)`."""

from dialer.api.app import create_app, create_ops_app, end_streams
from dialer.api.part import Dialer, House, NodeStatus

__all__ = ["Dialer", "House", "NodeStatus", "create_app", "create_ops_app", "end_streams"]
