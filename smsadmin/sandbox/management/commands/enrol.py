"""`manage.py enrol`: let the sandbox's workflow runner enrol records, and wait for the outcome."""

import os
import time
from argparse import ArgumentParser
from typing import Any

import httpx
from django.core.management.base import BaseCommand, CommandError

from smsadmin.sandbox.management.commands.sandbox import DEFAULT_PORT

POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = "Enrol records of the sandbox in a workflow, or in a saved action."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workflow", required=True, help="name of a workflow or of a saved action")
        parser.add_argument("--records", type=int, default=1)
        parser.add_argument("--rate", type=float, help="executions a second; default: as fast as possible")
        parser.add_argument("--repeat", type=float, default=0.0, help="share delivered twice, 0 to 1")
        parser.add_argument("--wait", type=float, default=30.0, help="seconds to wait for blocked executions")

    def handle(self, *args: Any, workflow: str, records: int, wait: float, **options: Any) -> None:
        port = os.environ.get("SANDBOX_PORT") or DEFAULT_PORT
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}/_control/", trust_env=False, timeout=30)
        asked = {
            "workflow": self._workflow(workflow),
            "records": records,
            "rate": options["rate"],
            "repeat": options["repeat"],
        }
        progress = self._answer("POST", "enrol", json=asked)
        progress = self._until_done(progress, wait)
        start_of_line = "\r" if self.stdout.isatty() else ""
        self.stdout.write(f"{start_of_line}{summary(progress)}")

    def _workflow(self, name: str) -> str | dict[str, Any]:
        """A workflow of the sandbox by name, else one made of the saved action of that name."""
        names = [item["name"] for item in self._answer("GET", "workflows")]
        if name in names:
            return name
        from smsadmin.actions.models import Action, ObjectType
        from smsadmin.providers.hubspot.client import PATH_NAMES

        about_records = Action.objects.exclude(current__object_type=ObjectType.CALL)
        action = about_records.filter(name=name).select_related("current").order_by("pk").first()
        if action is None:
            actions = about_records.order_by("name").values_list("name", flat=True)
            known = ", ".join([*names, *actions])
            raise CommandError(f"There is no workflow or action “{name}”. There are: {known}.")
        kind = PATH_NAMES[action.current.object_type] if action.current else "contacts"
        url = f"/hubspot/actions/send-sms?action={action.pk}"
        return {"name": name, "action_url": url, "object_type": kind}

    def _until_done(self, progress: dict[str, Any], wait: float) -> dict[str, Any]:
        """Show progress until all have an answer, and the blocked ones had time to be completed."""
        deadline = None
        while not progress["done"] or (progress["blocked"] and time.monotonic() < (deadline or float("inf"))):
            if progress["done"]:
                if deadline is None:
                    deadline = time.monotonic() + wait
                    self._say_that_it_waits(progress["blocked"], wait)
                time.sleep(POLL_SECONDS)
            progress = self._answer("GET", f"enrol/{progress['id']}", params={"wait": POLL_SECONDS})
            if self.stdout.isatty():
                self.stdout.write(f"\r{summary(progress)}", ending="")
                self.stdout.flush()
        return progress

    def _say_that_it_waits(self, blocked: int, wait: float) -> None:
        if wait and not self.stdout.isatty():  # a terminal shows the progress instead
            self.stdout.write(f"{blocked} blocked: waiting {wait:.0f} s at most to hear of them (--wait)")

    def _answer(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self.http.request(method, path, **options)
        except httpx.TransportError as error:
            raise CommandError(
                f"The sandbox does not answer at {self.http.base_url}. Start it with make run; "
                "where it runs on another port, set SANDBOX_PORT for this command too."
            ) from error
        if answer.is_error:
            raise CommandError(answer.json()["message"])
        return answer.json()


def summary(progress: dict[str, Any]) -> str:
    """One line: how many records ended in which state."""
    failed = ", ".join(f"{count} {code}" for code, count in progress["failed"].items())
    parts = [f"{progress['records']} records: {progress['success']} success"]
    parts.append(f"{sum(progress['failed'].values())} failed" + (f" ({failed})" if failed else ""))
    parts.append(f"{progress['blocked']} blocked")
    parts.append(f"{progress['no_answer']} no answer")
    if progress["pending"]:
        parts.append(f"{progress['pending']} pending")
    if progress["expired"]:
        parts.append(f"{progress['expired']} expired")
    if progress["repeated"]:
        parts.append(f"{progress['repeated']} delivered twice")
    return " · ".join(parts) + f" · {progress['seconds']:.1f} s"
