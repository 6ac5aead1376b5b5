"""Asterisk's manager interface (AMI), as little as the lab and the tests need: log in, act, read events."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

Message = dict[str, str]


class ManagerError(ConnectionError):
    """The manager interface is not there or refuses."""


class Manager:
    """One connection to the manager interface of an Asterisk. Not shared between threads."""

    def __init__(self, port: int, user: str, secret: str, *, host: str = "127.0.0.1", deadline_s: float = 5.0) -> None:
        """Connects and logs in; events of all classes are sent from then on.

        Raises:
            ManagerError: when it cannot be reached or refuses the log-in.
        """
        try:
            self._socket = socket.create_connection((host, port), timeout=deadline_s)
        except OSError as error:
            raise ManagerError(f"no manager interface at {host}:{port}: {error}") from error
        self._buffer = b""
        self.events: list[Message] = []
        self._line(deadline_s)  # the banner
        answer = self.act("Login", Username=user, Secret=secret, deadline_s=deadline_s)
        if answer.get("Response") != "Success":
            self.close()
            raise ManagerError(f"the manager interface refuses {user!r}: {answer.get('Message', '')}")

    def act(self, action: str, *, deadline_s: float = 5.0, **fields: str) -> Message:
        """Sends one action and returns its response; events that come first are kept in `events`."""
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in fields.items())]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        for message in self._messages(deadline_s):
            if "Response" in message:
                return message
            self.events.append(message)
        raise ManagerError(f"no response to {action} within {deadline_s} s")

    def wait(self, event: str, *, deadline_s: float, **fields: str) -> Message | None:
        """Takes the first event of this name whose fields have these values; None at the deadline."""
        wanted = {"Event": event, **fields}

        def fits(message: Message) -> bool:
            return all(message.get(name) == value for name, value in wanted.items())

        for kept in self.events:
            if fits(kept):
                self.events.remove(kept)
                return kept
        with contextlib.suppress(ManagerError):
            for message in self._messages(deadline_s):
                if fits(message):
                    return message
                self.events.append(message)
        return None

    def command(self, line: str) -> str:
        """What the command line of Asterisk answers to `line`."""
        return self.act("Command", Command=line).get("Output", "")

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _messages(self, deadline_s: float) -> Iterator[Message]:
        ends = time.monotonic() + deadline_s
        while (left := ends - time.monotonic()) > 0:
            message: Message = {}
            while line := self._line(left):
                name, _, value = line.partition(":")
                value = value.strip()
                message[name] = f"{message[name]}\n{value}" if name in message else value
            if message:
                yield message

    def _line(self, deadline_s: float) -> str:
        self._socket.settimeout(max(deadline_s, 0.01))
        while b"\r\n" not in self._buffer:
            try:
                more = self._socket.recv(65536)
            except TimeoutError as error:
                raise ManagerError("the manager interface is silent") from error
            if not more:
                raise ManagerError("the manager interface closed the connection")
            self._buffer += more
        line, self._buffer = self._buffer.split(b"\r\n", 1)
        return line.decode(errors="replace")
