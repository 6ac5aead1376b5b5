"""Watches a telephone through its PBX: a subscription to its dialog events. Lives and dies on the SIP thread.

Imports pjsua2, so it is imported only when a user agent starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from dialer.telephony.dialog_info import DialogInfo, PhoneState
from dialer.telephony.director import director
from dialer.telephony.sip_message import parse

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine
    from dialer.telephony.sip_account import SipAccount

log = logging.getLogger(__name__)

FIRST_FAILURE = 300


class PhoneWatch(pj.Buddy):  # type: ignore[misc]  # pjsua2 has no types
    """One subscription; the library renews it, and tries again a minute after it has ended.

    Args:
        engine: who owns it.
        account: of the gateway that is asked.
        uri: of the telephone at the PBX.
        taker: called on the loop with each change.
    """

    def __init__(self, engine: Engine, account: SipAccount, uri: str, taker: Callable[[PhoneState], None]) -> None:
        super().__init__()
        self._engine = engine
        self._uri = uri
        self._taker = taker
        self._info = DialogInfo()
        self._told = PhoneState.UNKNOWN
        config = pj.BuddyConfig()
        config.uri = uri
        config.subscribe_dlg_event = True
        self.create(account, config)

    def failed(self) -> None:
        """An error of ours in the callback: the next event is taken as ever."""

    @director
    def onBuddyEvSubDlgEventState(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """The PBX answered, notified, or has gone."""
        event = prm.e
        if event.type != pj.PJSIP_EVENT_TSX_STATE:
            return
        state = event.body.tsxState
        if state.type == pj.PJSIP_EVENT_RX_MSG:
            self._received(state.src.rdata.wholeMsg)
        elif state.type == pj.PJSIP_EVENT_TIMER:
            self._tell(self._info.forget())

    def _received(self, raw: str) -> None:
        message = parse(raw)
        if raw.startswith("NOTIFY "):
            _, _, body = raw.partition("\r\n\r\n")
            ended = message.first("subscription-state").lower().startswith("terminated")
            self._tell(self._info.forget() if ended else self._info.take(body) if body else self._info.state)
        elif message.status >= FIRST_FAILURE and message.status not in {401, 407}:
            log.info("the PBX does not tell of %s: %d %s", self._uri, message.status, message.reason)
            self._tell(self._info.forget())

    def _tell(self, state: PhoneState) -> None:
        if state is not self._told:
            self._told = state
            self._engine.thread.tell(self._taker, state)
