"""The page of failures: one row per cause, worst first, and what is decided about each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.failures import groups, states, tally
from smsadmin.failures.forms import MONTH, DecisionForm, FailureFilter
from smsadmin.failures.groups import Group
from smsadmin.failures.models import State
from smsadmin.failures.states import Standing
from smsadmin.resends import presenters
from smsadmin.workspaces.access import operator_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 25

#: What the button that leads to a state says, and what is said once it was pressed.
BUTTONS = {
    State.NEW: gettext_lazy("Open again"),
    State.ACKNOWLEDGED: gettext_lazy("Acknowledge"),
    State.MUTED: gettext_lazy("Mute until it recurs"),
    State.RESOLVED: gettext_lazy("Resolve"),
}
DONE = {
    State.NEW: gettext_lazy("The cause is new again."),
    State.ACKNOWLEDGED: gettext_lazy("The cause is acknowledged."),
    State.MUTED: gettext_lazy(
        "The cause is muted: it is new again once it recurs after 24 hours without a message."
    ),
    State.RESOLVED: gettext_lazy("The cause is resolved: its next message makes it new again."),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A group, the form that decides about it (None for readers), the buttons it has (state and words), how many of
    its messages may be sent again (None: too many to judge here), and whether rules for notices may be made here."""

    group: Group
    form: DecisionForm | None
    buttons: Sequence[tuple[State, Any]]
    eligible: int | None = None
    may_rule: bool = False


@require_GET
@viewer_required
def failures(request: WorkspaceRequest) -> HttpResponse:
    """Why messages failed, by cause; htmx asks for the table alone."""
    return _page(request, FailureFilter(request.GET))


def _page(
    request: WorkspaceRequest, chosen: FailureFilter, wrong: dict[str, DecisionForm] | None = None
) -> HttpResponse:
    """`wrong` holds the form of a cause that could not be read."""
    now = timezone.now()
    every = groups.standing_since(request.workspace, chosen.window, now)
    found = chosen.apply(every)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    shown = groups.groups(request.workspace, list(page), chosen.window, now, request.member)
    eligible = _eligible(request, shown, chosen)
    context = {
        "filter": chosen,
        "page": page,
        **_turned(page, chosen),
        "rows": [_row(request, group, eligible, (wrong or {}).get(group.cause.key)) for group in shown],
        "query": _query(request, chosen),
        "total": sum(each.tally.count for each in found),
        "capped": any(each.tally.capped for each in found),
        "unseen": len(every) >= tally.MOST_CAUSES and tally.MOST_CAUSES,
        "sample": tally.SAMPLE,
    }
    status = 422 if wrong else 200
    return render_page(request, "failures/list.html", context, fragment="failures/_list.html", status=status)


def _turned(page: Page[Standing], chosen: FailureFilter) -> dict[str, str]:
    """The addresses of the pages before and after this one, "" where there is none."""
    before = page.number - 1 if page.has_previous() else 0
    after = page.number + 1 if page.has_next() else 0
    return {
        name: f"{reverse('failures')}?{urlencode({**chosen.chosen, 'page': number})}" if number else ""
        for name, number in (("before", before), ("after", after))
    }


def _query(request: WorkspaceRequest, chosen: FailureFilter) -> str:
    """The page as it is narrowed and turned, for the way back to it."""
    page = request.GET.get("page", "")
    return urlencode({**chosen.chosen, **({"page": page} if page.isdecimal() else {})})


def _eligible(request: WorkspaceRequest, shown: Sequence[Group], chosen: FailureFilter) -> dict[str, int]:
    """How many messages of these causes may be sent again; nothing for those who may not do so."""
    if not request.member.may(Role.OPERATOR):
        return {}
    counts = {group.cause.key: group.cause.tally.count for group in shown}
    return presenters.eligible(request.workspace, counts, groups.beginning(chosen.window))


def _row(
    request: WorkspaceRequest, group: Group, eligible: Mapping[str, int], form: DecisionForm | None = None
) -> Row:
    if not request.member.may(Role.OPERATOR):
        return Row(group, None, [])
    standing = group.cause.standing
    buttons = [(state, words) for state, words in BUTTONS.items() if state != standing.state]
    may_rule = request.member.may(Role.EDITOR)
    return Row(group, form or DecisionForm(standing), buttons, eligible.get(group.cause.key), may_rule)


@require_POST
@operator_required
def decide(request: WorkspaceRequest, cause: str) -> HttpResponse:
    """Puts a cause in a state with a note; htmx gets its row anew."""
    chosen = FailureFilter(request.GET)
    standing = _standing(request, MONTH, cause)  # a window may have moved on since its page was shown
    if standing is None:
        raise Http404
    form = DecisionForm(standing, request.POST)
    if not form.is_valid():
        if wants_fragment(request):
            return _row_alone(request, chosen, cause, form)
        return _page(request, chosen, {cause: form})
    state = State(form.cleaned_data["state"])
    states.decide(standing, request.workspace, state, form.cleaned_data["note"], request.user)
    said = DONE[state] if state != standing.state else _("The note is saved.")
    if wants_fragment(request):
        return _row_alone(request, chosen, cause, said=str(said))
    messages.success(request, said)
    return redirect(f"{reverse('failures')}?{_query(request, chosen)}#{groups.anchor(cause)}")


def _standing(request: WorkspaceRequest, days: int, cause: str) -> Standing | None:
    """How a cause of the window stands; None when it stopped none of the workspace's messages."""
    every = groups.standing_since(request.workspace, days, timezone.now())
    return next((standing for standing in every if standing.tally.cause == cause), None)


def _row_alone(
    request: WorkspaceRequest,
    chosen: FailureFilter,
    cause: str,
    form: DecisionForm | None = None,
    said: str = "",
) -> HttpResponse:
    standing = _standing(request, chosen.window, cause)
    now, wanted = timezone.now(), [standing] if standing else []
    found = groups.groups(request.workspace, wanted, chosen.window, now, request.member)
    if not found:  # the window has moved on
        return HttpResponseClientRefresh()
    context = {
        "row": _row(request, found[0], _eligible(request, found, chosen), form),
        "query": _query(request, chosen),
        "sample": tally.SAMPLE,
        "said": said,
        "answers": True,
    }
    return render_page(request, "failures/_row.html", context, status=422 if form else 200)
