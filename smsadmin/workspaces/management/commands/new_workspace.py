"""`manage.py new_workspace NAME EMAIL`: how a real installation begins."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from smsadmin.workspaces.models import User
from smsadmin.workspaces.setup import new_workspace


class Command(BaseCommand):
    help = "Creates a workspace with its first owner, who may already be a user."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the workspace is called")
        parser.add_argument("email", help="the owner's email address")

    def handle(self, *args: Any, name: str, email: str, **options: Any) -> None:
        email = email.strip().lower()
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"“{email}” is not an email address.") from error
        owner = User.objects.filter(email=email).first() or User.objects.create_user(email)
        new_workspace(name.strip()[:80], owner)
        self.stdout.write(f"{email} owns the new workspace “{name}”.")
        if not owner.has_usable_password():
            self.stdout.write(f"Set a password for it now: manage.py changepassword {email}")
