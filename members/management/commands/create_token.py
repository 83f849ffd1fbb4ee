"""Make a key to the REST API for one log-in, and print its secret, once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel import clock
from config.kernel.permissions import permissions_of
from members.models import User
from members.services.api_access import ScopeNotGranted, create_token

LONGEST_DAYS = 366


class Command(BaseCommand):
    help = "Make an API token for a user. The secret is printed once and kept nowhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="whose log-in it speaks for")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument("--days", type=int, default=90, help="until it expires (90)")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            metavar="PERMISSION",
            help="what it may do, such as members.member.view; repeat for several",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["email"]).first()
        if user is None:
            raise CommandError(f"Nobody logs in as {options['email']}.")
        days: int = options["days"]
        if not 1 <= days <= LONGEST_DAYS:
            raise CommandError(f"A token lives for 1 to {LONGEST_DAYS} days.")
        may = "\n".join(f"  {permission}" for permission in sorted(permissions_of(user)))
        if not options["scope"]:
            raise CommandError(f"Say what it may do with --scope. {user} may:\n{may}")
        at = clock.now()
        expires_at = at + timedelta(days=days)
        try:
            token, secret = create_token(
                user=user,
                name=options["name"],
                scopes=options["scope"],
                at=at,
                expires_at=expires_at,
            )
        except ScopeNotGranted as error:
            raise CommandError(f"{user} may not {error}, only:\n{may}") from error
        self.stdout.write(secret)
        self.stderr.write(
            f"{token.name} speaks for {user} until {expires_at:%Y-%m-%d %H:%M} UTC. "
            "This is the only time its secret is shown."
        )
