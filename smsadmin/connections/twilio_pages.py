"""What a Twilio account has beside its form: where Twilio calls us, which of its numbers do, and what its error codes
mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from smsadmin import cache, phrases
from smsadmin.connections import hearing
from smsadmin.connections.models import ErrorCode
from smsadmin.connections.twilio_forms import ErrorCodeForm
from smsadmin.core import numbers
from smsadmin.dashboard.pages import render_page
from smsadmin.incoming import addresses
from smsadmin.providers import registry
from smsadmin.providers.told import text
from smsadmin.providers.twilio import codes
from smsadmin.providers.twilio.client import TwilioError
from smsadmin.sending.codes import NAMES
from smsadmin.workspaces.access import owner_required
from smsadmin.workspaces.models import Connection
from smsadmin.workspaces.requests import WorkspaceRequest


def shown(connection: Connection) -> dict[str, Any]:
    """What the account's page shows of its calls."""
    return {
        "addresses": addresses.for_twilio(connection),
        "hearing": hearing.of(connection, _missing(connection)),
    }


def _missing(connection: Connection) -> Iterator[str]:
    if not addresses.may_be_called():
        yield _(
            "BASE_URL is an address of this machine alone, so Twilio is not asked to tell what becomes of messages: "
            "set it to the public one."
        )
    elif not settings.SANDBOX and urlsplit(settings.BASE_URL).scheme != "https":
        yield _("BASE_URL does not begin with https://: what Twilio tells can be read on its way.")
    if not connection.secrets.get("auth_token"):
        yield _("The Auth Token is not entered here, so every call of Twilio's is refused: enter it above.")


# --- Which numbers call us ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A number as Twilio has it now: where it has its texts told, and where once more if that fails. Where it has an
    `application`, that one says where, and the addresses are not called."""

    sid: str
    e164: str
    name: str
    can_text: bool
    sms_url: str
    sms_method: str
    fallback: str
    application: str
    inbound: str  # our own address, with how Twilio is to repeat calls that fail

    @property
    def names_us(self) -> bool:
        return _is_ours(self.sms_url, self.inbound)

    @property
    def calls_us(self) -> bool:
        """By POST: our address answers no GET."""
        return self.names_us and not self.application and self.sms_method.upper() != "GET"

    @property
    def is_as_set(self) -> bool:
        """Whether it calls us just as it would if it were chosen now."""
        return self.calls_us and self.sms_url == self.fallback == self.inbound

    @property
    def others(self) -> list[str]:
        """Whom else than us it tells of its texts, as Twilio has it."""
        told = [self.application or self.sms_url, self.fallback]
        return [each for each in told if each and not _is_ours(each, self.inbound)]

    @property
    def shown(self) -> str:
        return numbers.pretty(self.e164)


@require_http_methods(["GET", "POST"])
@owner_required
def incoming(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Which numbers tell us of the texts that come in. The chosen ones are made to, once a second page has shown what
    that replaces at Twilio."""
    connection = _own(request, pk)
    inbound = addresses.for_twilio(connection).inbound
    context = {"connection": connection, "inbound": inbound}
    try:
        lines = list(_lines(connection, inbound))
    except TwilioError as error:
        failure = phrases.translated(str(error))
        return render_page(request, "connections/twilio_incoming.html", {**context, "failure": failure})
    if request.method == "GET":
        return render_page(request, "connections/twilio_incoming.html", {**context, "lines": lines})
    chosen = [line for line in lines if line.sid in request.POST.getlist("number") and line.can_text]
    if not chosen:
        none = _("Choose at least one number.")
        page = {**context, "lines": lines, "none_chosen": none}
        return render_page(request, "connections/twilio_incoming.html", page, status=422)
    if request.POST.get("do") != "set":
        page = {
            **context,
            "chosen": chosen,
            "replaces": [each for each in chosen if each.others],
        }
        return render_page(request, "connections/twilio_incoming_set.html", page)
    _set(request, connection, chosen, inbound)
    return redirect("twilio-incoming", connection.pk)


def _is_ours(address: str, inbound: str) -> bool:
    """However Twilio is to repeat its calls."""
    return address.partition("#")[0] == inbound.partition("#")[0]


def _lines(connection: Connection, inbound: str) -> Iterator[Line]:
    """Somebody waits for them, so they are asked for once. Raises TwilioError."""
    client = registry.twilio(connection)
    client.repeats = 0
    for found in client.numbers(lambda _read, _total: None):
        capabilities = found.get("capabilities")
        yield Line(
            sid=text(found.get("sid"), 40),
            e164=text(found.get("phone_number"), 20),
            name=text(found.get("friendly_name"), 120),
            can_text=isinstance(capabilities, dict) and capabilities.get("sms") is True,
            sms_url=text(found.get("sms_url"), 500),
            sms_method=text(found.get("sms_method"), 10),
            fallback=text(found.get("sms_fallback_url"), 500),
            application=text(found.get("sms_application_sid"), 40),
            inbound=inbound,
        )


def _set(request: WorkspaceRequest, connection: Connection, chosen: list[Line], inbound: str) -> None:
    """One number after the other: what was done before one that fails holds."""
    client, done = registry.twilio(connection), 0
    for line in chosen:
        try:
            client.have_texts_told(line.sid, inbound, application=line.application)
        except TwilioError as error:
            told = {"number": line.shown, "why": phrases.translated(str(error))}
            messages.error(request, _("%(number)s could not be changed. %(why)s") % told)
            break
        done += 1
    if done:
        words = ngettext(
            "%(n)d number tells us of its texts from now on.",
            "%(n)d numbers tell us of their texts from now on.",
            done,
        )
        messages.success(request, words % {"n": done})


# --- Error codes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One code of the table: what Twilio says with it, what it means here, and who has changed that."""

    code: int
    says: str
    error: str
    name: str
    later: bool
    changed: ErrorCode | None

    @property
    def is_fixed(self) -> bool:
        """Whether no table is asked for it."""
        return self.code == codes.TOO_MANY


@require_http_methods(["GET", "POST"])
@owner_required
def error_codes(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What Twilio's codes mean in this workspace: for all of its accounts at Twilio."""
    connection = _own(request, pk)
    own = {each.code: each for each in _own_codes(request)}
    if request.method == "POST" and request.POST.get("do") == "reset":
        return _reset(request, connection)
    initial = _initial(request, own)
    code = _code(request.POST.get("code", "")) or int(initial.get("code", 0))
    form = ErrorCodeForm(_meanings(code), request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        return _saved(request, connection, form)
    context = {"connection": connection, "rows": _rows(own), "form": form, "changed": len(own)}
    status = 422 if form.is_bound else 200
    return render_page(request, "connections/error_codes.html", context, status=status)


def _own_codes(request: WorkspaceRequest) -> list[ErrorCode]:
    return list(ErrorCode.objects.filter(workspace=request.workspace).select_related("changed_by"))


def _rows(own: dict[int, ErrorCode]) -> list[Row]:
    return [_row(code, own.get(code)) for code in sorted({*codes.SHIPPED, *own})]


def _row(code: int, changed: ErrorCode | None) -> Row:
    shipped = codes.SHIPPED.get(code)
    says = _(shipped.says) if shipped else changed.note if changed else ""
    error = changed.error if changed else shipped.error if shipped else ""
    again = changed.again if changed else shipped.again if shipped else codes.Again.NO
    return Row(code, says, error, _name(error), again == codes.Again.LATER, changed)


def _name(error: str) -> str:
    return str(NAMES.get(error, error))


def _meanings(code: int) -> list[tuple[str, str]]:
    """What one of Twilio's codes may be said to mean."""
    return [(error, _name(error)) for error in codes.meanings_of(code)]


def _code(given: str) -> int:
    """One of Twilio's codes as it came with a request; 0 for what is none."""
    return int(given) if given.isascii() and given.isdigit() and len(given) == 5 else 0


def _initial(request: WorkspaceRequest, own: dict[int, ErrorCode]) -> dict[str, str | int]:
    """What the form begins with: the code of the address as it is now."""
    code = _code(request.GET.get("code", ""))
    row = _row(code, own.get(code))
    if not code or row.is_fixed:
        return {"again": codes.Again.NO}
    again = codes.Again.LATER if row.later else codes.Again.NO
    return {"code": code, "error": row.error, "again": again, "note": row.changed.note if row.changed else ""}


def _saved(request: WorkspaceRequest, connection: Connection, form: ErrorCodeForm) -> HttpResponse:
    values = form.cleaned_data
    ErrorCode.objects.update_or_create(
        workspace=request.workspace,
        code=values["code"],
        defaults={name: values[name] for name in ("error", "again", "note")} | {"changed_by": request.user},
    )
    cache.forget()
    told = {"code": values["code"], "name": _name(values["error"])}
    messages.success(request, _("%(code)d means “%(name)s” here from now on.") % told)
    return redirect("error-codes", connection.pk)


def _reset(request: WorkspaceRequest, connection: Connection) -> HttpResponse:
    code = _code(request.POST.get("code", ""))
    if found := ErrorCode.objects.filter(workspace=request.workspace, code=code).first():
        found.delete()
        cache.forget()
        messages.success(request, _("%(code)s means what is shipped again.") % {"code": code})
    return redirect("error-codes", connection.pk)


def _own(request: WorkspaceRequest, pk: int) -> Connection:
    return get_object_or_404(Connection, pk=pk, workspace=request.workspace, kind=Connection.Kind.TWILIO)
