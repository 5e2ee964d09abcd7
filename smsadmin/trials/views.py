"""The test numbers' pages: which phones may receive tests, and proving that one is ours."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from smsadmin import cache
from smsadmin.core import numbers
from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.sending import presenters
from smsadmin.trials import verification
from smsadmin.trials.forms import AddForm, CodeForm, SendCodeForm
from smsadmin.trials.models import TestNumber
from smsadmin.trials.verification import State
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest


@require_http_methods(["GET", "POST"])
@viewer_required
def test_numbers(request: WorkspaceRequest) -> HttpResponse:
    """Every test number and how far it has come; editors add one."""
    if request.method == "POST":
        return _add(request)
    return _list_page(request, AddForm(request.workspace))


@editor_required
def _add(request: WorkspaceRequest) -> HttpResponse:
    form = AddForm(request.workspace, request.POST)
    added = form.save(request.user) if form.is_valid() else None
    if added is None:
        return _list_page(request, form, status=422)
    messages.success(request, _("“%(label)s” is added. Verify it now.") % {"label": added.label})
    return redirect("test-number", added.pk)


@require_GET
@viewer_required
def test_number(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One number with the two steps that verify it; htmx asks again while its code is under way.

    Once there is no code to wait for, the steps are others: the whole page is asked for then.
    """
    shown = _own(request, pk)
    if wants_fragment(request) and verification.state(shown, timezone.now()) != State.WAITING:
        return HttpResponseClientRefresh()
    return _page(request, shown)


@require_POST
@editor_required
def send(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Sends a code to the number; a message that is refused is explained on the page."""
    shown, form = _own(request, pk), SendCodeForm(request.workspace, request.POST)
    if shown.verified_at:  # meanwhile, in another tab
        return redirect("test-number", pk)
    if not form.is_valid():
        return _page(request, shown, send_form=form, status=422)
    sender, token = form.cleaned_data["sender"], form.cleaned_data["token"]
    try:
        message = verification.send_code(shown, sender, request.user, token, timezone.now())
    except verification.NotNow as limit:
        form.add_error(None, str(limit))
        return _page(request, shown, send_form=form, status=422)
    if message.status not in verification.NEVER_LEFT:
        words = _("A code is being sent to %(number)s.") % {"number": numbers.pretty(shown.e164)}
        messages.success(request, words)
    return redirect("test-number", pk)


@require_POST
@editor_required
def verify(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Takes the code that was typed in; once no code is open, the page has the next step instead of the field."""
    shown, form, now = _own(request, pk), CodeForm(request.POST), timezone.now()
    if not form.is_valid():
        return _page(request, shown, code_form=form, status=422)
    try:
        verification.type_in(shown, form.cleaned_data["code"], request.user, now)
    except verification.CodeRefused as refused:
        if verification.state(shown, now) != State.WAITING:
            messages.error(request, str(refused))
            return redirect("test-number", pk)
        form.add_error("code", str(refused))
        return _page(request, shown, code_form=form, status=422)
    cache.forget()
    messages.success(request, _("“%(label)s” is verified: tests can go to it.") % {"label": shown.label})
    return redirect("test-numbers")


@require_POST
@editor_required
def remove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """No more tests to this number; the messages it got stay in the log."""
    shown = _own(request, pk)
    shown.delete()
    cache.forget()
    messages.success(request, _("“%(label)s” is no longer a test number.") % {"label": shown.label})
    return redirect("test-numbers")


@dataclass(frozen=True, slots=True)
class Row:
    """A test number, how far it has come, and what became of its newest code's message."""

    number: TestNumber
    state: State
    code_expires_at: datetime | None
    outcome: str
    is_moving: bool


def _row(number: TestNumber, now: datetime) -> Row:
    state, message, sent_at = verification.state(number, now), number.code_message, number.code_sent_at
    return Row(
        number=number,
        state=state,
        code_expires_at=sent_at and sent_at + verification.LIFE,
        outcome=presenters.headline(message) if message else "",
        is_moving=bool(message and not message.is_settled and state == State.WAITING),
    )


def _all(request: WorkspaceRequest) -> QuerySet[TestNumber]:
    mine = TestNumber.objects.filter(workspace=request.workspace)
    return mine.select_related("code_message", "verified_by", "created_by")


def _own(request: WorkspaceRequest, pk: int) -> TestNumber:
    return get_object_or_404(_all(request), pk=pk)


def _list_page(request: WorkspaceRequest, form: AddForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    rows = [_row(number, now) for number in _all(request)]
    context = {
        "rows": rows,
        "verified": sum(row.state == State.VERIFIED for row in rows),
        "form": form,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "trials/list.html", context, status=status)


def _page(
    request: WorkspaceRequest,
    shown: TestNumber,
    send_form: SendCodeForm | None = None,
    code_form: CodeForm | None = None,
    status: int = 200,
) -> HttpResponse:
    row = _row(shown, timezone.now())
    context: dict[str, Any] = {
        "row": row,
        "number": shown,
        "may_edit": request.member.may(Role.EDITOR),
        "send_form": send_form or SendCodeForm(request.workspace),
        "code_form": code_form or CodeForm(),
        "stand_in": _stand_in(shown),
    }
    return render_page(
        request, "trials/number.html", context, fragment="trials/_progress.html", status=status
    )


def _stand_in(shown: TestNumber) -> str:
    """Where the sandbox lists what reached the number; "" where real phones are texted."""
    if not settings.SANDBOX:
        return ""
    query = urlencode({"recipient": shown.e164})
    return f"http://127.0.0.1:{settings.SANDBOX_PORT}/_control/messages?{query}"
