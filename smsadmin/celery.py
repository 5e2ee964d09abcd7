"""The Celery application: the broker is a doorbell, the database is the queue."""

import os

from celery import Celery
from celery.signals import setup_logging, worker_shutting_down
from django_structlog.celery.steps import DjangoStructLogInitStep

from smsadmin.stopping import stopping

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smsadmin.settings")

app = Celery("smsadmin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Django's LOGGING setting serves the worker too."""


@worker_shutting_down.connect
def end_after_this_batch(**_: object) -> None:
    """A drain writes what its batch came to, and claims no other."""
    stopping.set()
