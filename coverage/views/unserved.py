"""The hours that nobody has time for: whose they are, and who holds them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.panels import PAGE
from config.kernel.permissions import has, requires
from config.kernel.templatetags.ui import address
from coverage.access import Permission
from coverage.enums import LifecycleStage
from coverage.queries import unserved as reads
from coverage.views.exports import held_by
from coverage.views.pages import user_of
from members.models import Association

MOST = 50
EXPORTS = (("unserved", gettext_lazy("This list, whole")),)


@requires(Permission.COVERAGE_VIEW)
@require_safe
def unserved(request: HttpRequest) -> HttpResponse:
    """Members whose needed hours do not fit into those their holder has; an MSM's own."""
    user = user_of(request)
    sees_all = has(user, Permission.CAPACITY_VIEW_ALL)
    found = reads.unserved(
        as_of=clock.today(),
        grace_days=Association.current().grace_days,
        holder=None if sees_all else user,
        most=MOST,
    )
    context: dict[str, Any] = {
        "found": found,
        "rows": [
            {
                "row": each,
                "stage": LifecycleStage(each.stage).label,
                "holder": held_by(each),
                "url": reverse(PAGE, args=[each.public_id]),
            }
            for each in found.rows
        ],
        "holders": [
            {
                "name": each.user.name if each.user else "",
                "words": _("the pool") if each.is_pooled else _("held by nobody"),
                "sum": each,
            }
            for each in found.by_holder
        ],
        "sees_all": sees_all,
        "simulator": address("coverage:simulator")
        if has(user, Permission.COVERAGE_EDIT)
        else "",
        "exports": EXPORTS,
        "as_of": clock.today(),
        "crumbs": [
            (_("Coverage"), reverse("coverage:overview")),
            (_("Capacity"), reverse("coverage:capacity")),
        ],
    }
    return render(request, "coverage/unserved.html", context)
