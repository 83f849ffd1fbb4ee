"""The pages that can be had as a sheet, at once or by mail: one line each."""

from collections.abc import Callable
from datetime import date

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from coverage.access import Permission as CoveragePermission
from coverage.views.exports import TABLES
from members.access import Permission as MemberPermission
from members.models import User
from success.access import Permission
from success.services.mailings import Page, Sheet, pages
from success.views import (
    doing,
    first_value,
    forecast,
    kept,
    margin,
    members,
    movements,
    renewal_dues,
    renewals,
)

MONEY, VECTOR = Permission.REVENUE_VIEW, Permission.VECTOR_VIEW
MEMBER, COVERAGE = MemberPermission.MEMBER_VIEW, CoveragePermission.COVERAGE_VIEW


def table(name: str) -> Callable[[User, QueryDict, date], Sheet]:
    """Make a table of coverage; its page has no filters."""

    def make(user: User, _filters: QueryDict, as_of: date) -> Sheet:
        found = TABLES[name]
        return Sheet(header=found.header, rows=found.rows(user, as_of))

    return make


PAGES = (
    # key, title, permission, address of the page, (user, filters, as_of) → Sheet
    ("movements", _("Movements of dues"), MONEY, "success:movements", movements.sheet),
    ("margin", _("Margin by member"), MONEY, "success:margin", margin.sheet),
    ("first-value", _("Waiting for value"), VECTOR, "success:first_value", first_value.sheet),
    ("promises", _("Promises that fell due"), VECTOR, "success:kept", kept.sheet),
    ("forecast", _("Expected expansion"), MONEY, "success:forecast", forecast.sheet),
    (
        *("forecast-accounts", _("Accounts of the forecast"), MONEY),
        *("success:forecast_accounts", forecast.accounts_sheet),
    ),
    ("renewals", _("Terms that end"), VECTOR, "success:renewals", renewals.sheet),
    ("renewable", _("Up for renewal"), MONEY, "success:renewable", renewal_dues.sheet),
    ("our-work", _("Our work"), VECTOR, "success:our_work", doing.sheet),
    ("members", _("Members"), MEMBER, "success:members", members.sheet),
    ("unserved", _("Unserved members"), COVERAGE, "coverage:unserved", table("unserved")),
    ("load", _("Load by person"), COVERAGE, "coverage:capacity", table("people")),
    ("weeks", _("The half year ahead"), COVERAGE, "coverage:capacity", table("weeks")),
    ("pools", _("The pool"), COVERAGE, "coverage:capacity", table("pools")),
    ("segments", _("Segments"), COVERAGE, "coverage:capacity", table("segments")),
)


def register_pages() -> None:
    """Let every page be mailed; called once, when the apps are ready."""
    for key, title, permission, address, make in PAGES:
        pages.register(
            Page(key=key, title=title, permission=permission, address=address, make=make)
        )
