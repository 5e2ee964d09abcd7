"""The list of agents: what each runs on, what it may send, and what became of its texts lately."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from smsadmin.agents import presenters
from smsadmin.agents.models import AgentCall, AIAgent, Attachment, Invocation
from smsadmin.core.status import TROUBLE
from smsadmin.dashboard.pages import render_page
from smsadmin.dashboard.shelf import shelf
from smsadmin.sending.models import Message
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

DAYS = 7
#: Of more uses than these, only the newest are counted.
MOST_COUNTED = 50_000

#: Uses that were refused before there was a message.
REFUSED = frozenset({Invocation.Outcome.REFUSED, Invocation.Outcome.TOO_MANY, Invocation.Outcome.UNUSABLE})


@dataclass(frozen=True, slots=True)
class Row:
    """One agent of the list, the actions that it may use, and its last days' texts; `trouble` counts refused uses
    too."""

    agent: AIAgent
    actions: Sequence[str]
    texts: int
    trouble: int

    @property
    def state(self) -> str:
        return presenters.state_of(self.agent)


@require_GET
@viewer_required
def agents(request: WorkspaceRequest) -> HttpResponse:
    """The agents by name, a page at a time; htmx asks for the list alone."""
    found = shelf(request, AIAgent.objects.filter(workspace=request.workspace).defer("secrets"))
    context = {
        **found.context,
        "rows": _rows(list(found.page.object_list)),
        "days": DAYS,
        "has_calls": AgentCall.objects.filter(workspace=request.workspace).exists(),
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "agents/list.html", context, fragment="agents/_list.html")


def _rows(listed: list[AIAgent]) -> list[Row]:
    names: dict[int, list[str]] = defaultdict(list)
    attached = Attachment.objects.filter(agent__in=listed).order_by("action__name")
    for agent, name in attached.values_list("agent", "action__name"):
        names[agent].append(name)
    texts, trouble = _counts(listed)
    return [Row(agent, names[agent.pk], texts[agent.pk], trouble[agent.pk]) for agent in listed]


def _counts(listed: list[AIAgent]) -> tuple[Counter[int], Counter[int]]:
    """How many texts each agent asked for in the last days, and with how many uses something is wrong."""
    recent = Invocation.objects.filter(agent__in=listed, at__gte=timezone.now() - timedelta(days=DAYS))
    newest = Invocation.objects.filter(pk__in=recent.order_by("-at", "-pk").values("pk")[:MOST_COUNTED])
    status = Subquery(Message.objects.filter(pk=OuterRef("message")).values("status")[:1])
    rows = newest.exclude(outcome=Invocation.Outcome.REPEATED).annotate(
        status=status, has_message=Q(message__isnull=False)
    )
    counted = rows.values_list("agent", "outcome", "status", F("has_message")).annotate(n=Count("pk"))
    texts: Counter[int] = Counter()
    trouble: Counter[int] = Counter()
    for agent, outcome, status, has_message, count in counted.order_by():
        texts[agent] += count if has_message else 0
        trouble[agent] += count if status in TROUBLE or (outcome in REFUSED and not has_message) else 0
    return texts, trouble
