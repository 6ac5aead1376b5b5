"""`dialer check`: proves the configuration before any customer is called: file, treatments, store, gateways."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from dialer.callback.errors import DialerError
from dialer.cli.config_option import ConfigOption, load_config
from dialer.cli.console import out
from dialer.config import DialerConfig, check_treatments
from dialer.node import open_store
from dialer.telephony import GatewayHealth, TelephonyError, UserAgent

GOOD, DOUBTFUL, BAD = "[green]ok[/green]", "[yellow]??[/yellow]", "[red]no[/red]"
POLL_S = 0.05


def check(
    config: ConfigOption = Path("dialer.toml"),
    wait_s: Annotated[float, typer.Option(help="How long a gateway may take to answer OPTIONS, seconds.")] = 5.0,
) -> None:
    """Checks the configuration, the treatments' sounds, the store, and that every gateway answers."""
    settings = load_config(config)
    say(
        GOOD,
        f"{config}: {len(settings.services)} service(s), {len(settings.gateways)} gateway(s), "
        f"{len(settings.agents)} agent(s)",
    )
    for warning in settings.warnings:
        say(DOUBTFUL, str(warning))
    failed = [
        say_treatments(settings),
        asyncio.run(check_store(settings)),
        asyncio.run(check_gateways(settings, wait_s)),
    ]
    if any(failed):
        raise typer.Exit(1)
    out.print("ready to run")


def say(mark: str, text: str) -> None:
    """One line of the report."""
    out.print(f"{mark}  {escape(text)}", highlight=False, soft_wrap=True)


def say_treatments(config: DialerConfig) -> bool:
    """Reports on the sounds; True when one cannot be played."""
    problems = check_treatments(config)
    for problem in problems:
        say(BAD, str(problem))
    if not problems:
        say(GOOD, "treatments: every sound can be played")
    return bool(problems)


async def check_store(config: DialerConfig) -> bool:
    """Reports on the store; True when it cannot be used."""
    try:
        async with open_store(config) as store:
            await store.counts()
    except DialerError as fault:
        say(BAD, f"store: {fault}")
        return True
    say(GOOD, f"store: {config.db.url.partition('@')[2] or config.db.url}")
    return False


async def check_gateways(config: DialerConfig, wait_s: float) -> bool:
    """Reports on the gateways' answers to OPTIONS; True when one does not answer, or the user agent cannot start."""
    agent = UserAgent(config.user_agent_settings())
    try:
        await agent.start()
    except TelephonyError as fault:
        say(BAD, f"SIP: {fault}")
        return True
    try:
        answers = await asyncio.gather(*(answer_of(agent, name, wait_s) for name in config.gateways))
    finally:
        await agent.stop()
    for name, health in zip(config.gateways, answers, strict=True):
        say_gateway(name, config.gateways[name].uri, health)
    return not all(health.up for health in answers)


async def answer_of(agent: UserAgent, gateway: str, wait_s: float) -> GatewayHealth:
    """Asks a gateway for its health by OPTIONS and waits for its answer."""
    return await agent.probe_gateway(gateway, timeout_s=wait_s)


def say_gateway(name: str, uri: str, health: GatewayHealth) -> None:
    """Reports on one gateway, with what to do when it does not answer."""
    if health.up:
        say(GOOD, f"gateway {name} ({uri}): answers OPTIONS with {health.last_status} in {health.rtt_ms:.0f} ms")
    elif health.last_status in {401, 403, 407}:
        say(
            BAD,
            f"gateway {name} ({uri}): refuses us with {health.last_status}; "
            f"check user and password of [gateway.{name}]",
        )
    else:
        status = f"answers {health.last_status}" if health.last_status else "does not answer"
        say(
            BAD,
            f"gateway {name} ({uri}): {status}; check uri, transport and firewall of [gateway.{name}], "
            "and that the PBX runs",
        )
