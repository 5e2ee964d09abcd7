"""What the machinery says of itself."""

from django.db import models


class Heartbeat(models.Model):
    """One row: when a task of the scheduler was last worked on."""

    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S}"
