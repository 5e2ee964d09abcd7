"""The doorbell of what HubSpot is to be told. The row is the queue; a lost ring loses nothing."""

from smsadmin.sending.bell import once

_QUIET = 0.5  # seconds between two rings of one process


def ring() -> None:
    """Asks a worker to write what is due. A broken broker is only logged: the sweep looks by itself."""
    from smsadmin.consent.tasks import sweep

    once(sweep, quiet=_QUIET)
