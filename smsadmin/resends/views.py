"""The pages of sending again: what would be sent, what was asked for and how far it is, and unknown messages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin.core import numbers
from smsadmin.core.status import Status
from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.dashboard.templatetags.ui import status_word
from smsadmin.incoming.asking import may_be_asked
from smsadmin.incoming.lookups import listed_for
from smsadmin.privacy import reading
from smsadmin.resends import asking, choice, plan, presenters, running
from smsadmin.resends.choice import Choice
from smsadmin.resends.doubts import doubt
from smsadmin.resends.forms import SettleForm
from smsadmin.resends.models import Resend, ResendItem
from smsadmin.sending import again, explain, settle
from smsadmin.sending.asked import around, asked
from smsadmin.sending.filters import VERIFICATION, MessageFilter, log_url
from smsadmin.sending.models import Message
from smsadmin.sending.presenters import links
from smsadmin.sending.presenters.happenings import looked_up
from smsadmin.workspaces.access import operator_required, viewer_required
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 25
ROWS_PER_PAGE = 50

WHICH = {
    Resend.Which.PRESENT: gettext_lazy("What was corrected in the action since then counts."),
    Resend.Which.ORIGINAL: gettext_lazy("As it was meant then; what was wrong in that version still is."),
}


# --- What would be sent -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the address chooses: rows that were picked (`words` is None), or what a filter of the log finds.

    `query` carries the same choice in an address, and `log_url` is where it was made.
    """

    choice: Choice
    query: str
    log_url: str
    words: str | None = None


@require_http_methods(["GET", "POST"])
@operator_required
def new(request: WorkspaceRequest) -> HttpResponse:
    """What would be sent again, in words and numbers, and the button that does so.

    The address carries the log's own parameters, or the ids of rows; `which` is the configuration they are sent with.
    """
    wanted = _picked(request) if {"id", "picked"} & request.GET.keys() else _found(request)
    if wanted is None:
        return render_page(request, "resends/new.html", {"log_url": reverse("log")}, status=422)
    if request.method == "POST":
        return _ask(request, wanted)
    return _new_page(request, wanted)


def _picked(request: WorkspaceRequest) -> Wanted:
    ids = [pk for given in request.GET.getlist("id") if (pk := _uuid(given))]
    query = urlencode([("picked", 1), *(("id", pk) for pk in ids)])
    return Wanted(choice.of_rows(request.workspace, ids), query, log_url(choose=1))


def _found(request: WorkspaceRequest) -> Wanted | None:
    """What the log's filter finds, up to what had come in when the page was shown (`newest`); None where it cannot be
    read."""
    asks = asked(request.GET.dict(), request.workspace)
    found = MessageFilter(asks.filters, request)
    if asks.complaints or not found.form.is_valid():
        return None
    chosen = choice.of_filter(found)
    newest = _uuid((request.POST or request.GET).get("newest", ""))
    if newest and chosen.newest:
        chosen = replace(chosen, newest=newest)
    said = presenters.filter_words(asks.filters, around(request.workspace))
    return Wanted(chosen, urlencode(chosen.filters), log_url(**asks.filters), said)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _which(given: Mapping[str, str]) -> str:
    which = given.get("which", "")
    return which if which in Resend.Which.values else Resend.Which.PRESENT


def _ask(request: WorkspaceRequest, wanted: Wanted) -> HttpResponse:
    try:
        made = asking.ask(wanted.choice, _which(request.POST), request.user)
    except asking.NotAsked as refused:
        return _new_page(request, wanted, str(refused))
    messages.success(request, _("It is asked for, and goes on even if you leave this page."))
    return redirect("resend", made.pk)


def _new_page(request: WorkspaceRequest, wanted: Wanted, refused: str = "") -> HttpResponse:
    """What would be sent, above the first page of its rows; the others, which htmx puts in the place of the first, have
    the rows alone. `refused` says why it was not asked for; then the resend that has these messages already, or the
    latest of this person, may be what they look for."""
    which = _which(request.POST if refused else request.GET)
    page = Paginator(_listed(wanted.choice), ROWS_PER_PAGE).get_page(
        1 if refused else request.GET.get("page")
    )
    place = f"{reverse('resend-new')}?{wanted.query}&which={which}"
    if newest := wanted.choice.newest:
        place += f"&newest={newest}"
    context: dict[str, Any] = {
        "wanted": wanted,
        "rows": presenters.judged_rows(request.workspace, [(row, explain.sentence(row)) for row in page]),
        "page": page,
        **_turned(page, f"{place}&"),
        "first_page": place,
        "refused": refused,
        "log_url": wanted.log_url,
    }
    if page.number == 1 and page.paginator.count and not wants_fragment(request):
        context |= _planned(wanted, which)
    if refused:
        mine = Resend.objects.filter(workspace=request.workspace, asked_by=request.user)
        context["latest"] = mine.order_by("-pk").first()
        context["before_us"] = asking.before(wanted.choice)
    is_nothing = wanted.words is None and not page.paginator.count
    status = 422 if refused or is_nothing else 200
    return render_page(request, "resends/new.html", context, fragment="resends/_rows.html", status=status)


def _planned(wanted: Wanted, which: str) -> dict[str, Any]:
    """What the page says of the whole choice, every message of which is judged and rehearsed for it."""
    planned = plan.plan(wanted.choice, which, timezone.now())
    filters = None if wanted.words is None else wanted.choice.filters
    return {
        "plan": planned,
        "lines": presenters.lines(planned),
        "waiting": presenters.waiting(planned),
        "stops": presenters.stops(planned),
        "several": planned.several,
        "several_messages": sum(planned.several),
        "left_out": presenters.left_out(planned.left_out, filters),
        "which": which,
        "whiches": [(each, each.label, words) for each, words in WHICH.items()],
        "most": choice.MOST,
    }


def _listed(chosen: Choice) -> Any:
    return chosen.messages().select_related("action", "number").defer(*Message.LONG, "body")


def _turned(page: Page[Any], address: str) -> dict[str, str]:
    """The addresses of the pages before and after this one, "" where there is none."""
    before = f"{address}page={page.previous_page_number()}" if page.has_previous() else ""
    after = f"{address}page={page.next_page_number()}" if page.has_next() else ""
    return {"before": before, "after": after}


# --- What was asked for -------------------------------------------------------------------------------


@require_GET
@viewer_required
def resends(request: WorkspaceRequest) -> HttpResponse:
    """The workspace's resends, newest first; htmx asks again while one of them is under way."""
    found = Resend.objects.filter(workspace=request.workspace).select_related("asked_by").order_by("-pk")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "rows": presenters.rows(list(page), request.member),
        "page": page,
        **_turned(page, f"{reverse('resends')}?"),
        "moving": any(_moves(each) for each in page),
        "polled": wants_fragment(request),
    }
    return render_page(request, "resends/list.html", context, fragment="resends/_list.html")


def _moves(resend: Resend) -> bool:
    """Whether there may be news without anybody doing anything."""
    return resend.state in (Resend.State.WAITING, Resend.State.RUNNING)


@require_GET
@viewer_required
def resend(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """One resend: how far it is, and what came of each message; htmx asks again until it is finished."""
    shown = _own(request, pk)
    [row] = presenters.rows([shown], request.member)
    state = request.GET.get("state", "")
    state = state if state in ResendItem.State.values else ""
    items = shown.items.filter(state=state) if state else shown.items.all()
    page = Paginator(items.order_by("pk"), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    here = reverse("resend", args=[pk])
    address = f"{here}?{urlencode({'state': state} if state else {})}"
    turned = f"{address}&" if state else address
    context = {
        "row": row,
        "items": presenters.items(list(page), request.member),
        "shares": presenters.shares(row, here, state),
        "page": page,
        **_turned(page, turned),
        "here": f"{turned}page={page.number}",
        "moving": _moves(shown),
        "polled": wants_fragment(request),
    }
    return render_page(request, "resends/resend.html", context, fragment="resends/_resend.html")


@require_POST
@operator_required
def pause(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    return _acted(request, _own(request, pk), running.pause, _("The resend is paused."))


@require_POST
@operator_required
def resume(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    return _acted(request, _own(request, pk), running.resume, _("The resend goes on."))


@require_POST
@operator_required
def cancel(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    return _acted(request, _own(request, pk), running.cancel, _("The rest of the resend is cancelled."))


def _acted(
    request: WorkspaceRequest, shown: Resend, act: Callable[[Resend], bool], said: str
) -> HttpResponse:
    if act(shown):
        messages.success(request, said)
    else:
        messages.info(request, _unchanged(shown))
    return redirect("resend", shown.pk)


def _unchanged(shown: Resend) -> str:
    """Why nothing was done: how the resend already is."""
    if shown.is_finished:
        return _("It had already ended, so nothing was changed.")
    if shown.state == Resend.State.PAUSED:
        return _("It was already paused, so nothing was changed.")
    return _("It was not paused, so nothing was changed.")


def _own(request: WorkspaceRequest, pk: UUID) -> Resend:
    related = Resend.objects.select_related("asked_by")
    return get_object_or_404(related, pk=pk, workspace=request.workspace)


# --- Unknown messages ---------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@operator_required
def unknown(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """The one decision about a message of which nobody knows whether it went out."""
    related = Message.objects.select_related("number", "action", "connection")
    message = get_object_or_404(related, pk=pk, workspace=request.workspace)
    seen, _events = reading.shown(message, [], request)
    is_secret = message.trigger == VERIFICATION
    context: dict[str, Any] = {
        "message": message,
        "sentence": explain.sentence(message),
        "is_secret": is_secret,
        "body": "" if is_secret else seen.body,
        "sender": numbers.pretty(message.sender),
        "to": _("To %(recipient)s") % {"recipient": numbers.pretty(seen.recipient)},
        "provider": links.provider(message),
    }
    if message.status != Status.UNKNOWN:
        if request.method == "POST":
            return _settled_before(request, message)
        return render_page(request, "resends/unknown.html", context)
    verdict = _afterwards(message)
    form = SettleForm(verdict.may, request.POST if request.method == "POST" else None)
    if form.is_valid() and not _is_doubted(message, form):
        return _decide(request, message, form)
    context |= {
        "form": form,
        "why_not_again": verdict.words,
        "listed": [(each.at, *looked_up(each.data, links.provider(message))) for each in listed_for(message)],
        "may_ask": may_be_asked(message),
    }
    return render_page(request, "resends/unknown.html", context, status=422 if form.is_bound else 200)


def _afterwards(message: Message) -> again.Verdict:
    """Whether the message could be sent again if it did not arrive."""
    supposed = Message(pk=message.pk, trigger=message.trigger, status=Status.FAILED)
    supposed.error_code = message.error_code
    return again.verdicts(message.workspace, [supposed])[message.pk]


def _is_doubted(message: Message, form: SettleForm) -> bool:
    """Whether somebody has to confirm first that it did not arrive. Its provider is asked, and what it knows settles
    the message before the decision does."""
    found = None if form.arrived else doubt(message, timezone.now())
    if found is None or form.is_sure_despite(found):
        return False
    form.doubted(found)
    return True


def _decide(request: WorkspaceRequest, message: Message, form: SettleForm) -> HttpResponse:
    note = form.cleaned_data["note"]
    if not settle.decide(message, form.arrived, note, request.user, timezone.now()):
        message.refresh_from_db()
        return _settled_before(request, message)
    messages.success(
        request,
        _("Decided: it arrived.") if form.arrived else _("Decided: it did not arrive."),
    )
    if form.sends_again:
        return redirect(f"{reverse('resend-new')}?id={message.pk}")
    return redirect("message", message.pk)


def _settled_before(request: WorkspaceRequest, message: Message) -> HttpResponse:
    """A receipt, a late answer or somebody else was first."""
    said = _(
        "Meanwhile the message was settled by a receipt or by somebody else: %(status)s. Nothing was changed."
    )
    messages.warning(request, said % {"status": status_word(message.status)})
    return redirect("message", message.pk)
