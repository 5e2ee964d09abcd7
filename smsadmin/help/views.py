"""What codes, statuses and words mean: for every member, generated from the rules themselves."""

from datetime import timedelta

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from smsadmin.dashboard.pages import render_page
from smsadmin.help import causes, statuses
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.requests import WorkspaceRequest

COUNTED = timedelta(days=7)


@require_GET
@viewer_required
def errors(request: WorkspaceRequest) -> HttpResponse:
    """Every cause that can stop a message, by whose it is; `q` narrows it."""
    asked = request.GET.get("q", "").strip()
    kinds = causes.kinds(asked)
    counts = causes.counts(request.workspace, timezone.now() - COUNTED)
    context = {
        "asked": asked,
        "kinds": [(kind, [(cause, counts[cause.code]) for cause in kind.causes]) for kind in kinds],
        "found": sum(len(kind.causes) for kind in kinds),
        "days": COUNTED.days,
    }
    return render_page(request, "help/errors.html", context, fragment="help/_causes.html")


@require_GET
@viewer_required
def words(request: WorkspaceRequest) -> HttpResponse:
    """Every status a message can have, and the product's words."""
    context = {"entries": statuses.entries(), "glossary": statuses.glossary()}
    return render_page(request, "help/statuses.html", context)
