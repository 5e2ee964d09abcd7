"""The benchmark's workspace: numbers, users, and limits no run can reach. Run as a program, with settings."""

import django

django.setup()

from django.utils import timezone  # noqa: E402

from smsadmin.directory.models import Agent, Association, Number  # noqa: E402
from smsadmin.quotas.models import Rule  # noqa: E402
from smsadmin.workspaces.models import Connection, User  # noqa: E402
from smsadmin.workspaces.setup import new_workspace  # noqa: E402
from tests.bench.shape import NUMBERS, PORTAL, SECRET, USERS  # noqa: E402


def seed() -> None:
    owner = User.objects.create_user("bench@example.com")
    workspace = new_workspace("Bench", owner)
    Rule.objects.filter(workspace=workspace).update(limit=2_000_000_000, reason="no run reaches it")
    secrets = {"client_secret": SECRET, "access_token": "bench"}
    Connection.objects.create(
        workspace=workspace, kind="hubspot", name="Portal", external_id=str(PORTAL), secrets=secrets
    )
    aircall = Connection.objects.create(
        workspace=workspace,
        kind="aircall",
        name="Account",
        external_id="bench",
        secrets={"api_id": "bench", "api_token": "bench"},
        requests_per_minute=6_000_000,
    )
    owned = {"workspace": workspace, "connection": aircall, "seen_at": timezone.now()}
    numbers = Number.objects.bulk_create(
        Number(
            provider_id=str(1000 + i),
            e164=f"+1646{5550000 + i}",
            name=f"Line {i}",
            connected=True,
            sms_capable=True,
            **owned,
        )
        for i in range(NUMBERS)
    )
    agents = Agent.objects.bulk_create(
        Agent(provider_id=str(5000 + i), name=f"User {i}", email=f"user{i}@example.com", **owned)
        for i in range(USERS)
    )
    Association.objects.bulk_create(
        Association(number=number, agent=agents[i % USERS]) for i, number in enumerate(numbers)
    )


seed()
