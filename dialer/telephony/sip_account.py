"""Accounts of pjsua2: one for the user agent itself, one for each gateway with its credentials, proxy and media."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pjsua2 as pj

from dialer.telephony.digest import answer_to
from dialer.telephony.director import director
from dialer.telephony.settings import Gateway, UserAgentSettings
from dialer.telephony.sip_message import SipMessage, escaped_user, parse

if TYPE_CHECKING:
    from dialer.telephony.engine import Engine


CHALLENGES = {401: ("www-authenticate", "Authorization"), 407: ("proxy-authenticate", "Proxy-Authorization")}
SRTP_USE = {
    "off": pj.PJMEDIA_SRTP_DISABLED,
    "optional": pj.PJMEDIA_SRTP_OPTIONAL,
    "mandatory": pj.PJMEDIA_SRTP_MANDATORY,
}


class SipAccount(pj.Account):  # type: ignore[misc]  # pjsua2 has no types
    """An account.

    Args:
        engine: who owns it.
        gateway: the gateway it stands for; None = the user agent itself.
    """

    def __init__(self, engine: Engine, gateway: Gateway | None) -> None:
        super().__init__()
        self.engine = engine
        self.gateway = gateway
        self.ping_sent: float | None = None
        self._answering = False

    def failed(self) -> None:
        """An error of ours in a callback of the account: there is no call to fail."""

    @director
    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802 - pjsua2's name
        """A call comes in."""
        self.engine.incoming(self, prm)

    @director
    def onSendRequest(self, prm: Any) -> None:  # noqa: N802
        """A gateway answered OPTIONS, or did not."""
        state = prm.e.body.tsxState
        if self.ping_sent is None or self.gateway is None:
            return
        if state.type == pj.PJSIP_EVENT_RX_MSG:
            message = parse(state.src.rdata.wholeMsg)
            status = message.status
            if status in CHALLENGES and not self._answering and self._answer_challenge(message, status):
                return
        else:
            status = 408 if state.type == pj.PJSIP_EVENT_TIMER else 503
        self._answering = False
        sent, self.ping_sent = self.ping_sent, None
        self.engine.pinger.answered(self.gateway.name, status, time.monotonic() - sent)

    def ping(self) -> None:
        """Sends OPTIONS to the gateway, unless an earlier one is still unanswered."""
        assert self.gateway is not None
        if self.ping_sent is not None:
            return
        self.ping_sent = time.monotonic()
        if not self._send_options(self.gateway):
            self.ping_sent = None
            self.engine.pinger.answered(self.gateway.name, 503, 0.0)

    def _answer_challenge(self, message: SipMessage, status: int) -> bool:
        """Sends the OPTIONS again with credentials; False when there are none for this challenge."""
        gateway = self.gateway
        asked, answered = CHALLENGES[status]
        if gateway is None or not gateway.user:
            return False
        answer = answer_to(
            message.first(asked), method="OPTIONS", uri=uri_of_gateway(gateway), user=gateway.user,
            password=gateway.password, realm=gateway.realm,
        )  # fmt: skip
        if answer is None:
            return False
        self._answering = True
        return self._send_options(gateway, (answered, answer))

    def _send_options(self, gateway: Gateway, header: tuple[str, str] | None = None) -> bool:
        prm = pj.SendRequestParam()
        prm.method = "OPTIONS"
        prm.txOption.targetUri = uri_of_gateway(gateway)
        if header is not None:
            field = pj.SipHeader()
            field.hName, field.hValue = header
            prm.txOption.headers.push_back(field)
        try:
            self.sendRequest(prm)
        except pj.Error:
            return False
        return True


def uri_of_gateway(gateway: Gateway) -> str:
    """Gives the request URI of a request to the gateway itself."""
    return f"{gateway.uri.split(';')[0]}{gateway.uri_parameters}"


def account_config(settings: UserAgentSettings, gateway: Gateway | None, local: str, ports: tuple[int, int]) -> Any:
    """Makes the configuration of an account.

    Args:
        settings: of the user agent.
        gateway: the gateway it stands for; None = the user agent itself.
        local: host:port of our own signalling.
        ports: first and last RTP port.
    """
    config = pj.AccountConfig()
    host = (gateway.from_domain or gateway.host_port) if gateway else local
    user = (gateway.user if gateway else "") or settings.user_agent_name
    config.idUri = f"sip:{escaped_user(user)}@{host}"
    config.regConfig.registerOnAdd = False
    config.natConfig.contactRewriteUse = 0
    config.natConfig.viaRewriteUse = 0
    config.natConfig.sdpNatRewriteUse = 0
    config.natConfig.iceEnabled = False
    config.natConfig.sipOutboundUse = 0
    config.natConfig.udpKaIntervalSec = 0
    if gateway is not None:
        _as_gateway_wants(config, gateway)
    _media(config.mediaConfig, settings, gateway, ports)
    timers = gateway.session_timers if gateway else settings.session_timers
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL if timers else pj.PJSUA_SIP_TIMER_INACTIVE
    return config


def _as_gateway_wants(config: Any, gateway: Gateway) -> None:
    if gateway.user:
        config.sipConfig.authCreds.push_back(
            pj.AuthCredInfo("digest", gateway.realm, gateway.user, 0, gateway.password)
        )
    if gateway.outbound_proxy:
        route = gateway.outbound_proxy
        config.sipConfig.proxies.push_back(route if ";lr" in route else f"{route};lr")


def _media(media: Any, settings: UserAgentSettings, gateway: Gateway | None, ports: tuple[int, int]) -> None:
    media.transportConfig.boundAddress = "" if settings.listen_host in {"0.0.0.0", "::"} else settings.listen_host  # noqa: S104
    media.transportConfig.publicAddress = settings.public_address or ""
    media.transportConfig.port = ports[0]
    media.transportConfig.portRange = ports[1] - ports[0] - 1
    media.transportConfig.randomizePort = True  # a node that starts again seldom meets what is sent to its last run
    media.srtpUse = SRTP_USE[gateway.srtp if gateway else settings.srtp]
    media.srtpSecureSignaling = 0  # the PBX's TLS is its owner's choice; the lab and loopback have none
    media.rtcpMuxEnabled = False
    media.lockCodecEnabled = False  # a re-INVITE of our own right after the answer would only delay the talk
