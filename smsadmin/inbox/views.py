"""The inbox: who texted us, what was said, and the answer."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.inbox import answering, conversation, listing, threads
from smsadmin.inbox.forms import AnswerForm, FilterForm
from smsadmin.inbox.models import Thread
from smsadmin.inbox.standing import opted_out
from smsadmin.privacy import reading
from smsadmin.privacy.policies import policy_of
from smsadmin.privacy.words import kept
from smsadmin.workspaces.access import operator_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def inbox(request: WorkspaceRequest) -> HttpResponse:
    """The threads of the workspace, the newest first; htmx asks for the list alone."""
    form = FilterForm(request)
    found = form.threads()
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    page = listing.page_of(found, before, after)
    context = {
        "form": form,
        "rows": listing.rows(page.rows, request.member),
        **page.turned(reverse("inbox"), form.asked),
        "is_newest": not (before or after),
        "here": _address(form),
        "is_used": Thread.objects.filter(workspace=request.workspace).exists(),
        "unread": threads.unread_count(request.workspace.pk),
        "kept": kept(policy_of(request.workspace.pk)),
    }
    status = 200 if form.is_valid() else 422
    return render_page(request, "inbox/list.html", context, fragment="inbox/_list.html", status=status)


def _address(form: FilterForm) -> str:
    """The address of the newest page of the list."""
    query = urlencode(form.asked)
    return f"{reverse('inbox')}?{query}" if query else reverse("inbox")


@require_GET
@viewer_required
def next_unread(request: WorkspaceRequest) -> HttpResponse:
    """The unread thread that has waited longest; the list where none is left."""
    after = request.GET.get("after", "")
    but = int(after) if after.isdecimal() and len(after) < 19 else 0
    if found := threads.next_unread(request.workspace, but):
        return redirect("thread", found.pk)
    messages.info(request, _("No other thread is unread."))
    return redirect("inbox")


# --- One thread ---------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@viewer_required
def thread(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What was said, and the answer. A POST with `do` "measure" says how large an answer is; any other sends it."""
    shown = _own(request, pk)
    if request.method == "POST":
        return _measured(request, pk) if request.POST.get("do") == "measure" else _answer(request, pk)
    return _page(request, shown)


def _own(request: WorkspaceRequest, pk: int) -> Thread:
    rows = Thread.objects.select_related("number", "workspace")
    return get_object_or_404(rows, pk=pk, workspace=request.workspace)


@operator_required
def _measured(request: WorkspaceRequest, pk: int) -> HttpResponse:
    shown = _own(request, pk)
    return render(request, "inbox/_measured.html", {"measured": _measure(shown, request.POST)})


def _measure(shown: Thread, data: Any) -> answering.Measured | None:
    if shown.number is None:
        return None
    return answering.measured(shown, data.get("body", ""), data.get("send_as", ""), timezone.now())


@operator_required
def _answer(request: WorkspaceRequest, pk: int) -> HttpResponse:
    shown = _own(request, pk)
    if answering.obstacle(shown):
        return _page(request, shown, status=422)
    form = AnswerForm(shown, request.POST)
    if not form.is_valid():
        return _page(request, shown, form, status=422)
    message = answering.send(shown, form.answer, request.user)
    sentence, fix = answering.refusal(message)
    if sentence:
        form.refused(sentence, fix)
        return _page(request, shown, form, status=422)
    threads.answered(shown, message)
    threads.read(shown, form.cleaned_data["seen"] or 0)
    return redirect(f"{reverse('thread', args=[pk])}#answer")


def _page(
    request: WorkspaceRequest, shown: Thread, form: AnswerForm | None = None, status: int = 200
) -> HttpResponse:
    sees_everything = reading.sees_everything(request.member)
    said = conversation.page(shown, request.member, request.GET.get("before", ""))
    context: dict[str, Any] = {
        "thread": shown,
        "party": listing.shown_party(shown.party, sees_everything=sees_everything),
        "sees_everything": sees_everything,
        "said": said,
        "is_newest": not request.GET.get("before"),
        "may_answer": request.member.may(Role.OPERATOR),
        "next": threads.next_unread(request.workspace, shown.pk),
        "is_out": bool(opted_out(shown.workspace_id, [shown.party])),
    }
    if request.member.may(Role.OPERATOR) and not wants_fragment(request):
        context |= _answering(shown, form, said.seen)
    return render_page(request, "inbox/thread.html", context, fragment="inbox/_talk.html", status=status)


def _answering(shown: Thread, form: AnswerForm | None, seen: int) -> dict[str, Any]:
    """The form, or why there is none."""
    if obstacle := answering.obstacle(shown):
        return {"obstacle": obstacle}
    form = form or AnswerForm(shown, seen=seen)
    return {"form": form, "measured": _measure(shown, form.data)}


# --- What is done with it -----------------------------------------------------------------------------


@require_POST
@operator_required
def read(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The thread is read, as far as its page showed it."""
    shown = _own(request, pk)
    threads.read(shown, _seen(request))
    if wants_fragment(request):
        return HttpResponse()
    return redirect("thread", pk)


@require_POST
@operator_required
def mark_unread(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The thread is to be looked at again; its own page would mark it as read."""
    threads.mark_unread(_own(request, pk))
    messages.success(request, _("The thread is unread again."))
    return redirect("inbox")


@require_POST
@operator_required
def close(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Nothing is left to be done, unless something came that the page did not show."""
    if threads.close(_own(request, pk), _seen(request), timezone.now()):
        messages.success(request, _("The thread is closed. The next text in it opens it again."))
        return redirect("inbox")
    messages.warning(request, _("A text has come in the meantime, so the thread stays open: read it first."))
    return redirect("thread", pk)


@require_POST
@operator_required
def reopen(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Something is left to be done after all."""
    threads.reopen(_own(request, pk))
    messages.success(request, _("The thread is open again."))
    return redirect("thread", pk)


def _seen(request: WorkspaceRequest) -> int:
    """The newest text that stood on the page; 0 for none."""
    given = request.POST.get("seen", "")
    return int(given) if given.isdecimal() and len(given) < 19 else 0
