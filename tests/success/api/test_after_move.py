"""What became of members who were moved to less contact, over REST."""

import pytest

from members.enums import Role
from tests.factories import TODAY, make_segment, make_user
from tests.success.queries.test_after_move import make_followed, move
from tests.success.views.test_after_move import make_harm

pytestmark = pytest.mark.django_db
URL = "/api/v1/measures/after-a-move"


@pytest.fixture(autouse=True)
def pinned(settings):
    settings.WAYMARK_TODAY = TODAY


def test_a_move_is_said_with_its_looks(api):
    make_harm()

    said = api(make_user(role=Role.DIRECTOR)).get(URL).json()

    [batch] = said["batches"]
    first, _second, third = batch["looks"]
    assert (batch["from_segment"], batch["to_segment"], batch["members"]) == (
        "pod",
        "inbound",
        5,
    )
    assert (batch["verdict"], batch["rebalancing"], batch["shown"]) == ("hurt", None, [])
    assert (first["pace"]["difference"], first["pace"]["verdict"]) == (-0.3, "hurt")
    assert (first["renewal"], first["moved"]["members"]) == (None, 5)
    assert (third["verdict"], third["opens_on"], third["moved"]) == (
        "too_early",
        "2026-09-06",
        None,
    )


def test_a_few_are_shown_one_by_one(api):
    member = move(make_followed(make_segment()), to=make_segment(is_pooled=True))

    [batch] = api(make_user(role=Role.DIRECTOR)).get(URL).json()["batches"]

    assert (batch["verdict"], batch["shown"][0]["member"]) == (
        "too_few",
        str(member.public_id),
    )


def test_moves_are_followed_by_those_who_see_revenue(api):
    assert api(make_user()).get(URL).status_code == 403
