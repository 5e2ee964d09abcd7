"""`manage.py sandbox`: the stand-ins, in the foreground, until SIGTERM or Ctrl-C."""

import errno
import os
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from smsadmin.sandbox.server import make_server
from smsadmin.sandbox.state import Settings

DEFAULT_PORT = 8001


class Command(BaseCommand):
    help = "Run stand-ins for Aircall, HubSpot, Callr and Twilio on this machine."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="default: SANDBOX_PORT, or 8001")

    def handle(self, *args: Any, port: int | None, **options: Any) -> None:
        try:
            port = port or int(os.environ.get("SANDBOX_PORT") or DEFAULT_PORT)
            settings = Settings.from_environment(os.environ)
        except ValueError as error:
            raise CommandError(
                f"SANDBOX_PORT or a SANDBOX_…_REQUESTS_PER_MINUTE is not a whole number: {error}"
            ) from error
        try:
            server = make_server(port, settings)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise CommandError(f"Port {port} is in use. Set SANDBOX_PORT to another one.") from error
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
        self.stdout.write(f"Sandbox ready at {server.url}/ (Aircall, HubSpot, Callr, Twilio, _control)")
        self.stdout.flush()
        server.serve_forever(poll_interval=0.1)
        server.server_close()
