"""Turns the configuration's tables into the settings of the SIP user agent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dialer.config.table import GatewayTable
from dialer.telephony.settings import Gateway, UserAgentSettings

if TYPE_CHECKING:
    from dialer.config.dialer_config import DialerConfig


def user_agent_settings(config: DialerConfig) -> UserAgentSettings:
    """The settings of the SIP user agent."""
    sip = config.sip
    return UserAgentSettings(
        listen_host=sip.listen_host,
        public_address=sip.public_address,
        udp_port=sip.udp_port,
        tcp_port=sip.tcp_port,
        tls_port=sip.tls_port,
        tls_certificate=sip.tls_certificate,
        tls_key=sip.tls_key,
        tls_ca=sip.tls_ca,
        rtp_port_range=config.media.rtp_ports,
        max_channels=config.dial.max_channels,
        max_redirects=config.dial.max_redirects,
        user_agent_name=sip.user_agent_name,
        gateways={name: gateway_of(name, table) for name, table in config.gateways.items()},
    )


def gateway_of(name: str, table: GatewayTable) -> Gateway:
    """One gateway with its password, which is read from the environment where the table says so."""
    password = os.environ.get(table.password_env, "") if table.password_env else table.password.get_secret_value()
    return Gateway(
        name=name,
        uri=table.uri,
        user=table.user,
        password=password,
        realm=table.realm,
        outbound_proxy=table.outbound_proxy,
        transport=table.transport,
        codecs=table.codecs,
        srtp=table.srtp,
        session_timers=table.session_timers,
        options_ping_s=table.options_ping_s,
        max_channels=table.max_channels,
        from_domain=table.from_domain,
    )
