"""Who belongs to a workspace: adding, changing and removing people, never the last owner."""

import structlog
from allauth.account.forms import ResetPasswordForm
from django.db import transaction
from django.http import HttpRequest

from smsadmin.workspaces.models import Member, Role, User, Workspace

logger = structlog.get_logger(__name__)


class LastOwner(Exception):
    """Somebody has to own the workspace."""


@transaction.atomic
def add(workspace: Workspace, email: str, role: str) -> tuple[Member, bool]:
    """Makes a person a member; somebody unknown gets an account without a password (then True)."""
    user = User.objects.filter(email=email.lower()).first()
    is_new = user is None
    if user is None:
        user = User.objects.create_user(email)
    return Member.objects.create(workspace=workspace, user=user, role=role), is_new


def invite(request: HttpRequest, email: str) -> bool:
    """Mails a link to choose a password; whether the mail server took it."""
    form = ResetPasswordForm({"email": email})
    if not form.is_valid():
        return False
    try:
        form.save(request)
    except OSError as error:  # smtplib's exceptions are OSErrors too
        logger.warning("members.mail_not_sent", error=str(error))
        return False
    return True


@transaction.atomic
def change_role(member: Member, role: str) -> None:
    """Raises LastOwner when nobody would own the workspace any more."""
    if role != Role.OWNER:
        _keep_an_owner(member)
    member.role = role
    member.save(update_fields=["role"])


@transaction.atomic
def remove(member: Member) -> None:
    """Raises LastOwner when nobody would own the workspace any more."""
    _keep_an_owner(member)
    member.delete()


def _keep_an_owner(member: Member) -> None:
    owners = Member.objects.select_for_update().filter(workspace_id=member.workspace_id, role=Role.OWNER)
    if [owner.pk for owner in owners] == [member.pk]:
        raise LastOwner
