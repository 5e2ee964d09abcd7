"""The list of opt-outs: who is on it, since when and why; adding, taking off, importing and exporting."""

import csv
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin.consent import listing, opting, presenters, writing
from smsadmin.consent.forms import MOST_WRONG, AddForm, ImportForm, ReasonForm, SearchForm, unreadable
from smsadmin.consent.models import OptOut, Source
from smsadmin.consent.opting import Statement
from smsadmin.consent.policies import stored
from smsadmin.core import numbers
from smsadmin.dashboard.pages import render_page
from smsadmin.dashboard.templatetags.ui import grouped
from smsadmin.directory.models import Number
from smsadmin.exports.writers import defused
from smsadmin.keyset import Page
from smsadmin.privacy.reading import sees_everything
from smsadmin.sending.filters import log_url
from smsadmin.workspaces.access import operator_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest


def tabs(request: WorkspaceRequest) -> dict[str, Any]:
    """What the entries above every page of opt-outs need."""
    return {"open_reviews": listing.reviews(request.workspace.pk).order_by()[: listing.MOST_COUNTED].count()}


@require_GET
@viewer_required
def opt_outs(request: WorkspaceRequest) -> HttpResponse:
    """Numbers that are or were out, those that changed last first."""
    form = SearchForm(request.GET, lambda: _countries(request))
    is_valid = form.is_valid()
    asked = form.cleaned_data if is_valid else {}
    chosen = listing.found(request.workspace.pk, asked.get("state", ""), asked.get("q") or ())
    page: Page[OptOut] = Page()
    if is_valid:
        page = listing.page_of(chosen, request.GET.get("before", ""), request.GET.get("after", ""))
    kept = {name: request.GET[name] for name in ("q", "state") if request.GET.get(name)}
    context = {
        "form": form,
        "filtered": bool(kept),
        "rows": presenters.rows(page.rows, request.member),
        "count": listing.count(chosen) if is_valid else 0,
        "most": listing.MOST_COUNTED,
        **page.turned(reverse("opt-outs"), kept),
        "policy": stored(request.workspace.pk),
        "untold": listing.failed_writes(request.workspace.pk).count(),
        "may_operate": request.member.may(Role.OPERATOR),
        "export_url": f"{reverse('opt-outs-export')}?{urlencode(kept)}",
        **tabs(request),
    }
    status = 200 if is_valid else 422
    return render_page(request, "consent/list.html", context, fragment="consent/_list.html", status=status)


def _countries(request: WorkspaceRequest) -> list[str]:
    """The countries of the workspace's numbers."""
    mine = Number.objects.filter(workspace=request.workspace).exclude(country="")
    return list(mine.order_by("country").values_list("country", flat=True).distinct())


@require_GET
@viewer_required
def opt_out(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One number: where it stands, what led there, and what HubSpot was told."""
    shown = _own(request, pk)
    context = {
        "row": presenters.row(shown, request.member),
        "is_out": shown.is_out,
        "history": presenters.history(listing.history(shown), request.member),
        "has_failed": any(each.state == "failed" for each in shown.writes.all()),
        "log": log_url(q=shown.number) if sees_everything(request.member) else "",
        "may_operate": request.member.may(Role.OPERATOR),
        **tabs(request),
    }
    return render_page(request, "consent/number.html", context)


def _own(request: WorkspaceRequest, pk: int) -> OptOut:
    mine = OptOut.objects.filter(workspace=request.workspace, since__isnull=False)
    return get_object_or_404(mine.prefetch_related("writes__connection", "changes__by"), pk=pk)


# --- By hand ------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@operator_required
def add(request: WorkspaceRequest) -> HttpResponse:
    """Opts a number out."""
    form = AddForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        number = form.cleaned_data["number"]
        said = Statement(Source.PERSON, timezone.now(), request.user, words=form.cleaned_data["reason"])
        is_news = opting.opt_out(request.workspace.pk, number, said)
        words = _("%(number)s is opted out.") if is_news else _("%(number)s was opted out already.")
        messages.success(request, words % {"number": numbers.pretty(number)})
        return redirect(_address(request, number))
    context = {"form": form, "policy": stored(request.workspace.pk), **tabs(request)}
    return render_page(request, "consent/add.html", context, status=422 if form.errors else 200)


def _address(request: WorkspaceRequest, number: str) -> str:
    found = listing.standing(request.workspace.pk, number)
    return reverse("opt-out", args=[found.pk]) if found else reverse("opt-outs")


@require_http_methods(["GET", "POST"])
@operator_required
def change(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What it means to text a number again, or no more, and the button for it."""
    shown = _own(request, pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _changed(request, shown, form.cleaned_data["reason"])
    context = {"form": form, "shown": shown, "policy": stored(request.workspace.pk), **tabs(request)}
    return render_page(request, "consent/change.html", context, status=422 if form.errors else 200)


def _changed(request: WorkspaceRequest, shown: OptOut, reason: str) -> HttpResponse:
    """The button says what it does: where somebody else was quicker, nothing is turned round."""
    said, number = Statement(Source.PERSON, timezone.now(), request.user, words=reason), shown.number
    if request.POST.get("do") == "in":
        opting.opt_in(request.workspace.pk, number, said)
        messages.success(request, _("%(number)s may be texted again.") % {"number": numbers.pretty(number)})
    else:
        opting.opt_out(request.workspace.pk, number, said)
        messages.success(request, _("%(number)s is opted out.") % {"number": numbers.pretty(number)})
    return redirect("opt-out", shown.pk)


@require_POST
@operator_required
def retry(request: WorkspaceRequest) -> HttpResponse:
    """Has HubSpot told once more: of one number, or of all that it could not be told of."""
    writes = listing.failed_writes(request.workspace.pk)
    shown = _named(request)
    if shown:
        writes = writes.filter(opt_out=shown)
    count = writing.again(writes)
    words = ngettext("%(n)s is tried again.", "%(n)s are tried again.", count)
    messages.success(request, words % {"n": grouped(count)})
    return redirect("opt-out", shown.pk) if shown else redirect("opt-outs")


def _named(request: WorkspaceRequest) -> OptOut | None:
    """The number that the form names; None where it names none, which is not what cannot be read."""
    if "opt_out" not in request.POST:
        return None
    pk = request.POST["opt_out"]
    if not (pk.isdecimal() and len(pk) < 19):
        raise Http404
    return _own(request, int(pk))


# --- Files --------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@operator_required
def bring_in(request: WorkspaceRequest) -> HttpResponse:
    """Opts out every number of a file; none where a line of it cannot be read."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        said = Statement(Source.IMPORT, timezone.now(), request.user, words=form.cleaned_data["reason"])
        new = len(opting.standing(request.workspace.pk, form.numbers, said, is_out=True))
        _tell(request, new, len(form.numbers) - new)
        return redirect("opt-outs")
    wrong = [(each.line, each.value, unreadable(each.reason)) for each in form.wrong[:MOST_WRONG]]
    context = {"form": form, "wrong": wrong, "more_wrong": len(form.wrong) - len(wrong), **tabs(request)}
    return render_page(request, "consent/import.html", context, status=422 if form.errors else 200)


def _tell(request: WorkspaceRequest, new: int, known: int) -> None:
    words = ngettext("%(n)s number is opted out.", "%(n)s numbers are opted out.", new) % {"n": grouped(new)}
    if known:
        already = ngettext("%(n)s was so already.", "%(n)s were so already.", known) % {"n": grouped(known)}
        words = f"{words} {already}"
    messages.success(request, words)


@require_GET
@operator_required
def export(request: WorkspaceRequest) -> HttpResponse:
    """The list as it is filtered, as a CSV file; the page itself, which says why, where the filter cannot be read."""
    form = SearchForm(request.GET, lambda: _countries(request))
    if not form.is_valid():
        return opt_outs(request)
    asked = form.cleaned_data
    chosen = listing.found(request.workspace.pk, asked["state"], asked["q"] or ())
    return StreamingHttpResponse(  # type: ignore[return-value]  # it streams, as no HttpResponse does
        _lines(request, chosen),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="opt-outs.csv"', "Cache-Control": "no-store"},
    )


class _Echo:
    """Gives back what is written to it."""

    def write(self, value: str) -> str:
        return value


def _lines(request: WorkspaceRequest, chosen: Any) -> Iterator[str]:
    """With a byte order mark, without which Excel takes it for another encoding."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(["number", "state", "since", "by", "words"])
    for found in listing.every(chosen):
        row = presenters.row(found, request.member)
        since = row.since.astimezone(request.workspace.zone).isoformat(timespec="seconds")
        state = "out" if found.is_out else "in"
        yield writer.writerow([defused(found.number, True), state, since, found.source, defused(row.words)])
