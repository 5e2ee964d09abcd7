"""The accounts and portals a workspace works with: list, set up, test, disconnect."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import cache, phrases
from smsadmin.connections import callr_pages, hubspot_portal, probe, twilio_pages
from smsadmin.connections.form_base import ConnectionForm
from smsadmin.connections.forms import FORMS
from smsadmin.consent.models import Review
from smsadmin.dashboard.pages import render_page
from smsadmin.directory import bell
from smsadmin.inbox.models import Thread
from smsadmin.incoming import webhooks
from smsadmin.incoming.models import InboundMessage, Webhook
from smsadmin.pacing import queue
from smsadmin.providers.aircall.client import AircallError
from smsadmin.providers.hubspot import oauth, scopes
from smsadmin.providers.registry import CARRIERS
from smsadmin.sending import bell as sending_bell
from smsadmin.sending.filters import OWED, UNLOGGED, log_url
from smsadmin.workspaces.access import owner_required, viewer_required
from smsadmin.workspaces.models import Connection, Role
from smsadmin.workspaces.requests import WorkspaceRequest
from smsadmin.writeback import engagements
from smsadmin.writeback.engagements import Undone


@require_GET
@viewer_required
def connections(request: WorkspaceRequest) -> HttpResponse:
    """The accounts this workspace works with, and whether each works."""
    found = Connection.objects.filter(workspace=request.workspace).order_by("kind", "name")
    found = found.select_related("webhook", "workspace")
    accounts = [each for each in found if each.kind in CARRIERS]
    queues = {each.connection.pk: each for each in queue.of_all(accounts, timezone.now())}
    undone = engagements.undone(request.workspace.pk)
    listed = [
        (each, FORMS[each.kind].secrets_set(each), _portal(each, undone.get(each.pk)), queues.get(each.pk))
        for each in found
    ]
    context = {
        "connections": listed,
        "kinds": Connection.Kind,
        "carriers": CARRIERS,
        "may_own": request.member.may(Role.OWNER),
        "can_install": oauth.is_set_up(),
        "addresses": _addresses(),
    }
    return render_page(request, "connections/list.html", context)


def _portal(connection: Connection, undone: Undone | None) -> dict[str, Any] | None:
    """What the list shows of a HubSpot portal alone."""
    if connection.kind != Connection.Kind.HUBSPOT:
        return None
    return {
        "id": "" if hubspot_portal.gave_way(connection) else connection.external_id,
        "language": dict(settings.LANGUAGES)[connection.answers_in],
        "needs": scopes.needs(connection),
        "to_add": scopes.to_add(connection),
        "undone": undone,
        "owed": log_url(told=OWED),
        "unlogged": log_url(told=UNLOGGED),
    }


@require_http_methods(["GET", "POST"])
@owner_required
def new_connection(request: WorkspaceRequest, kind: str) -> HttpResponse:
    """Connects an account that carries messages, a HubSpot portal, or a platform of agents."""
    if kind not in FORMS:
        raise Http404
    blank = Connection(workspace=request.workspace, kind=kind)
    if request.method == "GET":
        return _connection_page(request, FORMS[kind](instance=blank))
    return _save_connection(request, FORMS[kind](request.POST, instance=blank))


@require_http_methods(["GET", "POST"])
@owner_required
def connection(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One connection; its secrets can be replaced, never read."""
    shown = _own(request, pk)
    if request.method == "GET":
        return _connection_page(request, FORMS[shown.kind](instance=shown))
    return _save_connection(request, FORMS[shown.kind](request.POST, instance=shown))


def _save_connection(request: WorkspaceRequest, form: ConnectionForm) -> HttpResponse:
    is_new = form.instance.pk is None
    if not form.is_valid():
        return _connection_page(request, form, status=422)
    try:
        with transaction.atomic():
            saved = form.save()
    except IntegrityError:  # the same account was connected at this very moment
        form.add_error(form.id_field(), _("This was connected elsewhere a moment ago."))
        return _connection_page(request, form, status=422)
    cache.forget()
    messages.success(
        request, _("“%(name)s” is saved. Test it to see whether it works.") % {"name": saved.name}
    )
    sending_bell.ring(saved.pk)  # what waited for good credentials
    if is_new and saved.kind == Connection.Kind.CALLR:
        callr_pages.prepare(saved)
    if is_new and saved.kind in CARRIERS:
        _ask_for_refresh(request, saved)
    return redirect("connections")


def _ask_for_refresh(request: WorkspaceRequest, saved: Connection) -> None:
    if bell.ring([saved.pk]):
        messages.info(request, _("Its numbers and users are being read now; see the directory."))
    else:
        messages.warning(
            request, _("Its numbers are read within 10 minutes: the queue cannot be reached now.")
        )


@require_POST
@owner_required
def test_connection(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks the provider whether the credentials are accepted, and for which account."""
    result = probe.ask(_own(request, pk))
    (messages.success if result.works else messages.error)(request, phrases.translated(result.sentence))
    return redirect("connections")


@require_http_methods(["GET", "POST"])
@owner_required
def delete_connection(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks first; refused while messages or actions refer to it."""
    shown = _own(request, pk)
    if request.method == "GET":
        context = {"connection": shown, "goes": _goes_with(shown)}
        return render_page(request, "connections/delete.html", context)
    webhook = webhooks.of(shown)
    try:
        shown.delete()
    except ProtectedError:
        context = {"connection": shown, "refused": True}
        return render_page(request, "connections/delete.html", context, status=422)
    cache.forget()
    if webhook:
        _end_webhook(request, webhook, shown)
    messages.success(request, _("“%(name)s” is no longer connected.") % {"name": shown.name})
    return redirect("connections")


def _goes_with(connection: Connection) -> dict[str, int]:
    """How many of what people said are deleted with an account."""
    if connection.kind not in CARRIERS:
        return {}
    reviews = Review.objects.filter(inbound__connection=connection, state=Review.State.OPEN)
    return {
        "texts": InboundMessage.objects.filter(connection=connection).count(),
        "threads": Thread.objects.filter(number__connection=connection).count(),
        "reviews": reviews.count(),
    }


def _end_webhook(request: WorkspaceRequest, webhook: Webhook, of: Connection) -> None:
    try:
        webhooks.end(webhook, of)
    except AircallError as error:
        text = _("Its webhook could not be removed at Aircall. %(why)s Remove it in the Aircall Dashboard.")
        messages.warning(request, text % {"why": phrases.translated(str(error))})


@require_POST
@owner_required
def connection_webhook(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Sets up, repairs or removes (`do`) what tells us of delivery and replies, or says whether it repairs itself."""
    shown = get_object_or_404(Connection, pk=pk, workspace=request.workspace, kind=Connection.Kind.AIRCALL)
    try:
        if request.POST.get("do") == "repairs":
            webhooks.let_repair(shown, "repairs" in request.POST)
            messages.success(request, _("Saved."))
        elif request.POST.get("do") == "remove":
            webhooks.remove(shown)
            messages.success(request, _("Aircall no longer tells what becomes of messages."))
        else:
            webhooks.set_up(shown)
            messages.success(request, _("Aircall tells what becomes of messages from now on."))
    except AircallError as error:
        messages.error(request, phrases.translated(str(error)))
    return redirect(reverse("connection", args=[shown.pk]) + "#webhook")


def _own(request: WorkspaceRequest, pk: int) -> Connection:
    return get_object_or_404(Connection, pk=pk, workspace=request.workspace)


def _connection_page(request: WorkspaceRequest, form: ConnectionForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "connection": form.instance,
        "kind": form.kind.label,
        "webhook": webhooks.of(form.instance) if form.instance.pk else None,
        "can_install": oauth.is_set_up(),
    }
    if form.kind == Connection.Kind.CALLR and form.instance.pk:
        context |= callr_pages.shown(form.instance)
    if form.kind == Connection.Kind.TWILIO and form.instance.pk:
        context |= twilio_pages.shown(form.instance)
    if form.kind == Connection.Kind.HUBSPOT and not form.instance.pk:
        context["portal_ways"] = {"redirect_uri": oauth.redirect_uri()}
    return render_page(request, "connections/connection.html", context, status=status)


def _addresses() -> list[tuple[str, str]]:
    """What to enter at HubSpot: (what it is, address)."""
    named = [
        (_("Action URL"), "hubspot-send-sms"),
        (_("Options URL of the number field"), "hubspot-sender-numbers"),
        (_("Options URL of the user field"), "hubspot-send-as-users"),
        (_("Redirect URL"), "hubspot-oauth-callback"),
    ]
    return [(label, settings.BASE_URL + reverse(name)) for label, name in named]
