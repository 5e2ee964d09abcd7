"""Texts that may have meant to opt out or to come back: a person decides, one by one or several together."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from smsadmin import keyset
from smsadmin.consent import listing, presenters, reviewing
from smsadmin.consent.models import Review
from smsadmin.consent.policies import stored
from smsadmin.consent.views import tabs
from smsadmin.dashboard.pages import render_page
from smsadmin.workspaces.access import operator_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

NEWEST_FIRST = keyset.Keyset(Review)


@require_http_methods(["GET", "POST"])
@viewer_required
def review(request: WorkspaceRequest) -> HttpResponse:
    """Those that are open; with `show=decided` those that were looked at."""
    if request.method == "POST":
        return _decide(request)
    decided = request.GET.get("show") == "decided"
    rows = listing.reviews(request.workspace.pk, decided=decided)
    page = NEWEST_FIRST.page(rows, request.GET.get("before", ""), request.GET.get("after", ""))
    context = {
        "decided": decided,
        "doubts": presenters.doubts(page.rows, request.member),
        **page.turned(reverse("opt-outs-review"), {"show": "decided"} if decided else {}),
        "policy": stored(request.workspace.pk),
        "may_operate": request.member.may(Role.OPERATOR),
        **tabs(request),
    }
    return render_page(request, "consent/review.html", context)


@operator_required
def _decide(request: WorkspaceRequest) -> HttpResponse:
    """The buttons of a row name it; those below the table take what is ticked."""
    single = request.POST.get("act") or request.POST.get("dismiss")
    given = [single] if single else request.POST.getlist("id")
    ids = [int(each) for each in given[: keyset.PER_PAGE] if each.isdecimal() and len(each) < 18]
    acts = "act" in request.POST or request.POST.get("do") == "act"
    decide = reviewing.act if acts else reviewing.dismiss
    count = decide(request.workspace.pk, ids, request.user, timezone.now())
    words = ngettext("%(n)d text is dismissed.", "%(n)d texts are dismissed.", count)
    if acts:
        words = ngettext("%(n)d text is acted on.", "%(n)d texts are acted on.", count)
    if not ids:
        messages.warning(request, _("No text was chosen: tick some, or use the buttons beside one."))
    elif count:
        messages.success(request, words % {"n": count})
    if left := len(ids) - count:
        others = ngettext(
            "%(n)d was decided by somebody else, or its number is not kept any more.",
            "%(n)d were decided by somebody else, or their numbers are not kept any more.",
            left,
        )
        messages.warning(request, others % {"n": left})
    return redirect("opt-outs-review")
