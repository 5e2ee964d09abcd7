"""Who sees numbers and texts, how long they are kept, who revealed what, and what is left of deleted messages."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache
from smsadmin.dashboard.pages import render_page
from smsadmin.privacy import counting, reading, stock
from smsadmin.privacy.forms import PolicyForm
from smsadmin.privacy.models import Reveal
from smsadmin.privacy.policies import stored
from smsadmin.sending.models import Message
from smsadmin.workspaces.access import owner_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 50


@require_http_methods(["GET", "POST"])
@viewer_required
def privacy(request: WorkspaceRequest) -> HttpResponse:
    """What holds, read by everybody; owners change it."""
    if request.method == "POST":
        return _save(request)
    return _page(request, PolicyForm(instance=stored(request.workspace.pk)))


@owner_required
def _save(request: WorkspaceRequest) -> HttpResponse:
    """Saves at once what deletes nothing; else the page says what would be deleted, and asks."""
    form = PolicyForm(request.POST, instance=stored(request.workspace.pk))
    if not form.is_valid():
        return _page(request, form, status=422)
    loses = stock.deleted_by(form.instance, stored(request.workspace.pk), timezone.now())
    if loses and request.POST.get("confirmed") != form.as_confirmed:
        return _page(request, form, loses, status=422)
    form.save()
    cache.forget()
    messages.success(request, _("The settings are saved. What is to be deleted goes within the next hours."))
    return redirect("privacy")


def _page(
    request: WorkspaceRequest, form: PolicyForm, loses: Sequence[stock.Stock] = (), status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "loses": loses,
        "stocks": stock.kept(request.workspace),
        "may_own": request.member.may(Role.OWNER),
    }
    return render_page(request, "privacy/privacy.html", context, status=status)


@require_POST
@viewer_required
def reveal(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """Shows a message that is masked for this person, for a while; who did is recorded first."""
    message = get_object_or_404(Message.objects.only("pk"), pk=pk, workspace=request.workspace)
    if reading.may_reveal(request.member):
        reading.reveal(request, message)
    elif not reading.sees_everything(request.member):
        raise PermissionDenied(
            _(
                "In this workspace viewers cannot reveal messages. Ask an operator to look, or an owner to change it."
            )
        )
    return redirect("message", pk)


@require_GET
@owner_required
def reveals(request: WorkspaceRequest) -> HttpResponse:
    """Who had which message shown, newest first."""
    found = Reveal.objects.filter(workspace=request.workspace).select_related("by").order_by("-pk")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    mine = Message.objects.filter(workspace=request.workspace, pk__in=[each.message for each in page])
    context = {
        "page": page,
        "there": set(mine.values_list("pk", flat=True)),
        "newer": _turned(page.previous_page_number() if page.has_previous() else 0),
        "older": _turned(page.next_page_number() if page.has_next() else 0),
    }
    return render_page(request, "privacy/reveals.html", context)


def _turned(number: int) -> str:
    """The address of a page of reveals, "" for none."""
    return f"{reverse('reveals')}?page={number}" if number else ""


@require_GET
@viewer_required
def counts(request: WorkspaceRequest) -> HttpResponse:
    """What is left of messages that were deleted by age."""
    return render_page(request, "privacy/counts.html", {"table": counting.table(request.workspace)})
