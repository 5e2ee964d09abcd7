"""The calls of agents: all of them, newest first, and one with every use of a tool and what became of its text."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from smsadmin.agents import reading
from smsadmin.agents.after import shown as after
from smsadmin.agents.models import AgentCall, AIAgent, Attachment, Invocation
from smsadmin.agents.tools import TO
from smsadmin.core.status import TROUBLE, Status
from smsadmin.dashboard.filtering import ListFilter
from smsadmin.dashboard.pages import render_page
from smsadmin.dashboard.templatetags.ui import Badge
from smsadmin.keyset import Keyset, Page, Stored
from smsadmin.privacy import reading as privacy
from smsadmin.sending import explain, presenters, search
from smsadmin.sending.filters import countries
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import Link
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

Outcome = Invocation.Outcome
CALLS = Keyset(AgentCall, "last_at")
USES = Keyset(Invocation, "at")
USES_IN_TURN = Keyset(Invocation, "at", rising=True)

OUTCOMES = {
    Outcome.ACCEPTED: Badge(gettext_lazy("Accepted"), "check", "good"),
    Outcome.REFUSED: Badge(gettext_lazy("Refused"), "ban", "bad"),
    Outcome.REPEATED: Badge(gettext_lazy("Asked again"), "refresh", "neutral"),
    Outcome.TOO_MANY: Badge(gettext_lazy("Too many"), "ban", "bad"),
    Outcome.UNUSABLE: Badge(gettext_lazy("Unusable"), "x", "bad"),
    "": Badge(gettext_lazy("Not answered"), "help-circle", "warn"),
}
#: Uses that ended without a message, or whose worker stopped.
_REFUSED = (Outcome.REFUSED, Outcome.TOO_MANY, Outcome.UNUSABLE, "")

#: How a use was asked for, by Invocation.dialect.
DIALECTS: dict[str, str | Promise] = {
    **dict(AIAgent.Platform.choices),
    "openai": "OpenAI",
    "mcp": gettext_lazy("Model Context Protocol"),
    "other": gettext_lazy("HTTP"),
    "after": gettext_lazy("after the call, by its rule"),
}
DIRECTIONS = {"inbound": gettext_lazy("The other side called"), "outbound": gettext_lazy("The agent called")}


class CallFilter(ListFilter):
    """Which calls, or which uses of tools, to list; what cannot be read filters nothing."""

    agent = forms.ModelChoiceField(AIAgent.objects.none(), label=gettext_lazy("Agent"), required=False)
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), required=False)
    q = forms.CharField(label=gettext_lazy("Call id or number"), required=False, max_length=120)

    def __init__(self, workspace: Workspace, data: Mapping[str, str], *, of_calls: bool = True) -> None:
        super().__init__(data)
        self.workspace = workspace
        fields: dict[str, Any] = self.fields
        fields["agent"].queryset = AIAgent.objects.filter(workspace=workspace).order_by("name")
        fields["agent"].empty_label = _("Any")
        fields["outcome"].choices = [("", _("Any")), ("trouble", _("In trouble"))]
        if of_calls:
            fields["outcome"].choices.append(("none", _("Without a text")))
        else:
            del fields["q"]
        self.is_valid()

    def calls(self) -> QuerySet[AgentCall]:
        """The calls that the filters leave over."""
        found = AgentCall.objects.filter(workspace=self.workspace, **self._of_agent())
        uses = Invocation.objects.filter(call=OuterRef("pk"))
        if self.cleaned_data.get("outcome") == "trouble":
            found = found.filter(Q(after=AgentCall.After.FAILED) | Exists(uses.filter(in_trouble())))
        elif self.cleaned_data.get("outcome") == "none":
            found = found.exclude(Exists(uses.filter(message__isnull=False)))
        if text := self.cleaned_data.get("q"):
            numbers = search.candidates(text, lambda: countries(self.workspace))
            found = found.filter(Q(call_id__startswith=text) | Q(party__in=numbers))
        return found

    def uses(self) -> QuerySet[Invocation]:
        """The uses outside of calls that the filters leave over."""
        found = Invocation.objects.filter(workspace=self.workspace, call=None, **self._of_agent())
        return found.filter(in_trouble()) if self.cleaned_data.get("outcome") == "trouble" else found

    def _of_agent(self) -> dict[str, AIAgent]:
        agent = self.cleaned_data.get("agent")
        return {"agent": agent} if agent else {}


def in_trouble() -> Q:
    """Uses that were refused, and those whose text did not arrive."""
    failed = Message.objects.filter(pk=OuterRef("message"), status__in=sorted(TROUBLE))
    return Q(message=None, outcome__in=_REFUSED) | Q(Exists(failed))


# --- Lists ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call of a list, as its reader may see it: its texts by status, and how often it was refused one."""

    call: AgentCall
    texts: Sequence[tuple[str, int]]
    refused: int


@require_GET
@viewer_required
def calls(request: WorkspaceRequest) -> HttpResponse:
    """Every call, the one that something happened in last first; htmx asks for the list alone."""
    chosen, here = CallFilter(request.workspace, request.GET.dict()), reverse("agent-calls")
    page = _page(CALLS, chosen.calls().select_related("agent"), request)
    context = {
        "filter": chosen,
        "here": here,
        **page.turned(here, chosen.wanted),
        "rows": rows_of(request, page.rows),
        "has_agents": AIAgent.objects.filter(workspace=request.workspace).exists(),
    }
    return render_page(request, "agents/calls.html", context, fragment="agents/_calls.html")


@require_GET
@viewer_required
def uses(request: WorkspaceRequest) -> HttpResponse:
    """Every use of a tool that named no call, newest first."""
    chosen = CallFilter(request.workspace, request.GET.dict(), of_calls=False)
    here = reverse("agent-uses")
    page = _page(USES, chosen.uses().select_related("agent", "attachment__action"), request)
    context = {
        "filter": chosen,
        "here": here,
        **page.turned(here, chosen.wanted),
        "uses": uses_shown(request, page.rows),
    }
    return render_page(request, "agents/uses.html", context, fragment="agents/_loose.html")


def newest_of(agent: AIAgent, count: int) -> list[AgentCall]:
    """The calls of an agent that something happened in last."""
    return list(agent.calls.order_by("-last_at", "-pk")[:count])


def rows_of(request: WorkspaceRequest, found: Iterable[AgentCall]) -> list[CallRow]:
    """Calls as their list shows them, counted by the database: one query, however much was used in them."""
    listed = reading.calls_for_reader(found, request.member)
    status = Subquery(Message.objects.filter(pk=OuterRef("message")).values("status")[:1])
    uses = Invocation.objects.filter(call__in=[call.pk for call in listed]).annotate(status=status)
    counted = uses.values_list("call_id", "status").annotate(
        made=Count("message", distinct=True),
        refused=Count("pk", filter=Q(message=None, outcome__in=_REFUSED)),
    )
    texts: dict[int, dict[str, int]] = defaultdict(dict)
    refused: Counter[int] = Counter()
    for call, status_word, made, turned_away in counted.order_by():
        refused[call] += turned_away
        if status_word:  # of no message, and of one that the log no longer has, there is none
            texts[call][status_word] = made
    return [CallRow(call, sorted(texts[call.pk].items()), refused[call.pk]) for call in listed]


def _page(order: Keyset[Stored], rows: QuerySet[Stored], request: WorkspaceRequest) -> Page[Stored]:
    return order.page(rows, request.GET.get("before", ""), request.GET.get("after", ""))


# --- One call -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UseShown:
    """One use of a tool as its reader may see it, with the message that it made; `is_gone`: the log no longer has it.
    `why` and `fix` are sentences, "" where nothing is wrong; `step` leads to where it is mended."""

    use: Invocation
    look: Badge
    dialect: str
    attachment: Attachment | None
    message: Message | None
    is_gone: bool
    why: str = ""
    fix: str = ""
    step: Link | None = None

    @property
    def is_text(self) -> bool:
        """Whether the text is this use's own, and not that of the use which it repeats."""
        return self.message is not None and self.use.outcome != Outcome.REPEATED

    @property
    def arguments(self) -> list[tuple[str, Any]]:
        """What the agent gave, without the recipient where the message has it; of a repeat it is known already."""
        if self.use.outcome == Outcome.REPEATED:
            return []
        given = self.use.arguments.items()
        return [(name, as_told(value)) for name, value in given if name != TO or not self.is_text]


@require_GET
@viewer_required
def call(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One call: who, when, how it ended, and every use of a tool with what became of its text, the first one first."""
    found = AgentCall.objects.select_related("agent")
    (shown,) = reading.calls_for_reader(
        [get_object_or_404(found, pk=pk, workspace=request.workspace)], request.member
    )
    page = _page(USES_IN_TURN, shown.invocations.select_related("attachment__action"), request)
    context = {
        "call": shown,
        "agent": shown.agent,
        "direction": DIRECTIONS.get(shown.direction, ""),
        **page.turned(reverse("agent-call", args=[pk]), {}),
        "uses": uses_shown(request, page.rows),
        "ending": after.of(shown),
        "collected": [(name, as_told(value)) for name, value in (shown.told.get("variables") or {}).items()],
        "executed": shown.told.get("actions") or [],
        "log_url": f"{reverse('log')}?{urlencode({'q': shown.call_id})}",
    }
    return render_page(request, "agents/call.html", context)


def as_told(value: Any) -> str:
    """A value that was told or given, as pages show it: also false and 0 are values."""
    return str(value).lower() if isinstance(value, bool) else "–" if value in (None, "") else str(value)


def uses_shown(request: WorkspaceRequest, found: Iterable[Invocation]) -> list[UseShown]:
    """Uses as pages show them, with their messages: one query, or two where the reader sees masked ones."""
    uses = reading.uses_for_reader(found, request.member)
    wanted = [use.message for use in uses if use.message]
    rows = Message.objects.filter(workspace=request.workspace, pk__in=wanted)
    related = rows.select_related("number", "action", "connection", "version")
    messages = {row.pk: row for row in privacy.for_reader(related, request.member)}
    return [_use_shown(use, messages.get(use.message) if use.message else None) for use in uses]


def _use_shown(use: Invocation, message: Message | None) -> UseShown:
    has_trouble = message is not None and Status(message.status) in TROUBLE
    return UseShown(
        use=use,
        look=OUTCOMES[use.outcome],
        dialect=str(DIALECTS.get(use.dialect, use.dialect)),
        attachment=use.attachment,
        message=message,
        is_gone=bool(use.message) and message is None,
        why=explain.sentence(message) if message else "",
        fix=explain.fix(message) if message and has_trouble else "",
        step=presenters.next_step(message) if message and has_trouble else None,
    )
