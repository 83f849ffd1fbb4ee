import pytest

from members.models import AuditEntry
from success.models import SavedView
from success.queries.views import opening_view, views_of
from success.services import views
from success.services.views import NotNamed
from tests.factories import MORNING, make_user

pytestmark = pytest.mark.django_db
PAGE = "success:today"


@pytest.fixture
def amy():
    return make_user(name="Amy")


def save(owner, name, filters="owner=me", page=PAGE, **said):
    return views.save(owner=owner, page=page, name=name, filters=filters, at=MORNING, **said)


def names(user):
    return [each.name for each in views_of(user, page=PAGE)]


def test_a_view_keeps_filters_and_no_place_in_the_list(amy):
    view = save(amy, "  My   stalled ", filters="state=stalled&after=x&due=&owner=me&view=none")

    assert (view.name, view.filters) == ("My stalled", "owner=me&state=stalled")
    assert AuditEntry.objects.get().verb == "view.saved"


def test_the_same_name_keeps_the_new_filters(amy):
    first = save(amy, "Mine")
    again = save(amy, "Mine", filters="owner=pool")

    assert (again.pk, again.filters, SavedView.objects.count()) == (
        first.pk,
        "owner=pool",
        1,
    )


@pytest.mark.parametrize("name", ["", "  ", "x" * 61])
def test_a_view_wants_a_short_name(amy, name):
    with pytest.raises(NotNamed):
        save(amy, name)


def test_own_views_come_first_then_what_others_share_for_that_list(amy):
    ben = make_user(name="Ben")
    save(amy, "B")
    save(amy, "A")
    save(amy, "Members", page="success:members")
    save(ben, "Shared", is_shared=True)
    save(ben, "Bens own")
    save(make_user(is_active=False), "Gone", is_shared=True)

    assert names(amy) == ["B", "A", "Shared"]


def test_views_are_moved_and_one_opens_the_list(amy):
    first, second, third = (save(amy, name) for name in "ABC")

    views.move(view=third, by_places=-1, at=MORNING)
    moved = names(amy)
    views.open_with(owner=amy, page=PAGE, view=third, at=MORNING)
    opened = (names(amy), opening_view(amy, page=PAGE))
    views.move(view=first, by_places=-9, at=MORNING)
    overtaken = (names(amy), opening_view(amy, page=PAGE))
    views.open_with(owner=amy, page=PAGE, view=None, at=MORNING)

    assert moved == ["A", "C", "B"]
    assert opened == (["C", "A", "B"], third)
    assert overtaken == (["A", "C", "B"], None)
    assert opening_view(amy, page=PAGE) is None
    assert second.name in names(amy)


def test_names_are_changed_but_not_to_one_that_is_taken(amy):
    first, second = save(amy, "A"), save(amy, "B")

    with pytest.raises(NotNamed):
        views.change(view=first, name="B", is_shared=False, at=MORNING)
    views.change(view=first, name="C", is_shared=True, at=MORNING)
    views.remove(view=second, at=MORNING)

    assert [(each.name, each.is_shared) for each in views_of(amy, page=PAGE)] == [("C", True)]
