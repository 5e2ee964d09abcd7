"""The messages around one: to the same recipient, of the same enrolment, stopped by the same cause."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from smsadmin.core import numbers
from smsadmin.core.status import TROUBLE
from smsadmin.privacy import reading
from smsadmin.sending import explain
from smsadmin.sending.filters import log_url
from smsadmin.sending.models import Message
from smsadmin.sending.presenters.links import Link
from smsadmin.workspaces.models import Member

#: So many of each are listed.
SHOWN = 5
#: Among so many of a record's newest messages those of one workflow are looked for: no index has workflows.
MOST_READ = 200


@dataclass(frozen=True, slots=True)
class Shared:
    """Something that a message may share with others, how to find them, and the log with all of them."""

    title: str
    none: str
    which: Q
    url: str


@dataclass(frozen=True, slots=True)
class Around:
    """The newest messages that share something with one, each with what stopped it."""

    shared: Shared
    rows: Sequence[tuple[Message, str]]


def around(message: Message, member: Member) -> list[Around]:
    """As the member may see them; one query for each thing that may be shared, and what masking costs."""
    return [Around(shared, _newest(message, shared.which, member)) for shared in _shared(message)]


def _newest(message: Message, which: Q, member: Member) -> list[tuple[Message, str]]:
    found = Message.objects.filter(which, workspace=message.workspace_id).exclude(pk=message.pk)
    rows = found.defer(*Message.LONG, "body").order_by("-pk")[:SHOWN]
    return explain.sentences(reading.for_reader(rows, member))


def _shared(message: Message) -> Iterator[Shared]:
    if message.recipient:
        yield Shared(
            _("To the same recipient"),
            _("Nothing else was sent to this number."),
            _to_the_same(message),
            "" if message.is_masked else log_url(recipient=message.recipient),
        )
    workflow = message.origin.get("workflow")
    if message.object_id and workflow:
        yield Shared(
            _("Of the same enrolment"),
            _("The workflow asked for no other message to this record."),
            Q(pk__in=_of_record(message).values("pk")[:MOST_READ], origin__workflow=workflow),
            log_url(record=message.object_id, workflow=workflow),
        )
    if message.cause:
        yield Shared(
            _("With the same cause"),
            _("No other message was stopped by this."),
            Q(status__in=sorted(TROUBLE), cause=message.cause),  # spelt as the partial index is
            log_url(cause=message.cause),
        )


def wider(message: Message) -> list[Link]:
    """Parts of the log that hold the message among many others."""
    links = []
    if message.error_code:
        links.append(Link(_("Messages with the same code"), log_url(error=message.error_code)))
    if message.number:
        words = _("Messages from %(sender)s") % {
            "sender": numbers.pretty(message.sender) or message.number.name
        }
        links.append(Link(words, log_url(number=message.number_id)))
    if message.action:
        links.append(Link(_("Messages of the same action"), log_url(action=message.action_id)))
    return links


def _to_the_same(message: Message) -> Q:
    """Whoever may not see the number is shown these messages all the same: then the row says which it is."""
    if not message.is_masked:
        return Q(recipient=message.recipient)
    own = Message.objects.filter(pk=message.pk, workspace=message.workspace_id)
    return Q(recipient=own.values("recipient")[:1])


def _of_record(message: Message) -> QuerySet[Message]:
    same = Q(~Q(object_id=""), object_id=message.object_id, object_type=message.object_type)
    return Message.objects.filter(same, workspace=message.workspace_id).order_by("-pk")
