"""Who has how much: the team as whoever leads it sees it."""

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import User
from success.access import Permission
from success.queries import queue
from success.queries import today as reads


@requires(Permission.QUEUE_LEAD)
@require_safe
def team(request: HttpRequest) -> HttpResponse:
    """Everybody's open work by name, and the pool's; nobody is ranked."""
    user = cast("User", request.user)
    on = clock.today(zone=user.time_zone)
    path = reverse("success:today")
    rows = [
        {
            "load": each,
            "hours": float(each.hours),
            "unserved_hours": float(each.unserved_hours),
            "url": f"{path}?owner={each.user.public_id}",
            "overdue_url": f"{path}?owner={each.user.public_id}&due=overdue",
            "unserved_url": f"{path}?unserved=true&week_of={each.user.public_id}",
        }
        for each in queue.team(as_of=on)
    ]
    pool = reads.open_now(user, as_of=on).pool
    context = {
        "rows": rows,
        "pool": pool,
        "pool_hours": float(pool.hours),
        "pool_url": f"{path}?owner=pool",
        "crumbs": [(_("Today"), f"{path}?view=none")],
    }
    return render(request, "success/team.html", context)
