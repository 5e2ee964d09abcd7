"""The steps that use the classic action as the page lists them: how often, their fallbacks, and what replaces them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, QuerySet
from django.db.models.fields.json import KT
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.actions.models import ObjectType
from smsadmin.classic import gate
from smsadmin.classic.models import ClassicFallback, ClassicSettings, ClassicStep
from smsadmin.classic.proposals import Proposal, proposal
from smsadmin.core import numbers
from smsadmin.core.ids import first_uuid7
from smsadmin.privacy import reading
from smsadmin.sending.filters import CLASSIC, log_url
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Connection, Member, Workspace

DAYS = 30
#: Of more messages than these, only the newest are counted.
MOST_COUNTED = 100_000

#: The tabs of the list. A step that was used again after it was marked as moved is still in use.
SHOW = {
    "": Q(moved_at=None) | Q(last_at__gt=F("moved_at")),
    "moved": Q(moved_at__gte=F("last_at")),
}
_USED = {
    ClassicFallback.Kind.NUMBER: gettext_lazy("%(asked)s is gone from Aircall: sent from %(used)s instead"),
    ClassicFallback.Kind.OUTSIDE: gettext_lazy(
        "%(used)s is not connected to the integration, and was used all the same"
    ),
    ClassicFallback.Kind.USER: gettext_lazy("%(asked)s is not a user of the number: sent without a user"),
}

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Use:
    """A fallback in words, with how often and when it was last used."""

    words: str
    uses: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One step: where it stands in HubSpot, what it did lately, and what to enter in its place."""

    step: ClassicStep
    where: str
    url: str
    portal: str
    kind: str
    messages: int
    log_url: str
    fallbacks: Sequence[Use]
    proposal: Proposal


def since(now: datetime) -> datetime:
    """When the days that count began, to the second, as links to the log carry it."""
    return (now - timedelta(days=DAYS)).replace(microsecond=0)


def listed(workspace: Workspace, show: str) -> QuerySet[ClassicStep]:
    """The steps of a tab, those that ran last first."""
    steps = ClassicStep.objects.filter(SHOW[show], workspace=workspace)
    return steps.select_related("number", "agent", "action").order_by("-last_at", "-pk")


def counts(workspace: Workspace) -> dict[str, int]:
    """How many steps each tab has."""
    rows = ClassicStep.objects.filter(workspace=workspace)
    return rows.aggregate(**{name or "used": Count("pk", filter=q) for name, q in SHOW.items()})


def in_use(workspace: Workspace, now: datetime) -> int:
    """How many steps asked for it lately."""
    return ClassicStep.objects.filter(workspace=workspace, last_at__gte=since(now)).count()


def rows(steps: Sequence[ClassicStep], member: Member, now: datetime) -> list[Row]:
    """The steps as this member may read them. Five queries, however many there are."""
    workspace, found = member.workspace, list(steps)
    if not found:
        return []
    uses = _uses(found)
    sent, newest = _messages(workspace, now), _newest(found, member)
    portals = dict(
        workspace.connections.filter(kind=Connection.Kind.HUBSPOT).values_list("external_id", "name")
    )
    settings = gate.read(workspace.pk)
    return [
        Row(
            step=step,
            where=_where(step),
            url=_url(step, settings),
            portal=portals.get(step.portal, step.portal),
            kind=str(dict(ObjectType.choices).get(step.object_type, step.object_type)),
            messages=sent.get((step.portal, step.workflow, step.step), 0),
            log_url=_log_url(step, now),
            fallbacks=[_use(each) for each in uses[step.pk]],
            proposal=proposal(step, uses[step.pk], newest.get(step.last_message)),
        )
        for step in found
    ]


def _where(step: ClassicStep) -> str:
    if not step.workflow:
        return _("A run that names no workflow")
    names = {"workflow": step.workflow, "step": step.step}
    if not step.step:
        return _("Workflow %(workflow)s") % names
    return _("Workflow %(workflow)s, step %(step)s") % names


def _url(step: ClassicStep, settings: ClassicSettings) -> str:
    """The workflow in HubSpot; none where it is not known on which host the portal's people work."""
    domain = settings.ui_domains.get(step.portal)
    if not (domain and step.workflow.isdecimal() and step.portal.isdecimal()):
        return ""
    return f"https://{domain}/workflows/{step.portal}/platform/flow/{step.workflow}/edit"


def _log_url(step: ClassicStep, now: datetime) -> str:
    named = {"workflow": step.workflow} if step.workflow else {}
    return log_url(trigger=CLASSIC, **named, since=since(now))


def _uses(steps: Sequence[ClassicStep]) -> dict[int, list[ClassicFallback]]:
    found: dict[int, list[ClassicFallback]] = defaultdict(list)
    for each in ClassicFallback.objects.filter(step__in=steps):
        found[each.step_id].append(each)
    return found


def _use(fallback: ClassicFallback) -> Use:
    values = {"asked": fallback.asked, "used": numbers.pretty(fallback.used)}
    words = str(_USED[ClassicFallback.Kind(fallback.kind)]) % values
    return Use(words, fallback.uses, fallback.last_at)


def _messages(workspace: Workspace, now: datetime) -> dict[_Key, int]:
    """How many messages each step made lately."""
    recent = Message.objects.filter(workspace=workspace, trigger=CLASSIC, pk__gte=first_uuid7(since(now)))
    newest = Message.objects.filter(pk__in=recent.order_by("-pk").values("pk")[:MOST_COUNTED])
    names = {f"its_{name}": KT(f"origin__{name}") for name in ("portal", "workflow", "step")}
    found = newest.annotate(**names).values_list(*names).annotate(n=Count("pk")).order_by()
    return {(portal or "", workflow or "", step or ""): n for portal, workflow, step, n in found}


def _newest(steps: Sequence[ClassicStep], member: Member) -> dict[object, Message]:
    """The newest message of each step, as the member may see it, where the log still has it."""
    ids = [step.last_message for step in steps]
    kept = Message.objects.filter(workspace=member.workspace, pk__in=ids).select_related("number", "agent")
    return {message.pk: message for message in reading.for_reader(kept, member)}
