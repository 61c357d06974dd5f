"""What a service manager is told: ready, alive, stopping. systemd's own protocol, no library.

One datagram to the socket that the environment names (`sd_notify(3)`). Without it, nothing is
told.
"""

import os
import socket
from contextlib import suppress


class Notifier:
    """Tells the service manager, if one wants to know."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        wanted = os.environ.get("WATCHDOG_USEC", "")
        self.watchdog_ms = int(wanted) // 1000 if wanted.isdecimal() else 0
        """A sign of life is wanted at least this often; 0 for never."""
        self._alive_ms = 0

    def tell(self, *lines: str) -> None:
        """Send these lines, such as `READY=1`. That nobody hears them is no failure of ours."""
        if not self._address:
            return
        abstract = self._address.startswith("@")
        address = f"\0{self._address[1:]}" if abstract else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
            telling.connect(address)
            telling.sendall("\n".join(lines).encode())

    def alive(self, status: str, now_ms: int) -> None:
        """Give a sign of life if one is due: three in the time in which one is wanted."""
        if self.watchdog_ms and now_ms - self._alive_ms >= self.watchdog_ms // 3:
            self._alive_ms = now_ms
            self.tell("WATCHDOG=1", f"STATUS={status}")
