from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from members.enums import DepartureReason, LinkKind, VoidReason
from members.models import Departure, Dues, ImportBatch, ImportRow, Term
from members.rollups.scope import Scope
from members.services.links import link_accounts
from members.services.voiding import void_term
from success.engine.explaining import Verdict
from success.enums import Dimension, NightKind, NightStatus, RevenueBasis
from success.models import MilestoneEvent, RevenuePeriod
from success.queries.explain import RevenueAsked, TooMany, explain_revenue
from success.queries.explain_live import LIVE, NothingToSay, explain_live, plain
from success.queries.explain_vector import explain_group, explain_vector
from success.rollups import facts, groups, revenue
from tests.factories import make_accountability, make_member, make_night, make_term
from tests.success.ledgers import add_lines, assign, line
from tests.success.plans import agree, at_noon, on_day, reach

pytestmark = pytest.mark.django_db

AS_OF = date(2026, 1, 10)
AT = datetime(2026, 1, 10, 3, tzinfo=UTC)
YEAR = {"opening_on": date(2025, 1, 1), "closing_on": date(2026, 1, 1)}
EVERYBODY = Scope(first=0, last=2**62)


def asked(**overrides):
    return RevenueAsked(**({**YEAR, "basis": RevenueBasis.IN_FORCE} | overrides))


def a_year():
    return add_lines(
        [
            line("grows", "2024-06-01", "2025-06-01", 100, "Silver"),
            line("grows", "2025-06-01", "2026-06-01", "150.50", "Gold"),
            line("leaves", "2024-03-01", "2025-03-01", 40, "Silver"),
            line("arrives", "2025-09-01", "2026-09-01", 30, "Silver"),
            line("returns", "2022-01-01", "2023-01-01", 10, "Gold"),
            line("returns", "2025-10-01", "2026-10-01", 20, "Gold"),
            line("in grace", "2024-12-20", "2025-12-20", 60, "Silver"),
        ]
    )


def values(found, column="now"):
    return {figure.name: getattr(figure, column) for figure in found.figures}


def import_terms(rows, *, at, undone_at=None, source="test"):
    """An applied batch as an import leaves it behind; rows are (action, term, before, after)."""
    batch = ImportBatch.objects.create(
        source=source, files=[], mapping={}, planned_at=at, applied_at=at, undone_at=undone_at
    )
    for number, (action, key, before, after) in enumerate(rows):
        ImportRow.objects.create(
            batch=batch, file="terms.csv", line=number + 2, entity="term", action=action,
            external_id=f"T{number}", object_id=key, before=before, after=after,
        )  # fmt: skip
    return batch


def test_every_stored_period_agrees_with_the_engine():
    members = a_year()
    assign([members["grows"], members["leaves"]], key="north")
    revenue.refresh(as_of=AS_OF, since=None, at=AT)
    stored = RevenuePeriod.objects.filter(ends_on__gte=date(2024, 6, 1))
    assert stored.count() > 100
    for row in stored:
        found = explain_revenue(
            RevenueAsked(
                opening_on=row.starts_on,
                closing_on=row.ends_on,
                basis=RevenueBasis(row.basis),
                dimension=Dimension(row.dimension),
                value=row.value,
            ),
            as_of=AS_OF,
        )
        assert found.verdict == Verdict.AGREES, (row, found.figures)
        assert found.said.computed_at == AT
        assert found.said.covers_until == AS_OF


def test_what_is_not_stored_is_made_from_the_facts():
    a_year()
    found = explain_revenue(asked(opening_on=date(2025, 2, 7)), as_of=AS_OF)
    assert (found.verdict, found.said, found.then_known) == (Verdict.NOT_STORED, None, False)
    assert values(found)["opening"] == Decimal("200.00")
    assert {fact.name: fact.movement.kind for fact in found.facts} == {
        "leaves": "churn", "in grace": "churn", "grows": "expansion", "arrives": "new",
        "returns": "reactivation",
    }  # fmt: skip
    terms = next(fact.terms for fact in found.facts if fact.name == "grows")
    assert [(term.tier, term.annual_amount) for term in terms] == [
        ("Silver", Decimal("100.00")),
        ("Gold", Decimal("150.50")),
    ]


def test_a_later_import_accounts_for_the_difference_and_is_named():
    members = a_year()
    revenue.refresh(as_of=AS_OF, since=None, at=AT)
    late = make_term(
        member=members["leaves"], starts_on=date(2025, 3, 1), ends_on=date(2026, 3, 1),
        dues=Decimal("45.00"), tier="Silver",
    )  # fmt: skip
    raised = Term.objects.get(member=members["arrives"])
    Dues.objects.filter(term=raised).update(annual_amount=Decimal("33.00"))
    import_terms(
        [
            ("create", late.pk, None, {"tier": "Silver"}),
            ("change", raised.pk, {"annual_amount": "30.00"}, {"annual_amount": "33.00"}),
        ],
        at=AT + timedelta(days=3),
        source="crm",
    )
    found = explain_revenue(asked(), as_of=AS_OF)
    assert found.verdict == Verdict.LATER_FACTS
    assert [(each.what, each.facts, each.source) for each in found.later] == [
        ("imported", 2, "crm")
    ]
    assert values(found, "then") == values(found, "stored")
    assert values(found)["churn"] == Decimal("60.00")
    assert values(found)["new"] == Decimal("33.00")
    shown = {
        term.external_id: (term.file, term.line) for fact in found.facts for term in fact.terms
    }
    assert shown[late.external_id] == ("terms.csv", 2)

    revenue.refresh(as_of=date(2026, 1, 14), since=date(2025, 3, 1), at=AT + timedelta(days=4))
    last = explain_revenue(asked(), as_of=date(2026, 1, 14))
    assert (last.verdict, last.said.revision) == (Verdict.AGREES, 1)
    first = explain_revenue(asked(revision=0), as_of=date(2026, 1, 14))
    assert first.verdict == Verdict.LATER_FACTS
    assert [each.what for each in first.later] == ["imported", "restated"]
    assert first.later[-1].because.startswith("late facts")


def test_an_import_taken_back_since_is_known_to_have_been_there():
    members = a_year()
    gone = make_term(
        member=members["leaves"], starts_on=date(2025, 3, 1), ends_on=date(2026, 3, 1),
        dues=Decimal("45.00"), tier="Silver",
    )  # fmt: skip
    batch_at = AT - timedelta(days=2)
    members["leaves"].identities.create(source="crm", external_id="L")
    after = {
        "tier": "Silver", "starts_on": "2025-03-01", "ends_on": "2026-03-01",
        "annual_amount": "45.00", "currency": "USD", "member": "L",
    }  # fmt: skip
    batch = import_terms([("create", gone.pk, None, after)], at=batch_at, source="crm")
    revenue.refresh(as_of=AS_OF, since=None, at=AT)
    gone.delete()
    batch.undone_at = AT + timedelta(days=1)
    batch.save()
    found = explain_revenue(asked(), as_of=AS_OF)
    assert found.verdict == Verdict.LATER_FACTS
    assert [(each.what, each.facts) for each in found.later] == [("undone", 1)]
    assert values(found, "stored")["churn"] == Decimal("60.00")
    assert values(found)["churn"] == Decimal("100.00")


def test_a_change_that_left_no_record_is_said_to_be_unexplained():
    a_year()
    revenue.refresh(as_of=AS_OF, since=None, at=AT)
    Dues.objects.filter(annual_amount=40).update(annual_amount=41)
    assert explain_revenue(asked(), as_of=AS_OF).verdict == Verdict.UNEXPLAINED


def test_members_are_paged_and_too_many_terms_are_refused():
    a_year()
    names, after = [], None
    while True:
        found = explain_revenue(asked(), as_of=AS_OF, after=after, size=2)
        names += [fact.name for fact in found.facts]
        if not (after := found.next):
            break
    assert sorted(names) == ["arrives", "grows", "in grace", "leaves", "returns"]
    with pytest.raises(TooMany):
        explain_revenue(asked(), as_of=AS_OF, most=3)


def test_links_leaves_trials_and_voided_terms_are_read_as_the_ledger_reads_them():
    members = add_lines(
        [
            line("firm", "2024-06-01", "2026-06-01", 100, "Gold"),
            line("person", "2024-06-01", "2025-06-01", 20, "Silver"),
            line("away", "2024-06-01", "2025-06-01", 30, "Silver"),
            line("wrong", "2025-06-01", "2026-06-01", 70, "Silver"),
            replace(line("trial", "2025-06-01", "2026-06-01", 90), is_provisional=True),
        ]
    )
    revenue.refresh(as_of=AS_OF, since=None, at=AT)
    later = AT + timedelta(days=1)
    link_accounts(
        member=members["person"], survivor=members["firm"], kind=LinkKind.ROSTER,
        since=date(2025, 6, 1), until=None, by=None, at=later,
    )  # fmt: skip
    Departure.objects.create(
        member=members["away"], left_on=date(2025, 6, 1), told_at=later,
        reason=DepartureReason.PAUSE,
    )  # fmt: skip
    void_term(
        term=Term.objects.get(member=members["wrong"]), reason=VoidReason.REFUNDED, by=None,
        at=later, note="",
    )  # fmt: skip
    found = explain_revenue(asked(), as_of=AS_OF)
    assert found.verdict == Verdict.LATER_FACTS
    assert {each.what: each.facts for each in found.later} == {
        "linked": 1, "told": 1, "voided": 1
    }  # fmt: skip
    assert values(found)["contraction"] == Decimal("50.00")
    assert values(found)["churn"] == Decimal("0.00")
    revenue.refresh(as_of=date(2026, 1, 14), since=date(2024, 1, 1), at=later)
    for basis in RevenueBasis:
        for tier in ("Gold", "Silver"):
            anew = explain_revenue(
                asked(basis=basis, dimension=Dimension.TIER, value=tier), as_of=AS_OF
            )
            assert anew.verdict == Verdict.AGREES, anew.figures
        assert explain_revenue(asked(basis=basis), as_of=AS_OF).verdict == Verdict.AGREES


def night(day, *, at=None):
    facts.refresh(as_of=on_day(day), scope=EVERYBODY, grace_days=30)
    groups.refresh(as_of=on_day(day))
    return make_night(
        as_of=on_day(day), kind=NightKind.LIVE, status=NightStatus.DONE,
        started_at=at or at_noon(day), finished_at=at or at_noon(day), definition="1",
    )  # fmt: skip


@pytest.fixture
def on_the_way():
    member = make_member()
    make_term(member=member, starts_on=on_day(-10), ends_on=on_day(355))
    plan = agree(member=member)
    reach(plan, plan.milestones.order_by("position")[0].key, 20)
    return member, plan


def test_a_members_vector_agrees_and_shows_its_evidence(on_the_way):
    member, plan = on_the_way
    night(40)
    found = explain_vector(member, on=on_day(40))
    assert found.verdict == Verdict.AGREES
    assert found.plan == plan
    assert found.plan_day == 40
    assert [(fact.stands, fact.dates, fact.known_then) for fact in found.facts][:2] == [
        (True, (on_day(20),), True),
        (False, (), True),
    ]
    assert found.facts[0].recorded_at == at_noon(20)
    assert explain_vector(member, on=on_day(43)).on == on_day(40)


def test_evidence_told_later_accounts_for_another_vector(on_the_way):
    member, plan = on_the_way
    night(100)
    night(110)
    second = plan.milestones.order_by("position")[1]
    reach_late(plan, second.key, on=80, said=120)
    found = explain_vector(member, on=on_day(100))
    assert found.verdict == Verdict.LATER_FACTS
    assert [(each.what, each.facts) for each in found.later] == [("recorded", 1)]
    assert [fact.known_then for fact in found.facts][:2] == [True, False]
    assert values(found, "then")["achieved_weight"] < values(found)["achieved_weight"]
    group = explain_group(on=on_day(100))
    assert group.verdict == Verdict.LATER_FACTS
    assert [fact.same_then for fact in group.facts] == [False]


def test_a_row_brought_up_to_date_after_its_night_is_known_by_then(on_the_way):
    member, plan = on_the_way
    night(100)
    reach_late(plan, plan.milestones.order_by("position")[1].key, on=99, said=101)
    night(110)
    found = explain_vector(member, on=on_day(100))
    assert found.verdict == Verdict.AGREES
    assert found.said.computed_at == at_noon(110)
    assert [fact.known_then for fact in found.facts][:2] == [True, True]


def reach_late(plan, key, *, on, said):
    reach(plan, key, on)
    MilestoneEvent.objects.filter(milestone__plan=plan, milestone__key=key).update(
        recorded_at=at_noon(said)
    )


def test_a_day_before_any_night_is_made_from_the_facts(on_the_way):
    member, _plan = on_the_way
    found = explain_vector(member, on=on_day(25))
    assert (found.verdict, found.said) == (Verdict.NOT_STORED, None)
    assert values(found)["state"] == "ahead"


def test_a_group_agrees_member_by_member(on_the_way):
    member, _plan = on_the_way
    other = make_member()
    make_term(member=other, starts_on=on_day(-10), ends_on=on_day(355))
    outside = make_member()
    make_term(member=outside, starts_on=on_day(-400), ends_on=on_day(-100))
    night(40)
    found = explain_group(on=on_day(40))
    assert found.verdict == Verdict.AGREES
    assert found.members == 2
    assert {fact.member_id for fact in found.facts} == {member.pk, other.pk}
    assert values(found)["plan_coverage"] == Decimal("0.500000")
    assert values(found)["mean_pace"] is None, "below five members there is no mean"
    with pytest.raises(TooMany):
        explain_group(on=on_day(40), most=1)
    assert plain(found)["verdict"] == "agrees"


def test_live_measures_are_counted_one_by_one(on_the_way):
    _member, plan = on_the_way
    make_accountability(plan=plan, due_on=on_day(30), done_on=on_day(29), side="association")
    make_accountability(plan=plan, due_on=on_day(31), done_on=on_day(35), side="association")
    make_accountability(plan=plan, due_on=on_day(40), side="member")
    found = explain_live("promises", as_of=on_day(40))
    assert found.verdict == Verdict.AGREES
    assert values(found)["association_on_time"] == 1
    assert values(found)["association_late"] == 1
    for measure in LIVE:
        try:
            assert explain_live(measure, as_of=on_day(40)).verdict == Verdict.AGREES
        except NothingToSay:
            assert measure in {"margin", "stalled-and-lapsed"}
