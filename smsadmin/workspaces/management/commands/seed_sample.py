"""`manage.py seed_sample`: the sample workspace of a fresh clone, connected to the sandbox."""

import secrets
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from smsadmin.actions.models import Action, ActionVersion
from smsadmin.agents import sample
from smsadmin.classic.models import ClassicSettings
from smsadmin.connections import callr_pages
from smsadmin.consent.models import Policy
from smsadmin.directory import mirror
from smsadmin.directory.models import Number, SenderKind, Source
from smsadmin.incoming import addresses, webhooks
from smsadmin.pacing import slots
from smsadmin.providers import registry
from smsadmin.providers.aircall.client import AircallError
from smsadmin.providers.base import AccountError
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.checks import SAMPLE_EMAIL, SAMPLE_PASSWORD, sample_is_safe
from smsadmin.workspaces.models import Connection, User, Workspace
from smsadmin.workspaces.setup import new_workspace

PORTAL = "9000001"
ACCOUNT = "sandbox-id"
CALLR_ACCOUNT = "sandbox1"
TWILIO_ACCOUNT = "AC00000000000000000000000000000001"
TEST_PHONE = "+12025550147"  # of the numbers kept for fiction


def _control() -> str:
    """Where the sandbox is told what a person would do elsewhere."""
    return f"http://127.0.0.1:{settings.SANDBOX_PORT}/_control"


class Command(BaseCommand):
    help = (
        "Creates the sample workspace, once, and has the sandbox tell it what becomes of its messages. "
        "Only where the sandbox plays the outside world."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not sample_is_safe():
            raise CommandError(
                "The sample workspace has a published sign-in, so it is made only where the sandbox is in use and "
                "BASE_URL is this machine. For a real one: manage.py new_workspace NAME EMAIL"
            )
        if not User.objects.filter(email=SAMPLE_EMAIL).exists():
            self._create()
        self._listen()

    def _create(self) -> None:
        owner = User.objects.create_user(SAMPLE_EMAIL, SAMPLE_PASSWORD, name="Alex Admin")
        workspace = new_workspace("Sample workspace", owner, business_name="Example Ltd")
        aircall = self._connect(workspace)
        run = mirror.refresh(aircall.pk, sleep=lambda seconds: None)  # the sandbox is ours to hurry
        slots.forget(aircall.pk)  # else the first message would wait for the end of all those slots
        if run is None or run.state != run.State.DONE:
            owner.delete()
            workspace.delete()
            raise CommandError(f"The sandbox's directory could not be read: {run.error if run else 'busy'}")
        self._confirm_numbers(aircall)
        self._add_callr(workspace)
        self._add_twilio(workspace)
        sample.add(workspace, owner, self._add_action(workspace, owner))
        self._add_test_number(workspace, owner)
        self._keep_opt_outs(workspace)
        ClassicSettings.objects.create(workspace=workspace, enabled=True)
        self.stdout.write("Sample workspace created.")

    def _connect(self, workspace: Workspace) -> Connection:
        Connection.objects.create(
            workspace=workspace,
            kind=Connection.Kind.HUBSPOT,
            name="Sandbox portal",
            external_id=PORTAL,
            secrets={"client_secret": "sandbox-client-secret", "access_token": "sandbox-hubspot-token"},
        )
        return Connection.objects.create(
            workspace=workspace,
            kind=Connection.Kind.AIRCALL,
            name="Sandbox account",
            external_id=ACCOUNT,
            secrets={"api_id": ACCOUNT, "api_token": "sandbox-token"},
        )

    def _add_callr(self, workspace: Workspace) -> None:
        """With a secret for its webhooks that nobody else knows. Its mobile numbers can text, as an admin would say."""
        callr = Connection.objects.create(
            workspace=workspace,
            kind=Connection.Kind.CALLR,
            name="Sandbox Callr account",
            external_id=CALLR_ACCOUNT,
            secrets={"api_key": "sandbox-callr-key", "hmac_secret": secrets.token_urlsafe(24)},
        )
        callr_pages.prepare(callr)
        mirror.refresh(callr.pk, sleep=lambda seconds: None)
        slots.forget(callr.pk)
        mobiles = Number.objects.filter(connection=callr, kind=SenderKind.PHONE, e164__startswith="+336")
        mobiles.update(sms_capable=True, sms_capable_source=Source.ADMIN)

    def _add_twilio(self, workspace: Workspace) -> None:
        twilio = Connection.objects.create(
            workspace=workspace,
            kind=Connection.Kind.TWILIO,
            name="Sandbox Twilio account",
            external_id=TWILIO_ACCOUNT,
            secrets={"auth_token": "0123456789abcdef0123456789abcdef"},
        )
        mirror.refresh(twilio.pk, sleep=lambda seconds: None)
        slots.forget(twilio.pk)

    def _listen(self) -> None:
        """At each start: the sandbox forgets its webhooks when it ends."""
        for aircall in Connection.objects.filter(kind=Connection.Kind.AIRCALL, external_id=ACCOUNT):
            try:
                webhooks.set_up(aircall)
            except AircallError as error:
                self.stderr.write(f"The sandbox will not tell what becomes of messages: {error}")
        for callr in Connection.objects.filter(kind=Connection.Kind.CALLR, external_id=CALLR_ACCOUNT):
            self._make_webhook(callr)
        for twilio in Connection.objects.filter(kind=Connection.Kind.TWILIO, external_id=TWILIO_ACCOUNT):
            self._have_twilio_call(twilio)

    def _make_webhook(self, callr: Connection) -> None:
        """What a person would make in Callr's portal."""
        asked = {
            "url": webhooks.address_for_portal(callr),
            "secret": callr.secrets.get("hmac_secret", ""),
        }
        try:
            httpx.post(f"{_control()}/callr/webhooks", json=asked, timeout=10, trust_env=False)
        except httpx.HTTPError as error:
            self.stderr.write(f"The sandbox's Callr will not tell what becomes of messages: {error}")

    def _have_twilio_call(self, twilio: Connection) -> None:
        """What a person would choose on the page of the account: its numbers tell us of their texts."""
        client, inbound = registry.twilio(twilio), addresses.for_twilio(twilio).inbound
        client.turn = None  # the sandbox is ours to hurry
        try:
            for number in list(client.numbers(lambda _read, _total: None)):
                client.have_texts_told(number["sid"], inbound)
        except AccountError as error:
            self.stderr.write(f"The sandbox's Twilio will not tell who texts: {error}")

    def _confirm_numbers(self, aircall: Connection) -> None:
        """What an admin would confirm by hand, taken from what the sandbox knows of its own numbers."""
        url = f"{_control()}/aircall/numbers"
        truth = {str(each["id"]): each for each in httpx.get(url, timeout=10, trust_env=False).json()}
        for number in Number.objects.filter(connection=aircall):
            known = truth[number.provider_id]
            number.connected, number.sms_capable = known["connected_to_hubspot"], known["sms"]
            number.third_party = known["third_party"]
            number.proxy_mode, number.proxy_mode_source = (
                known["proxy"],
                Source.PROBE,
            )  # asked in turn otherwise
            number.connected_source = number.sms_capable_source = number.third_party_source = Source.ADMIN
            number.save()

    def _add_action(self, workspace: Workspace, owner: User) -> Number:
        """An action, and the number that it sends from."""
        numbers = Number.objects.filter(workspace=workspace, country="US").order_by("pk")
        sender = next(number for number in numbers if number.is_eligible)
        action = Action.objects.create(workspace=workspace, name="Welcome new contacts")
        action.current = ActionVersion.objects.create(
            action=action,
            number=1,
            sender_kind="number",
            sender_number=sender,
            recipient_property="Contact.phone",
            message=(
                'Hi {{Contact.FirstName | default("there")}}, this is Example Ltd. '
                "Thank you for signing up! Reply STOP to opt out."
            ),
            created_by=owner,
            created_at=timezone.now(),
        )
        action.save()
        return sender

    def _add_test_number(self, workspace: Workspace, owner: User) -> None:
        """Verified without a code: the sandbox's phones are nobody's."""
        TestNumber.objects.create(
            workspace=workspace,
            label="Alex's phone",
            e164=TEST_PHONE,
            verified_at=timezone.now(),
            verified_by=owner,
            created_by=owner,
        )

    def _keep_opt_outs(self, workspace: Workspace) -> None:
        """A list here, and the property that some of the sandbox's contacts have set."""
        Policy.objects.create(
            workspace=workspace,
            kept_by=Policy.KeptBy.HERE,
            stop_answer="Example Ltd: you get no more texts from us. Text START to get them again.",
            start_answer="Example Ltd: you get our texts again. Text STOP to opt out.",
            help_answer="Example Ltd: text STOP to get no more texts, or write to help@example.com.",
        )
