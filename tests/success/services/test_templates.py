from dataclasses import replace

import pytest

from members.models import AuditEntry
from success.engine.accountability import Side
from success.engine.planning import Promise
from success.models import PlanTemplate
from success.services import templates
from tests.factories import (
    NOON,
    TODAY,
    make_offer,
    make_path,
    make_planned_milestone,
    make_user,
)
from tests.success.plans import agree

pytestmark = pytest.mark.django_db


def save(path, *, template=None, key="sell-abroad", **given):
    fields = {
        "title": "Sell abroad",
        "audience": "organisation",
        "persona": "",
        "segment": None,
    }
    return templates.save_template(
        template=template, key=key, path=path, by=make_user(), at=NOON, **(fields | given)
    )


def in_order(path):
    milestones = [
        replace(
            each, promises=tuple(sorted(each.promises, key=lambda promise: promise.due_day))
        )
        for each in path.milestones
    ]
    return replace(path, milestones=tuple(milestones))


def whole_path():
    path = make_path(
        required_outcome="Two partners",
        promises=(Promise(side=Side.ASSOCIATION, title="Call", due_day=9),),
    )
    first, second, third = path.milestones
    first = replace(
        first, evidence_kind="derived", evidence_rule={"rule": "first", "areas": ["maintainer"]}
    )
    second = replace(second, upsell=make_offer().key, expectation="Slow")
    third = replace(third, advocacy="case_study", expected_basis="cohort")
    beside = make_planned_milestone(key="x", is_gating=False, promises=())
    return replace(path, milestones=(first, second, third, beside))


def test_a_template_says_what_was_saved():
    path = whole_path()

    template = save(path)

    assert templates.path_of(template) == in_order(path)


def test_saving_again_replaces_the_path_and_leaves_agreed_plans_alone():
    template = save(make_path())
    template.milestones.filter(key="m3").update(counted_from=2)
    plan = agree(path=templates.path_of(template), template=template)
    path = make_path(expected_days=(10, 20, 40, 80))
    reordered = replace(
        path,
        milestones=tuple(
            replace(each, key=key)
            for each, key in zip(path.milestones, ("m0", "m1", "m2", "m3"), strict=True)
        ),
    )

    saved = save(reordered, template=template, title="Sell far abroad")

    assert saved.pk == template.pk
    assert saved.title == "Sell far abroad"
    assert templates.path_of(saved) == in_order(reordered)
    assert saved.milestones.get(key="m3").counted_from == 3
    assert plan.milestones.count() == 3
    assert AuditEntry.objects.filter(verb="template.saved").count() == 2


def test_a_template_from_which_nothing_could_be_agreed_is_refused():
    path = make_path()
    early = Promise(side=Side.MEMBER, title="Before", due_day=-1, person="somebody")
    first = replace(path.milestones[0], title="Onboarding", upsell="cake")
    path = replace(path, milestones=(first, *path.milestones[1:]), promises=(early,))

    with pytest.raises(templates.BadTemplate) as refused:
        save(path, key="not a key", title=" ")

    assert [finding.code for finding in refused.value.findings] == [
        "association_onboard",
        "key_form",
        "title_missing",
        "due_early",
        "names_somebody",
        "offer_unknown",
    ]
    assert not PlanTemplate.objects.exists()


def test_a_key_names_one_template():
    save(make_path())

    with pytest.raises(templates.KeyTaken):
        save(make_path())


def test_a_retired_template_stays_what_it_was():
    template = save(make_path())
    by = make_user()

    for on in (TODAY, TODAY.replace(day=30)):
        templates.retire_template(template=template, on=on, by=by, at=NOON)

    template.refresh_from_db()
    assert template.retired_on == TODAY


@pytest.mark.parametrize("milestones", [3, 6])
def test_reading_a_template_costs_the_same_number_of_queries(
    milestones, django_assert_max_num_queries
):
    days = tuple(range(30, 30 * milestones + 1, 30))
    template = PlanTemplate.objects.get(pk=save(make_path(expected_days=days)).pk)

    with django_assert_max_num_queries(2):
        templates.path_of(template)


def test_saving_over_somebody_elses_text_is_refused_and_the_same_text_is_not():
    template = save(make_path())
    shown = templates.stamp_of(template)
    save(make_path(goal="Theirs"), template=template)

    with pytest.raises(templates.Overtaken) as told:
        save(make_path(goal="Mine"), template=template, shown=shown)
    save(make_path(goal="Theirs"), template=template, shown=shown)

    assert told.value.template.goal == "Theirs"
    assert AuditEntry.objects.count() == 2


def test_the_order_of_what_falls_on_one_day_is_no_other_text():
    first, *others = make_path().milestones
    promises = tuple(replace(each, due_day=20) for each in first.promises)
    path = make_path(milestones=(replace(first, promises=promises), *others))
    turned = make_path(milestones=(replace(first, promises=promises[::-1]), *others))

    template = save(path)
    save(turned, template=template)

    assert AuditEntry.objects.count() == 1


def add(title, *, path=None, **given):
    about = {"audience": "organisation", "persona": "", "segment": None}
    return templates.add_template(
        title=title, path=path or make_path(), by=make_user(), at=NOON, **(about | given)
    )


def test_new_templates_are_told_apart_and_the_same_one_is_added_once():
    first, again = add("Sell abroad"), add("Sell abroad")
    other = add("Sell abroad", persona="Engineers")
    nameless = add("販路")

    assert first == again
    assert [row.key for row in (first, other, nameless)] == [
        "sell-abroad", "sell-abroad-2", "template",
    ]  # fmt: skip


def test_a_copy_counts_its_days_from_the_same_milestones():
    template = save(make_path())
    template.milestones.filter(key="m3").update(counted_from=1)

    copy = add("Another", copied_from=template)

    assert copy.milestones.get(key="m3").counted_from == 1


def test_a_retired_template_is_brought_back_once():
    template, by = save(make_path()), make_user()
    templates.retire_template(template=template, on=TODAY, by=by, at=NOON)

    for _ in range(2):
        back = templates.bring_back(template=template, by=by, at=NOON)

    assert back.retired_on is None
    assert AuditEntry.objects.filter(verb="template.brought_back").count() == 1


def test_calibrating_without_anybody_to_compare_changes_nothing():
    template = save(make_path())

    taken = templates.calibrate(
        template=template,
        as_of=TODAY,
        records_begin=TODAY,
        by=None,
        at=NOON,
        shown=[30, 60, 90],
    )

    assert taken == 0
    assert AuditEntry.objects.filter(verb="template.calibrated").count() == 0
    with pytest.raises(templates.DaysChanged):
        templates.calibrate(
            template=template, as_of=TODAY, records_begin=TODAY, by=None, at=NOON, shown=[1]
        )
