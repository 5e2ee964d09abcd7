"""Proving that a phone is one of ours: a code goes to it as any text does, and is typed in here."""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.hashers import check_password, make_password
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from smsadmin.core.message import ActionConfig, Record, SendRequest
from smsadmin.core.status import LEFT, SETTLED, Status
from smsadmin.dashboard.templatetags.ui import short_time
from smsadmin.directory.models import Number
from smsadmin.sending import log
from smsadmin.sending.accept import accept
from smsadmin.sending.filters import VERIFICATION
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from smsadmin.workspaces.models import User, Workspace

logger = structlog.get_logger(__name__)

DIGITS = 6
LIFE = timedelta(minutes=10)
MOST_WRONG = 5
#: A code costs money and rings somebody's phone: one a minute for a number, so many a day for a workspace.
BETWEEN, DAY, MOST_A_DAY = timedelta(minutes=1), timedelta(days=1), 10

#: Ends of a message that surely reached nobody.
NEVER_LEFT = SETTLED - LEFT - {Status.UNKNOWN}


class State(StrEnum):
    """How far a test number has come."""

    NEW = "new"
    NOT_SENT = "not_sent"  # its newest code reached nobody
    WAITING = "waiting"  # for its code to be typed in
    EXPIRED = "expired"
    USED_UP = "used_up"  # too many wrong codes
    VERIFIED = "verified"


class NotNow(Exception):
    """No code may be sent yet; its text says why and when one may, in the reader's language."""


class CodeRefused(Exception):
    """The number stays unverified; its text says why, in the reader's language."""


def state(test_number: TestNumber, now: datetime) -> State:
    if test_number.verified_at:
        return State.VERIFIED
    if test_number.code_sent_at is None:
        return State.NEW
    if test_number.code_message and test_number.code_message.status in NEVER_LEFT:
        return State.NOT_SENT
    if test_number.wrong_codes >= MOST_WRONG:
        return State.USED_UP
    return State.EXPIRED if now >= test_number.code_sent_at + LIFE else State.WAITING


# --- Sending a code ---------------------------------------------------------------------------------


def send_code(test_number: TestNumber, sender: Number, by: User, token: str, now: datetime) -> Message:
    """Sends a new code, which replaces the one before; the same token again is the same code.

    Returns the message; a rejected one says why there is no code. Raises NotNow within a limit.
    """
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    code_hash = make_password(code)  # takes its time, so not while others wait for the lock
    with transaction.atomic():
        # Two codes asked for at once are counted one after the other.
        workspace = Workspace.objects.select_for_update(no_key=True).get(pk=test_number.workspace_id)
        ask = _ask(workspace, test_number, sender, by, token, code)
        if sent := log.found(ask):
            return sent
        _mind_the_limits(test_number, now)
        message = accept(ask, now)
        test_number.code_hash = "" if message.is_settled else code_hash
        test_number.code_sent_at, test_number.code_message, test_number.wrong_codes = now, message, 0
        test_number.save(update_fields=["code_hash", "code_sent_at", "code_message", "wrong_codes"])
    if message.is_settled:  # refused: the drain never sees it
        forget_codes([message.pk])
    return message


def _ask(
    workspace: Workspace, test_number: TestNumber, sender: Number, by: User, token: str, code: str
) -> SendRequest:
    with translation.override(workspace.language):
        values = {"code": code, "business": workspace.known_as, "minutes": LIFE // timedelta(minutes=1)}
        text = (
            _(
                "%(code)s is the code that makes this phone a test number of %(business)s. "
                "It is valid for %(minutes)d minutes."
            )
            % values
        )
        name = _("Code for a test number")
    return SendRequest(
        workspace_id=workspace.pk,
        trigger=VERIFICATION,
        key=f"{test_number.pk}:{token}",
        config=ActionConfig(
            sender_kind="number",
            sender_number_id=sender.pk,
            sender_given=sender.e164,
            recipient_property="phone",
            message=text,
            mobile_only=True,  # a premium-rate number would earn with every text
        ),
        record=Record("user", properties={"phone": test_number.e164}),
        action_name=name,
        origin={"by": by.pk, "who": str(by)},
    )


def _mind_the_limits(test_number: TestNumber, now: datetime) -> None:
    """The log counts, so that removing a number and adding it again gains nothing. What was rejected is free."""
    codes = Message.objects.filter(workspace=test_number.workspace_id, trigger=VERIFICATION)
    today = codes.filter(accepted_at__gt=now - DAY).order_by("-accepted_at")
    sent = [(recipient, at) for recipient, at in today.values_list("recipient", "accepted_at") if at]
    newest = next((at for recipient, at in sent if recipient == test_number.e164), None)
    if newest and now < newest + BETWEEN:
        raise NotNow(
            _("A code went to this number less than a minute ago. The next one can be sent %(when)s.")
            % {"when": short_time(newest + BETWEEN, now)}
        )
    if len(sent) >= MOST_A_DAY:
        raise NotNow(
            _(
                "This workspace has sent %(count)d codes within 24 hours, which is the most. "
                "The next one can be sent %(when)s."
            )
            % {"count": MOST_A_DAY, "when": short_time(sent[MOST_A_DAY - 1][1] + DAY, now)}
        )


def forget_codes(ids: Iterable[UUID], **_signal: Any) -> None:
    """Receives `settled`: what a code's message said is not kept once it was sent, or refused.

    The pages hide it in any case, so a database that fails here must not stop the drain.
    """
    try:
        codes = Message.objects.filter(pk__in=ids, trigger=VERIFICATION)
        if mine := list(codes.values_list("pk", flat=True)):
            log.forget_text(mine, timezone.now())
    except DatabaseError as error:
        logger.warning("trials.code_kept", error=str(error))


# --- Typing it in -----------------------------------------------------------------------------------

_NO_CODE = {
    State.NEW: gettext_lazy("No code was sent to this number yet. Send one first."),
    State.NOT_SENT: gettext_lazy("The code was not sent, so there is none to type in. Send a new one."),
    State.EXPIRED: gettext_lazy("The code has expired. Send a new one."),
    State.USED_UP: gettext_lazy(
        "Too many wrong codes were typed in, so this one no longer counts. Send a new one."
    ),
    State.VERIFIED: gettext_lazy("This number is verified already."),
}


def type_in(test_number: TestNumber, code: str, by: User, now: datetime) -> None:
    """Verifies the number if this is its code. Raises CodeRefused."""
    if no_code := _NO_CODE.get(state(test_number, now)):
        raise CodeRefused(str(no_code))
    if not _counted(test_number):
        raise CodeRefused(str(_NO_CODE[State.USED_UP]))
    if not check_password(code, test_number.code_hash):
        raise CodeRefused(_wrong(test_number))
    test_number.verified_at, test_number.verified_by = now, by
    test_number.code_hash, test_number.wrong_codes = "", 0
    test_number.save(update_fields=["verified_at", "verified_by", "code_hash", "wrong_codes"])


def _counted(test_number: TestNumber) -> bool:
    """Counts a try before it is looked at, so that many at once are no more than one after the other."""
    tries = TestNumber.objects.filter(
        pk=test_number.pk, code_hash=test_number.code_hash, wrong_codes__lt=MOST_WRONG
    )
    return bool(tries.update(wrong_codes=F("wrong_codes") + 1))


def _wrong(test_number: TestNumber) -> str:
    test_number.refresh_from_db(fields=["wrong_codes"])
    left = MOST_WRONG - test_number.wrong_codes
    if left <= 0:
        return str(_NO_CODE[State.USED_UP])
    return ngettext(
        "This is not the code. %(left)d more try is left.",
        "This is not the code. %(left)d more tries are left.",
        left,
    ) % {"left": left}
