"""Telling HubSpot's portals who opted out and who came back. A failure here changes nothing of what holds here.

A row for each portal and number is the queue; a newer statement takes the place of an older one, also while that is
being written.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from smsadmin.consent import bell, policies
from smsadmin.consent.models import OptOut, PropertyWrite
from smsadmin.core import errors
from smsadmin.incoming.models import InboundMessage
from smsadmin.providers.hubspot import client, optouts
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection

logger = structlog.get_logger(__name__)

State = PropertyWrite.State

#: A worker that is killed while it writes leaves the row to the next one after that.
LEASE = timedelta(minutes=2)
SHORTEST, LONGEST = timedelta(seconds=15), timedelta(hours=1)
#: About a day of trying.
MOST_TRIES = 30
#: What the portal does not allow is tried again until somebody has allowed it, without counting as a try.
BARRED, BARRED_LONGEST = timedelta(minutes=5), timedelta(hours=6)
BARRED_FOR = timedelta(days=7)
MOST_AT_ONCE = 200
#: Seconds that HubSpot is left alone after it asked to slow down.
PAUSE = 1.0


def told(workspace_id: int) -> list[Connection]:
    """The portals that are told of who opts out and who comes back; none where the policy does not say so."""
    policy = policies.policy_of(workspace_id)
    if not (policy.keeps_list and policy.hubspot_property and policy.writes_back):
        return []
    portals = Connection.objects.filter(workspace=workspace_id, kind=Connection.Kind.HUBSPOT)
    return [portal for portal in portals if portal.secrets.get("access_token")]


def owe(
    workspace_id: int, rows: Sequence[OptOut], *, is_out: bool, answered: InboundMessage | None = None
) -> None:
    """Has every portal of the workspace told of these numbers, if its policy says so. `answered` is the text that
    said so, whose message's contact is told of too."""
    if not rows or not (portals := told(workspace_id)):
        return
    now, contact = timezone.now(), _contact(answered)
    writes = [
        PropertyWrite(
            workspace_id=workspace_id,
            connection=portal,
            opt_out=row,
            is_out=is_out,
            contact=contact.get(portal.external_id, ""),
            asked_at=now,
            next_try_at=now,
        )
        for portal in portals
        for row in rows
    ]
    PropertyWrite.objects.bulk_create(
        writes,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["connection", "opt_out"],
        update_fields=["is_out", "contact", "asked_at", "next_try_at", "state", "tries", "error", "ended_at"],
    )
    if writes:
        transaction.on_commit(bell.ring)


def _contact(answered: InboundMessage | None) -> dict[str, str]:
    """The contact of the message that a text answers, by portal."""
    if answered is None or answered.answers is None:
        return {}
    about = Message.objects.filter(pk=answered.answers, object_type="contact").exclude(object_id="")
    found = about.values_list("origin__portal", "object_id").first()
    return {str(found[0]): found[1]} if found else {}


def again(writes: QuerySet[PropertyWrite]) -> int:
    """Has those that failed tried once more; returns how many."""
    now = timezone.now()
    fresh = {"state": State.WAITING, "tries": 0, "error": "", "ended_at": None, "next_try_at": now}
    count = writes.filter(state=State.FAILED).update(**fresh)
    if count:
        bell.ring()
    return count


# --- The worker's side -------------------------------------------------------------------------------


def run(sleep: Callable[[float], None] = time.sleep) -> int:
    """Writes what is due, at most MOST_AT_ONCE; returns how many were taken."""
    due = PropertyWrite.objects.filter(next_try_at__lte=timezone.now())
    ids = list(due.order_by("next_try_at").values_list("pk", flat=True)[:MOST_AT_ONCE])
    return sum(_taken(pk, sleep) for pk in ids)


def _taken(pk: int, sleep: Callable[[float], None]) -> bool:
    now = timezone.now()
    mine = PropertyWrite.objects.filter(pk=pk, next_try_at__lte=now).update(next_try_at=now + LEASE)
    if not mine:
        return False
    write = PropertyWrite.objects.select_related("connection", "opt_out").get(pk=pk)
    try:
        _write(write)
    except client.RateLimited as limit:
        _put_off(write, str(limit))
        sleep(PAUSE)
    except client.Unavailable as silence:
        _put_off(write, str(silence))
    except (errors.CredentialRejected, errors.ScopeMissing) as error:
        _wait_for_access(write, str(error))
    except errors.SendError as error:
        _ended(write, State.FAILED, error=_words(write, error))
    except Exception as unforeseen:
        logger.exception("consent.write_failed", write=pk)
        _put_off(write, f"internal error: {type(unforeseen).__name__}")
    return True


def _write(write: PropertyWrite) -> None:
    name = policies.stored(write.workspace_id).hubspot_property
    if not name:  # it was taken out of the policy meanwhile
        _ended(write, State.NOBODY)
        return
    found = optouts.contacts(write.connection, write.opt_out.number, name, write.contact)
    written = sum(
        optouts.is_set(each, name) == write.is_out
        or optouts.set_property(write.connection, each.id, name, is_out=write.is_out)
        for each in found
    )
    _ended(write, State.DONE if written else State.NOBODY, contacts=written)


def _words(write: PropertyWrite, error: errors.SendError) -> str:
    """Why it failed, in English (smsadmin.phrases says it in the reader's language)."""
    if isinstance(error, errors.ProviderRejected) and optouts.lacks_property(error):
        name = policies.stored(write.workspace_id).hubspot_property
        return f"HubSpot has no contact property {name}: create it, then try again."
    return str(error)


def _put_off(write: PropertyWrite, why: str) -> None:
    tries = write.tries + 1
    if tries >= MOST_TRIES:
        _ended(write, State.FAILED, error=why, tries=tries)
        return
    pause = min(SHORTEST * 2 ** min(tries - 1, 10), LONGEST)
    _told(write, tries=tries, error=why[:300], next_try_at=timezone.now() + pause)


def _wait_for_access(write: PropertyWrite, why: str) -> None:
    """The portal's token may not; the longer it has been so, the later it is looked at again."""
    now = timezone.now()
    waited = now - write.asked_at
    if waited >= BARRED_FOR:
        _ended(write, State.FAILED, error=why)
        return
    _told(write, error=why[:300], next_try_at=now + min(max(waited, BARRED), BARRED_LONGEST))


def _ended(write: PropertyWrite, state: str, *, error: str = "", contacts: int = 0, tries: int = 0) -> None:
    _told(
        write,
        state=state,
        error=error[:300],
        contacts=contacts,
        tries=tries,
        next_try_at=None,
        ended_at=timezone.now(),
    )
    if state != State.FAILED:  # somebody may want that tried again
        _forget(write.opt_out_id)


@transaction.atomic
def _forget(opt_out_id: int) -> None:
    """Lets go of a number that never was out here, once every portal was told: nothing else is known of it."""
    row = OptOut.objects.select_for_update().filter(pk=opt_out_id, since=None).first()
    if row and not row.writes.filter(ended_at=None).exists():
        row.delete()


def _told(write: PropertyWrite, **columns: str | int | datetime | None) -> None:
    """Unless something newer was said meanwhile: that is written once more, for ours may have arrived after it.

    It waits until HubSpot's search shows what we wrote, and counts as new, so that whoever is at it does not end it.
    """
    row, now = PropertyWrite.objects.filter(pk=write.pk), timezone.now()
    if not row.filter(asked_at=write.asked_at).update(**columns):
        row.update(state=State.WAITING, asked_at=now, next_try_at=now + SHORTEST, ended_at=None)
