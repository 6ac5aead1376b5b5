"""The worker: claims due callbacks under a lease, keeps pace and limits, runs scenarios, recovers after a crash."""

from dialer.node.assembly import Dialer, open_dialer, open_store
from dialer.node.node import Node
from dialer.node.pace import Pacer
from dialer.node.single import NodeRuns
from dialer.node.status import RunningStatus

__all__ = ["Dialer", "Node", "NodeRuns", "Pacer", "RunningStatus", "open_dialer", "open_store"]
