"""Our action in HubSpot: what it holds of ours, and making, changing and taking it away there.

Every change is HubSpot's first; what it answers is what is kept here.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from smsadmin import phrases
from smsadmin.connections.models import HubSpotAction
from smsadmin.core import errors
from smsadmin.providers.hubspot import actions, client
from smsadmin.triggers.hubspot import comparing, definition
from smsadmin.triggers.hubspot.catalogue import Generation

Answer = TypeVar("Answer")


class Problem(Exception):
    """Why it did not work, in a sentence in the reader's language."""


def standing(generation: Generation) -> HubSpotAction:
    """What was last seen at HubSpot; a new row where nobody has looked yet."""
    key = {"app_id": settings.HUBSPOT_APP_ID, "generation": generation.key}
    return HubSpotAction.objects.filter(**key).first() or HubSpotAction(**key)


def obstacle() -> str:
    """What has to be set up before anything can be changed at HubSpot; "" for nothing."""
    if not settings.HUBSPOT_APP_ID:
        return _("There is no app id: set HUBSPOT_APP_ID to the id of your app in HubSpot.")
    if not actions.is_configured():
        return _(
            "There is no developer key: set HUBSPOT_DEVELOPER_KEY to the key of the developer account that has the app."
        )
    if not is_reachable():
        return _("HubSpot calls HTTPS addresses only: BASE_URL must begin with https://.")
    return ""


def is_reachable() -> bool:
    """Whether HubSpot would call our address; the sandbox calls any."""
    return settings.SANDBOX or settings.BASE_URL.startswith("https://")


# All of these raise Problem, and keep what HubSpot then holds.


def compare(generation: Generation) -> HubSpotAction:
    """Reads what HubSpot holds: the definition that we know, else the one that calls our address."""
    row = standing(generation)
    return _keep(generation, _asked(lambda: _held(row, generation)))


def create(generation: Generation) -> HubSpotAction:
    """Makes a draft, unless HubSpot holds a definition of ours already."""
    row = standing(generation)

    def made() -> dict[str, Any]:
        return _held(row, generation) or actions.create(definition.as_api(generation))

    return _keep(generation, _asked(made))


def update(generation: Generation) -> HubSpotAction:
    """Makes HubSpot's definition like ours; whether it is published stays as it is."""
    return _patch(generation, definition.changeable(generation))


def publish(generation: Generation) -> HubSpotAction:
    """Offers the action, as HubSpot holds it, in the workflows of every portal that has the app."""
    return _patch(generation, {"published": True})


def unpublish(generation: Generation) -> HubSpotAction:
    """Offers it no more; steps that are in workflows keep running, and can be changed."""
    return _patch(generation, {"published": False})


def archive(generation: Generation) -> HubSpotAction:
    """Takes the definition away from HubSpot. One that is gone already is no problem."""
    row = standing(generation)

    def taken_away() -> None:
        try:
            actions.archive(row.definition_id)
        except client.NotFound:
            return

    _asked(taken_away)
    return _keep(generation, None)


def _patch(generation: Generation, changes: dict[str, Any]) -> HubSpotAction:
    row = standing(generation)
    return _keep(generation, _asked(lambda: actions.patch(row.definition_id, changes)))


def _held(row: HubSpotAction, generation: Generation) -> dict[str, Any] | None:
    if row.definition_id:
        try:
            return actions.definition(row.definition_id)
        except client.NotFound:
            pass  # archived elsewhere, and perhaps made anew
    url = definition.action_url(generation)
    return next((each for each in actions.definitions() if each.get("actionUrl") == url), None)


def _keep(generation: Generation, theirs: dict[str, Any] | None) -> HubSpotAction:
    held = theirs or {}
    found = comparing.differences(definition.changeable(generation), held) if held else []
    row, _made = HubSpotAction.objects.update_or_create(
        app_id=settings.HUBSPOT_APP_ID,
        generation=generation.key,
        defaults={
            "definition_id": str(held.get("id") or ""),
            "revision": str(held.get("revisionId") or ""),
            "published": bool(held.get("published")),
            "compared_at": timezone.now(),
            "differences": [each.as_json() for each in found],
        },
    )
    return row


def _asked(question: Callable[[], Answer]) -> Answer:
    try:
        return question()
    except (errors.SendError, client.NotFound, client.Unavailable) as error:
        raise Problem(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    match error:
        case errors.CredentialRejected():
            return _("HubSpot does not accept the developer key: copy it anew from the developer account.")
        case errors.ScopeMissing(facts=facts):
            return _("The developer token lacks the permission %(scope)s.") % facts
        case errors.ProviderRejected(facts=facts):
            return _("HubSpot refused: %(answer)s (HTTP %(http_status)s).") % facts
        case client.NotFound():
            return _(
                "HubSpot does not know the app %(app)s, or its definition is gone: check HUBSPOT_APP_ID, then compare."
            ) % {"app": settings.HUBSPOT_APP_ID}
    return _("HubSpot did not answer usably: %(reason)s.") % {"reason": phrases.translated(str(error))}
