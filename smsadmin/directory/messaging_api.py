"""A number in proxy mode: what Aircall says of its configuration, putting it there and back, and a message from it.

While a number is in this mode nobody texts from it in the Aircall app, so changing it asks first, on a page of its own.
"""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from smsadmin import phrases
from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.core.status import Status
from smsadmin.dashboard.pages import render_page
from smsadmin.directory.messaging_api_forms import MOST_MEDIA, ConfirmForm, SendForm
from smsadmin.directory.models import Number
from smsadmin.incoming import proxy
from smsadmin.incoming.models import ProxyConfiguration
from smsadmin.providers.aircall.client import AircallError
from smsadmin.sending import presenters
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import MESSAGING_API
from smsadmin.sending.models import Message
from smsadmin.workspaces.access import operator_required, owner_required, viewer_required
from smsadmin.workspaces.models import Role, User
from smsadmin.workspaces.requests import WorkspaceRequest


@require_GET
@viewer_required
def messaging_api(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The number's mode as Aircall last told it, and what may be done about it."""
    number = _number(request, pk)
    context = {
        "number": number,
        "configuration": proxy.of(number),
        "plan_refused_at": number.connection.plan_refused_at,
        "may_own": request.member.may(Role.OWNER),
        "may_send": request.member.may(Role.OPERATOR),
    }
    return render_page(request, "directory/messaging_api/number.html", context)


@require_POST
@operator_required
def look(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Asks Aircall how the number is configured."""
    number = _number(request, pk)
    try:
        found = proxy.look(number)
    except AircallError as error:
        messages.error(request, phrases.translated(str(error)))
    else:
        said = (
            _("Aircall says that %(name)s is in proxy mode.")
            if found.type
            else _("Aircall says that %(name)s is not in proxy mode.")
        )
        messages.success(request, said % {"name": number.name})
    return redirect("messaging-api", pk)


@require_http_methods(["GET", "POST"])
@owner_required
def configure(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Puts the number into proxy mode, or has one that is in it call us; asks first."""

    def done(number: Number) -> str:
        proxy.configure(number, request.user)
        return _("%(name)s is in proxy mode: it texts from here alone.") % {"name": number.name}

    return _changed(request, pk, "directory/messaging_api/configure.html", done)


@require_http_methods(["GET", "POST"])
@owner_required
def remove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Takes the number out of proxy mode; asks first."""

    def done(number: Number) -> str:
        proxy.remove(number)
        return _("%(name)s is no longer in proxy mode: people text from it in Aircall again.") % {
            "name": number.name
        }

    return _changed(request, pk, "directory/messaging_api/remove.html", done)


def _changed(
    request: WorkspaceRequest, pk: int, template: str, change: Callable[[Number], str]
) -> HttpResponse:
    number = _number(request, pk)
    form = ConfirmForm(number, request.POST if request.method == "POST" else None)
    context = {
        "number": number,
        "form": form,
        "configuration": proxy.of(number),
        "waiting": _waiting(number),
        "other": ProxyConfiguration.Callback.OTHER,
    }
    if not form.is_valid():
        return render_page(request, template, context, status=422 if form.is_bound else 200)
    try:
        messages.success(request, change(number))
    except AircallError as error:
        form.add_error(None, phrases.translated(str(error)))
        return render_page(request, template, context, status=422)
    return redirect("messaging-api", pk)


def _waiting(number: Number) -> int:
    """Messages that still wait for their turn in the mode that ends: those that are queued, and those that are held."""
    statuses = [Status.QUEUED, Status.HELD]
    return Message.objects.filter(number=number, status__in=statuses, proxy=number.proxy_mode).count()


@require_http_methods(["GET", "POST"])
@operator_required
def send(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One message from a number in proxy mode, with pictures and files if need be."""
    number = _number(request, pk)
    if not number.proxy_mode or number.gone_at:
        return redirect("messaging-api", pk)
    form = SendForm(request.POST if request.method == "POST" else None)
    context = {"number": number, "form": form, "most_media": MOST_MEDIA}
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render_page(request, "directory/messaging_api/send.html", context, status=status)
    message = accept(ask(number, request.user, **form.cleaned_data))
    if message.error:
        messages.error(request, presenters.headline(message))
    else:
        messages.success(request, _("The message is on its way. The log is the only place that shows it."))
    return redirect("message", message.pk)


def ask(
    number: Number, by: User, *, recipient: str, text: str, addresses: tuple[str, ...], token: str
) -> SendRequest:
    """What somebody wrote, as a wish to send it: the same token is the same message."""
    return SendRequest(
        workspace_id=number.workspace_id,
        trigger=MESSAGING_API,
        key=f"{number.pk}:{token}",
        config=ActionConfig(
            sender_kind="number",
            sender_number_id=number.pk,
            sender_given=number.e164,
            recipient_property="phone",
            message=text,
        ),
        record=Record("person", properties={"phone": recipient}),
        origin={"by": by.pk, "who": str(by)},
        via="any",
        media=addresses,
        by_person=True,
    )


def _number(request: WorkspaceRequest, pk: int) -> Number:
    numbers = Number.objects.select_related("connection")
    return get_object_or_404(numbers, pk=pk, workspace=request.workspace)
