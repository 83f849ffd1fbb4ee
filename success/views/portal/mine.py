"""Who is there for a member, and what is kept about the reader."""

from zoneinfo import ZoneInfo

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from config.kernel import clock
from coverage.queries.experience import own_answers
from members.models import User
from success.access import Permission
from success.queries.my_data import as_export, my_data
from success.queries.portal import colleagues, speakers
from success.views.portal.pages import for_members, member_of, reader, show, who_speaks


@for_members(Permission.PATH_VIEW)
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Who looks after me, and who of us may do what here."""
    member = member_of(request)
    found = speakers(member)
    said = own_answers(member, as_of=clock.today())
    return show(
        request,
        "success/portal/people.html",
        {
            "owner": found.owner,
            "their_clock": _their_clock(reader(request), found.owner),
            "colleagues": colleagues(member),
            "me": reader(request),
            "who_speaks": who_speaks(found, member=member),
            "answered_on": said.on,
            "ask_again": said.is_old,
        },
    )


@for_members(Permission.PATH_VIEW)
@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """What is kept about me."""
    return show(request, "success/portal/data.html", {"mine": my_data(reader(request))})


@for_members(Permission.PATH_VIEW)
@require_safe
def data_export(request: HttpRequest) -> HttpResponse:
    """The same as a file to take along."""
    found = as_export(reader(request), as_of=clock.today())
    response = JsonResponse(
        found, encoder=DjangoJSONEncoder, json_dumps_params={"indent": 2, "ensure_ascii": False}
    )
    response["Content-Disposition"] = 'attachment; filename="my-data.json"'
    response["Cache-Control"] = "private, no-store"
    return response


def _their_clock(user: User, owner: User | None) -> dict[str, object] | None:
    """The zone and the time where the other one is; nothing where the clocks agree."""
    if owner is None:
        return None
    now = clock.now()
    here, there = (
        now.astimezone(ZoneInfo(user.time_zone)),
        now.astimezone(ZoneInfo(owner.time_zone)),
    )
    if here.utcoffset() == there.utcoffset():
        return None
    return {"zone": owner.time_zone.replace("_", " "), "time": there.strftime("%H:%M")}
