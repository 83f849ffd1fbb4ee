"""The demonstration: a real association's ledger, its nights, and a log-in for each user."""

import json
import os
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from communications.services.gate import send_due
from config.kernel import clock
from coverage.services.hours import ensure_default_model
from coverage.services.segments import ensure_default_segments
from engagement.rollups import involvement
from engagement.services.facts import record_file
from members.models import Member, User
from members.rollups.scope import Scope
from members.services.imports import Ledger, apply_batch, plan_ledger
from success.models import Offer
from success.queries.nights import last_live_day
from success.rollups import milestones
from success.services import demonstration as made_up
from success.services.costs import set_rates
from success.services.nights import run_night
from success.services.plays import ensure_default_plays
from success.services.templates import agree_from_template, calibrate
from success.services.worth import set_worth

DATA = Path(settings.BASE_DIR) / "data" / "cncf"
NAME = "Cloud Native Computing Foundation"
LEDGER_ENDS = date(2026, 7, 29)
SWITCHED_ON = date(2026, 4, 30)
PLAYS_FROM = date(2026, 5, 1)
MAINTAINERS_LISTED_FROM = date(2021, 7, 29)
# the last night falls on a Wednesday, and so do the others after the first two
NIGHTS = (SWITCHED_ON, *(LEDGER_ENDS - timedelta(weeks=back) for back in reversed(range(13))))
MONTHS_BACK = 24
NEW_FOR = timedelta(days=365)
EVERYBODY = Scope(first=0, last=2**62)
ENVIRONMENT = {"WAYMARK_TODAY": LEDGER_ENDS.isoformat(), "WAYMARK_ASSOCIATION": NAME}


class Command(BaseCommand):
    help = "Load the demonstration once, and print its log-ins. Safe to repeat."

    def handle(self, **options: Any) -> None:
        self._hold_the_day()
        if last_live_day() != LEDGER_ENDS:
            self._load()
        self._print_logins()

    def _hold_the_day(self) -> None:
        """Beyond the ledger's last day nothing is known, so the demonstration stays on it.

        Written to the state folder, which every later start reads; then this command starts
        again under it.
        """
        if clock.today() == LEDGER_ENDS:
            return
        kept = settings.STATE_DIR / "env"
        kept.parent.mkdir(parents=True, exist_ok=True)
        lines = [f'{name}="{value}"\n' for name, value in ENVIRONMENT.items()]
        kept.write_text("".join(lines))
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ENVIRONMENT)  # noqa: S606  # our own arguments, no shell

    def _load(self) -> None:
        at = datetime.combine(SWITCHED_ON, time(8), tzinfo=UTC)
        step = self._step
        step("Importing the ledger", lambda: self._ledger(at=at))
        step(
            "Importing maintainer records",
            lambda: self._facts("maintainer_events", "maintainers"),
        )
        step("Importing certifications", lambda: self._facts("program_events", "programs"))
        step("Making up contacts and experience profiles", lambda: self._people(at=at))
        step("Finding how long members took, and agreeing plans", lambda: self._plans(at=at))
        logins = self._logins(at=at)
        step(
            "Publishing the first plays",
            lambda: ensure_default_plays(effective_from=PLAYS_FROM),
        )
        for night in NIGHTS:
            step(f"The night of {night:%-d %B}", partial(self._night, night))
            if night == SWITCHED_ON:
                step("Looking back two years, month by month", self._look_back)
        step(
            "Making up reviews",
            lambda: made_up.ensure_reviews(on=LEDGER_ENDS, at=clock.now()),
        )
        step(
            "Making up task forces",
            lambda: made_up.ensure_task_forces(on=LEDGER_ENDS),
        )
        step(
            "Making up time spent with members",
            lambda: made_up.ensure_effort(on=LEDGER_ENDS, at=clock.now()),
        )
        set_rates(
            effective_from=SWITCHED_ON,
            hourly_rate=Decimal(60),
            enablement_a_year=Decimal(12_000),
            direct_a_year=Decimal(200),
            note="Made up for the demonstration",
            by=User.objects.get(email="director@waymark.example"),
            at=clock.now(),
        )
        set_worth(
            offer=Offer.objects.get(key=made_up.OFFER["key"]),
            effective_from=LEDGER_ENDS,
            annual_value=Decimal(4_000),
            note="Made up for the demonstration",
            by=User.objects.get(email="director@waymark.example"),
            at=clock.now(),
        )
        # what was made up since is in the queue and in the figures, as after any night
        step(
            f"The night of {LEDGER_ENDS:%-d %B}, once more",
            lambda: run_night(as_of=LEDGER_ENDS, today=LEDGER_ENDS, clock=clock.now),
        )
        self._keep(logins)

    def _step(self, what: str, do: Callable[[], Any]) -> None:
        began = clock.now()
        if self.stdout.isatty():
            self.stdout.write(f"{what} …", ending="\r")
            self.stdout.flush()
        do()
        seconds = (clock.now() - began).total_seconds()
        self.stdout.write(f"{what:<56}{seconds:>6.1f} s")

    def _ledger(self, *, at: datetime) -> None:
        batch = plan_ledger(
            ledger=Ledger(
                organisations=DATA / "organisations.csv",
                terms=DATA / "memberships.csv",
                mapping=_mapping("members"),
            ),
            at=at,
        )
        apply_batch(batch_id=batch.pk, accept_refusals=False, at=at, today=SWITCHED_ON)

    def _facts(self, file: str, mapping: str) -> None:
        record_file(
            file=DATA / f"{file}.csv",
            mapping=_mapping(mapping),
            today=LEDGER_ENDS,
            at=clock.now(),
        )

    def _people(self, *, at: datetime) -> None:
        made_up.ensure_individual(on=SWITCHED_ON, at=at)
        made_up.ensure_contacts(on=SWITCHED_ON)
        ensure_default_segments()
        ensure_default_model(at=at)
        made_up.ensure_experience_profiles(on=SWITCHED_ON)

    def _plans(self, *, at: datetime) -> None:
        involvement.refresh(as_of=LEDGER_ENDS, scope=EVERYBODY)
        organisations, _ = made_up.ensure_templates(at=at)
        calibrate(
            template=organisations,
            as_of=SWITCHED_ON,
            records_begin=MAINTAINERS_LISTED_FROM,
            by=None,
            at=at,
        )
        self._agree(SWITCHED_ON, at=at)

    def _agree(self, day: date, *, at: datetime) -> None:
        """A plan for whoever is new or has set out by that day, and has none yet."""
        for template in made_up.ensure_templates(at=at):
            agree_from_template(
                template=template, as_of=day, new_since=day - NEW_FOR, is_simulated=True
            )
        milestones.refresh(scope=EVERYBODY)
        made_up.ensure_agreements(on=LEDGER_ENDS, at=at)

    def _logins(self, *, at: datetime) -> list[made_up.Login]:
        individual = made_up.ensure_individual(on=SWITCHED_ON, at=at)
        logins = made_up.make_logins(member=made_up.portal_member(), individual=individual)
        made_up.ensure_contributors(on=LEDGER_ENDS, at=at)
        confirmed_by = User.objects.get(email="msm1@waymark.example")
        made_up.ensure_individual_progress(member=individual, by=confirmed_by)
        return logins

    def _night(self, day: date) -> None:
        """One night on its own day, and the messages that were due after it."""
        begun_at = clock.now()

        def then() -> datetime:
            if day == LEDGER_ENDS:
                return datetime.combine(day, clock.now().timetz())
            # in the morning, whenever the demonstration is made: at night nobody is written to
            return datetime.combine(day, time(9), tzinfo=UTC) + (clock.now() - begun_at)

        self._agree(day, at=then())
        run_night(as_of=day, today=LEDGER_ENDS, clock=then)
        while send_due(at=then()).claimed:
            pass

    def _look_back(self) -> None:
        months = [
            date(LEDGER_ENDS.year + (LEDGER_ENDS.month - 1 - back) // 12,
                 (LEDGER_ENDS.month - 1 - back) % 12 + 1, 1)
            for back in range(MONTHS_BACK)
        ]  # fmt: skip
        for month in reversed(months):
            if month < SWITCHED_ON:
                run_night(as_of=month, today=LEDGER_ENDS, clock=clock.now)

    def _keep(self, logins: list[made_up.Login]) -> None:
        kept = [asdict(login) for login in logins]
        path = settings.STATE_DIR / "demo-logins.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept, indent=2))

    def _print_logins(self) -> None:
        path = settings.STATE_DIR / "demo-logins.json"
        self.stdout.write(
            f"\n{Member.objects.count():,} members as of {LEDGER_ENDS}. Log in as:"
        )
        if not path.exists():
            self._keep(self._logins(at=clock.now()))
        for login in json.loads(path.read_text()):
            self.stdout.write(f"  {login['email']:<32}{login['password']:<16}{login['name']}")


def _mapping(name: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))
