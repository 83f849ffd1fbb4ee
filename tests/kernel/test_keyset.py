from datetime import UTC, date, datetime, timedelta

import pytest
from django.db.models import Count, F
from django.db.models.functions import Length

from config.kernel.keyset import BadCursor, page
from members.models import Affiliation, Member, Person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 7, 29, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def members():
    """Names repeat, and two of five quiet days are not known."""
    rows = [
        ("Beta", date(2026, 1, 2)),
        ("Alpha", None),
        ("Beta", date(2026, 1, 1)),
        ("Gamma", None),
        ("Alpha", date(2026, 1, 2)),
    ]
    return Member.objects.bulk_create(
        Member(name=name, quiet_through=quiet, created_at=NOON + timedelta(microseconds=i // 2))
        for i, (name, quiet) in enumerate(rows)
    )


def forwards(queryset, *, order, size):
    """Return the pages from first to last."""
    pages = [page(queryset, order=order, size=size)]
    while pages[-1].next:
        pages.append(page(queryset, order=order, size=size, after=pages[-1].next))
    return pages


def backwards(queryset, *, order, size, start):
    """Return the pages before ``start``, in the order of the list."""
    pages = []
    while start:
        pages.insert(0, page(queryset, order=order, size=size, before=start))
        start = pages[0].previous
    return pages


def flat(pages):
    return [item.pk for each in pages for item in each.items]


def by(*order):
    """Return what Django itself would order by: nulls last, ties in the last one's direction."""
    tie = "-pk" if order[-1].startswith("-") else "pk"
    return [
        F(name.removeprefix("-")).desc(nulls_last=True)
        if name.startswith("-")
        else F(name).asc(nulls_last=True)
        for name in (*order, tie)
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
@pytest.mark.parametrize(
    "order",
    [
        ["name"],
        ["-name"],
        ["name", "-pk"],
        ["-name", "-pk"],
        ["created_at"],
        ["-created_at", "name"],
        ["quiet_through"],
        ["-quiet_through"],
        ["-quiet_through", "name"],
        ["name", "quiet_through"],
        ["pk"],
        ["-id"],
    ],
)
@pytest.mark.usefixtures("members")
def test_pages_hold_every_row_once_in_order_both_ways(order, size):
    everyone = Member.objects.all()
    expected = [m.pk for m in everyone.order_by(*by(*order))]

    pages = forwards(everyone, order=order, size=size)
    earlier = backwards(everyone, order=order, size=size, start=pages[-1].previous)

    assert flat(pages) == expected
    assert flat(earlier) + flat(pages[-1:]) == expected


@pytest.mark.usefixtures("members")
def test_first_page_has_no_previous_and_last_no_next():
    pages = forwards(Member.objects.all(), order=["name"], size=2)

    assert [(bool(p.previous), bool(p.next)) for p in pages] == [
        (False, True),
        (True, True),
        (True, False),
    ]


@pytest.mark.usefixtures("members")
def test_page_that_fits_exactly_has_no_next():
    assert page(Member.objects.all(), order=["name"], size=5).next is None


def test_page_of_nothing_is_empty():
    found = page(Member.objects.all(), order=["name"], size=5)

    assert (found.items, found.next, found.previous) == ([], None, None)


def test_page_emptied_meanwhile_still_leads_back(members):
    everyone = Member.objects.all()
    first = page(everyone, order=["pk"], size=3)
    Member.objects.filter(pk__in=[m.pk for m in members[3:]]).delete()

    emptied = page(everyone, order=["pk"], size=3, after=first.next)
    back = page(everyone, order=["pk"], size=3, before=emptied.previous)

    assert emptied.items == []
    assert [m.pk for m in back.items] == [m.pk for m in members[:2]]


@pytest.mark.usefixtures("members")
def test_row_added_before_the_cursor_does_not_shift_the_next_page():
    everyone = Member.objects.all()
    first = page(everyone, order=["name"], size=2)
    Member.objects.create(name="Aardvark", created_at=NOON)

    second = page(everyone, order=["name"], size=2, after=first.next)

    assert [m.name for m in second.items] == ["Beta", "Beta"]


def test_pages_by_an_annotation_and_an_aggregate(members):
    ann = Person.objects.create(name="Ann")
    for member in members[:2]:
        Affiliation.objects.create(person=ann, member=member, starts_on=date(2026, 1, 1))
    counted = Member.objects.annotate(letters=Length("name"), people=Count("affiliations"))

    pages = forwards(counted, order=["-people", "letters"], size=2)

    assert flat(pages) == [m.pk for m in counted.order_by(*by("-people", "letters"))]


def test_pages_by_a_column_across_a_foreign_key(members):
    ann = Person.objects.create(name="Ann")
    for member in members:
        Affiliation.objects.create(person=ann, member=member, starts_on=date(2026, 1, 1))
    rows = Affiliation.objects.select_related("member")

    pages = forwards(rows, order=["member__name", "-member__quiet_through"], size=2)

    assert flat(pages) == [
        r.pk for r in rows.order_by(*by("member__name", "-member__quiet_through"))
    ]


@pytest.mark.usefixtures("members")
def test_pages_by_a_public_id():
    pages = forwards(Member.objects.all(), order=["public_id"], size=2)

    assert flat(pages) == [m.pk for m in Member.objects.order_by("public_id")]


@pytest.mark.usefixtures("members")
def test_page_takes_one_query_and_no_offset(django_assert_num_queries):
    everyone = Member.objects.all()
    cursor = page(everyone, order=["name"], size=2).next

    with django_assert_num_queries(1) as captured:
        page(everyone, order=["name"], size=2, after=cursor)

    statement = captured.captured_queries[0]["sql"]
    assert "OFFSET" not in statement
    assert '("members_member"."name", "members_member"."id") > (' in statement


@pytest.mark.parametrize("cursor", ["nonsense", "a:b", "e30:e30", "\x00", "é", "=" * 9])
@pytest.mark.usefixtures("members")
def test_page_refuses_a_cursor_that_is_not_ours(cursor):
    with pytest.raises(BadCursor, match="cannot be read"):
        page(Member.objects.all(), order=["name"], size=2, after=cursor)


@pytest.mark.usefixtures("members")
def test_page_refuses_a_cursor_of_another_order():
    cursor = page(Member.objects.all(), order=["name"], size=2).next

    with pytest.raises(BadCursor, match="another order"):
        page(Member.objects.all(), order=["-name"], size=2, after=cursor)


@pytest.mark.usefixtures("members")
def test_page_refuses_both_directions_at_once():
    cursor = page(Member.objects.all(), order=["name"], size=2).next

    with pytest.raises(BadCursor, match="not both"):
        page(Member.objects.all(), order=["name"], size=2, after=cursor, before=cursor)
