"""The pages of held messages: where they wait and until when, and what people do with them before that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from smsadmin.core.errors import SendError
from smsadmin.dashboard.pages import render_page
from smsadmin.dashboard.templatetags.ui import grouped
from smsadmin.quotas import held
from smsadmin.quotas.held import Chosen
from smsadmin.sending import explain, intervene
from smsadmin.sending.models import Message
from smsadmin.workspaces.access import operator_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

#: So many messages are released or cancelled with one button.
MOST = 1_000


@require_GET
@viewer_required
def held_messages(request: WorkspaceRequest) -> HttpResponse:
    """Every line of held messages with why it waits and until when, and the messages in it."""
    now, chosen = timezone.now(), Chosen.asked(request.GET.dict(), request.workspace.pk)
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    shown = held.shown(chosen, before, after, request.member, now)
    context = {
        "chosen": chosen,
        "shown": shown,
        **shown.page.turned(reverse("quota-held"), chosen.filters),
        "may_act": request.member.may(Role.OPERATOR),
        "form": held.HeldFilter(chosen),
    }
    return render_page(request, "quotas/held/list.html", context, fragment="quotas/held/_list.html")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a confirmation page is about: which messages, how many, and the address that says so again."""

    chosen: Chosen
    count: int
    acted: int
    query: str
    back: str


@require_http_methods(["GET", "POST"])
@operator_required
def decide(request: WorkspaceRequest) -> HttpResponse:
    """What releasing or cancelling (`do`) would do to the messages that the address names, and the button for it.

    `id` names single ones, `all` those that the filter of the held page finds.
    """
    act = ACTS.get(request.GET.get("do", ""))
    if act is None:
        raise Http404
    now = timezone.now()
    wanted = _wanted(request, now)
    if wanted.count and request.method == "POST":
        act(request, _rows(wanted.chosen, now), now)
        return redirect(wanted.back)
    context = {"do": request.GET["do"], "wanted": wanted, "most": MOST, "rest": wanted.count - wanted.acted}
    if wanted.count:
        context["first"] = held.shown(wanted.chosen, "", "", request.member, now)
    return render_page(request, "quotas/held/decide.html", context, status=200 if wanted.count else 422)


def _wanted(request: WorkspaceRequest, now: datetime) -> Wanted:
    chosen = Chosen.asked(request.GET.dict(), request.workspace.pk)
    back = f"{reverse('quota-held')}?{chosen.query}" if chosen.query else reverse("quota-held")
    query = [("do", request.GET["do"])]
    if request.GET.get("all"):
        newest = (
            held.uuid_of(request.POST.get("newest", ""))
            or chosen.rows(now).values_list("pk", flat=True).last()
        )
        chosen = replace(chosen, newest=newest)
        query += [("all", "1"), *parse_qsl(chosen.query)]
    else:
        ids = tuple(pk for given in request.GET.getlist("id")[:MOST] if (pk := held.uuid_of(given)))
        chosen = Chosen(request.workspace.pk, ids=ids)
        query += [("id", str(pk)) for pk in ids]
        if request.GET.get("from") == "message" and len(ids) == 1:
            back = reverse("message", args=ids)
            query.append(("from", "message"))
    count = chosen.rows(now).count()
    return Wanted(chosen, count, min(count, MOST), urlencode(query), back)


def _rows(chosen: Chosen, now: datetime) -> list[Message]:
    related = chosen.rows(now).select_related("number", "agent", "action")
    return list(related.defer(*Message.LONG, "body")[:MOST])


def _cancel(request: WorkspaceRequest, rows: Sequence[Message], now: datetime) -> None:
    count = intervene.cancel(rows, request.user, now)
    _tell(request, ngettext("%(n)s message is cancelled.", "%(n)s messages are cancelled.", count), count)
    _tell_of_others(request, len(rows) - count)


def _release(request: WorkspaceRequest, rows: Sequence[Message], now: datetime) -> None:
    """Where one of a number and user finds no room, those after it are not tried."""
    count, kept, why = 0, 0, dict[tuple[int | None, int | None], str]()
    for message in rows:
        key = message.number_id, message.agent_id
        if key in why:
            kept += 1
            continue
        try:
            count += intervene.release(message, request.user, now)
        except SendError as error:
            why[key] = explain.said(error.sentence(error.facts), error.facts)
            kept += 1
    if count:
        _tell(request, ngettext("%(n)s message is released.", "%(n)s messages are released.", count), count)
    if kept:
        reasons = " ".join(list(dict.fromkeys(why.values()))[:3])
        stays = ngettext(
            "%(n)s message stays held: %(reasons)s", "%(n)s messages stay held: %(reasons)s", kept
        )
        messages.warning(request, stays % {"n": grouped(kept), "reasons": reasons})
    _tell_of_others(request, len(rows) - count - kept)


def _tell(request: WorkspaceRequest, words: str, count: int) -> None:
    if count:
        messages.success(request, words % {"n": grouped(count)})


def _tell_of_others(request: WorkspaceRequest, count: int) -> None:
    if count:
        words = ngettext(
            "%(n)s message had left or ended meanwhile; nothing was changed about it.",
            "%(n)s messages had left or ended meanwhile; nothing was changed about them.",
            count,
        )
        messages.info(request, words % {"n": grouped(count)})


ACTS: dict[str, Callable[[WorkspaceRequest, Sequence[Message], datetime], None]] = {
    "cancel": _cancel,
    "release": _release,
}
