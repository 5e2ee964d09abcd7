"""The pages of exports: asking for one, how far each is, and fetching its file."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from auditlog.signals import accessed
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.exports import asking, files
from smsadmin.exports.forms import ExportForm
from smsadmin.exports.models import KEPT, UNFINISHED, Export
from smsadmin.exports.presenters import Row
from smsadmin.exports.writers import WRITERS
from smsadmin.sending.asked import Asked, around, asked
from smsadmin.sending.filters import MessageFilter, log_url
from smsadmin.sending.listing import counts_of
from smsadmin.sending.search import render
from smsadmin.workspaces.access import operator_required
from smsadmin.workspaces.requests import WorkspaceRequest

PER_PAGE = 25


@require_GET
@operator_required
def exports(request: WorkspaceRequest) -> HttpResponse:
    """The workspace's exports, newest first; htmx asks again while one of them is under way."""
    found = Export.objects.filter(workspace=request.workspace).select_related("asked_by").order_by("-pk")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    here = around(request.workspace)
    context = {
        "rows": [Row(export, render(export.filters, here)) for export in page],
        "page": page,
        **_turned(page),
        "moving": any(not export.is_finished for export in page),
        "polled": wants_fragment(request),
        "kept": KEPT.days,
    }
    return render_page(request, "exports/list.html", context, fragment="exports/_list.html")


def _turned(page: Page[Export]) -> dict[str, str]:
    """The addresses of the newer and the older exports, "" where there are none."""
    address = reverse("exports")
    newer = f"{address}?page={page.previous_page_number()}" if page.has_previous() else ""
    older = f"{address}?page={page.next_page_number()}" if page.has_next() else ""
    return {"newer": newer, "older": older}


@require_http_methods(["GET", "POST"])
@operator_required
def new(request: WorkspaceRequest) -> HttpResponse:
    """What would be exported, in words and numbers, and the form that asks for it.

    The address carries the log's own parameters.
    """
    wanted = asked(request.GET.dict(), request.workspace)
    found = MessageFilter(wanted.filters, request)
    if wanted.complaints or not found.form.is_valid():
        return _new_page(request, wanted, found)
    form = ExportForm(request.POST or None)
    if not form.is_valid():
        return _new_page(request, wanted, found, form)
    try:
        chosen = form.cleaned_data
        asking.ask(request.workspace, request.user, found, chosen["format"], chosen["with_text"])
    except asking.NotAsked as refused:
        form.add_error(None, str(refused))
        return _new_page(request, wanted, found, form)
    messages.success(request, _("The export is asked for. It goes on when you leave this page."))
    return redirect("exports")


def _new_page(
    request: WorkspaceRequest, wanted: Asked, found: MessageFilter, form: ExportForm | None = None
) -> HttpResponse:
    """Without a form, the filter cannot be read; the log says why."""
    context: dict[str, Any] = {
        "words": wanted.words,
        "log_url": log_url(**wanted.filters),
        "query": urlencode(wanted.filters),
        "form": form,
        "filter": found,
    }
    if form is not None:
        context["counts"] = counts_of(found)
    wrong = form is None or (form.is_bound and bool(form.errors))
    return render_page(request, "exports/new.html", context, status=422 if wrong else 200)


@require_GET
@never_cache
@operator_required
def download(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """The file; who fetched it is in the audit log."""
    export = _own(request, pk, state=Export.State.DONE)
    try:
        file = files.path_of(export.pk).open("rb")
    except FileNotFoundError:
        messages.error(request, _("The file of this export is no longer on the server. Ask for it again."))
        return redirect("exports")
    accessed.send(sender=Export, instance=export)
    content_type = WRITERS[export.format].content_type
    file_name = export.file_name
    return FileResponse(  # type: ignore[return-value]  # it streams, as no HttpResponse does
        file, as_attachment=True, filename=file_name, content_type=content_type
    )


@require_POST
@operator_required
def cancel(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """Ends an export that is not finished; its worker hears of it within a second and drops the file."""
    export = _own(request, pk)
    unfinished = Export.objects.filter(pk=export.pk, state__in=UNFINISHED)
    if unfinished.update(
        state=Export.State.CANCELLED, holder=None, lease_until=None, finished_at=timezone.now()
    ):
        messages.success(request, _("The export is cancelled."))
    else:
        messages.info(request, _("The export had ended already, so there was nothing to cancel."))
    return redirect("exports")


@require_POST
@operator_required
def delete(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """Takes an export off the list and its file off the server."""
    _own(request, pk).delete()
    messages.success(request, _("The export and its file are deleted."))
    return redirect("exports")


def _own(request: WorkspaceRequest, pk: UUID, **only: Any) -> Export:
    return get_object_or_404(Export, pk=pk, workspace=request.workspace, **only)
