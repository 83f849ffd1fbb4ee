"""Small rows for tests, each with defaults that make it whole."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count

from communications.enums import Purpose
from communications.models import (
    DeliveryEvent,
    Message,
    MessageTemplate,
    Notice,
    Reply,
    Suppression,
    Topic,
)
from coverage.models import (
    Absence,
    Assignment,
    AxProfile,
    Circumstance,
    Contributor,
    CoverageModel,
    Effort,
    Segment,
)
from engagement.models import Fact, Involvement
from members.enums import MemberKind, Origin, Role
from members.models import Affiliation, Dues, Member, Person, Term, User
from members.services.api_access import create_token
from success.engine.accountability import Side
from success.engine.planning import PlannedMilestone, PlannedPath, Promise
from success.enums import InterventionStatus, QueueClass, Reentry, StartKind, VersionStatus
from success.models import (
    Accountability,
    Ask,
    Declaration,
    DesiredOutcome,
    Enrolment,
    Intervention,
    MemberFacts,
    Milestone,
    Night,
    Offer,
    PageMailing,
    Plan,
    Play,
    PlayStep,
    PlayVersion,
    ProfileImport,
    ProfileImportMember,
    ProfileImportRow,
    Review,
    VectorRollup,
)
from success.services.plays import ensure_default_plays

NOON = datetime(2026, 7, 29, 12, tzinfo=UTC)
MORNING = datetime(2026, 7, 29, 8, 30, tzinfo=UTC)
TODAY = NOON.date()
_numbers = count(1)


def make_member(**overrides):
    number = next(_numbers)
    fields = {"name": f"Member {number}", "kind": MemberKind.ORGANISATION, "created_at": NOON}
    return Member.objects.create(**(fields | overrides))


def make_term(*, member=None, dues=Decimal("1000.00"), currency="USD", **overrides):
    number = next(_numbers)
    fields = {
        "tier": "Silver",
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2027, 1, 1),
        "source": "test",
        "external_id": f"T{number}",
    }
    term = Term.objects.create(member=member or make_member(), **(fields | overrides))
    if dues is not None:
        Dues.objects.create(term=term, annual_amount=dues, currency=currency)
    return term


def make_user(*, role=Role.MSM, **overrides):
    number = next(_numbers)
    if role == Role.MEMBER and "member" not in overrides:
        overrides["member"] = make_member()
    fields = {"email": f"user{number}@waymark.example", "name": f"User {number}", "role": role}
    return User.objects.create_user(**(fields | overrides))


def make_segment(**overrides):
    number = next(_numbers)
    fields = {
        "key": f"segment-{number}",
        "name": f"Segment {number}",
        "position": 100 + number,
        "rule": {"all": []},
        "reason": "for a test",
        "delivery": "person",
    }
    return Segment.objects.create(**(fields | overrides))


def make_assignment(*, member=None, segment=None, **overrides):
    fields = {"reason": "for a test", "assigned_on": date(2026, 1, 1)}
    return Assignment.objects.create(
        member=member or make_member(),
        segment=segment or make_segment(),
        **(fields | overrides),
    )


def make_plan(*, member=None, expected_days=(30, 60, 90), evidence=(), rules=(), **overrides):
    """A plan with a milestone for each expected day, with their evidence dates and rules."""
    fields = {"goal": "Our people help build what we depend on", "anchor_on": date(2026, 1, 1)}
    fields |= overrides
    fields.setdefault("counts_from", fields["anchor_on"])
    plan = Plan.objects.create(member=member or make_member(), **fields)
    for index, expected_day in enumerate(expected_days):
        Milestone.objects.create(
            plan=plan,
            key=f"milestone-{index + 1}",
            position=index + 1,
            title=f"Milestone {index + 1}",
            expected_day=expected_day,
            weight=10,
            evidence_kind="derived" if index < len(rules) else "confirmed",
            evidence_rule=rules[index] if index < len(rules) else {},
            evidence_dates=list(evidence[index]) if index < len(evidence) else None,
        )
    return plan


def make_accountability(*, plan=None, **overrides):
    fields = {"side": "association", "title": "Send the report", "due_on": date(2026, 7, 1)}
    return Accountability.objects.create(plan=plan or make_plan(), **(fields | overrides))


STEP_FIELDS = ("act", "minutes", "due_days", "template", "intent", "changes", "wait_days")


def make_play(**overrides):
    """A published play of one step; overrides go to the play, its version or the step."""
    number = next(_numbers)
    of_play = {"key": f"play-{number}", "title": f"Play {number}"}
    of_step = {"act": "Ring them", "minutes": 30, "due_days": 3}
    of_version = {
        "aim": "They take the next step",
        "start_kind": StartKind.DATA,
        "start": {"fact": "behind_since"},
        "audience": {"all": []},
        "queue_class": QueueClass.STALLED,
        "reentry": Reentry.OCCURRENCE,
        "effective_from": date(2026, 7, 1),
    }
    for name, value in overrides.items():
        if name in {"key", "title", "is_active"}:
            of_play[name] = value
        elif name in STEP_FIELDS:
            of_step[name] = value
        else:
            of_version[name] = value
    play = Play.objects.create(**of_play)
    of_version = {"salt": play.key} | of_version
    play.current = PlayVersion.objects.create(
        play=play, number=1, status=VersionStatus.PUBLISHED, **of_version
    )
    play.save()
    PlayStep.objects.create(version=play.current, position=1, **of_step)
    return play


def make_enrolment(*, play=None, member=None, **overrides):
    play = play or make_play()
    fields = {
        "occurrence": f"occurrence {next(_numbers)}",
        "occurred_on": date(2026, 7, 10),
        "entered_on": TODAY,
        "version": play.current,
    }
    return Enrolment.objects.create(
        play=play, member=member or make_member(), **(fields | overrides)
    )


def make_intervention(*, play=None, member=None, enrolment=None, **overrides):
    number = next(_numbers)
    play, member = play or make_play(), member or make_member()
    fields = {
        "occurrence": f"occurrence {number}",
        "occurred_on": date(2026, 7, 10),
        "opened_on": TODAY,
        "why": "Behind since 10 July 2026.",
        "status": InterventionStatus.OPEN,
        "queue_class": QueueClass.STALLED,
        "due_on": date(2026, 8, 1),
        "minutes": 30,
        "step": play.current.steps.get(position=1),
    }
    fields |= overrides
    entry = enrolment or make_enrolment(
        play=play,
        member=member,
        occurrence=fields["occurrence"],
        occurred_on=fields["occurred_on"],
        entered_on=fields["opened_on"],
    )
    return Intervention.objects.create(play=play, member=member, enrolment=entry, **fields)


def make_person(**overrides):
    number = next(_numbers)
    fields = {"name": f"Person {number}", "email": f"person{number}@example.org"}
    return Person.objects.create(**(fields | overrides))


def make_ax_profile(*, member=None, **overrides):
    fields = {
        "valid_from": date(2026, 1, 1),
        "async_minutes": 60,
        "expertise": "low",
        "resources": "insufficient",
        "guidance": "regular",
        "source": "msm",
    }
    return AxProfile.objects.create(member=member or make_member(), **(fields | overrides))


def make_template(**overrides):
    fields = {
        "key": f"template-{next(_numbers)}",
        "subject": "About {{ member }}",
        "body": "Dear {{ name }},\n\nhow is {{ member }} doing?\n",
    }
    return MessageTemplate.objects.create(**(fields | overrides))


def make_message(*, member=None, person=None, **overrides):
    """A message that is due; the words of its template need no variables."""
    fields = {
        "purpose": Purpose.DISCRETIONARY,
        "dedupe_key": f"message {next(_numbers)}",
        "due_at": MORNING,
    } | overrides
    if "template" not in fields:
        fields["template"] = make_template(subject="A word", body="Good morning.")
    message = Message.objects.create(
        member=member or make_member(), person=person or make_person(), **fields
    )
    message.refresh_from_db()
    return message


def make_fact(*, member, **overrides):
    fields = {
        "kind": "maintainer.removed",
        "subject": "Envoy",
        "occurred_on": TODAY,
        "source": "test",
        "external_id": str(next(_numbers)),
        "origin": Origin.LIVE,
        "recorded_at": MORNING,
    }
    return Fact.objects.create(member=member, **(fields | overrides))


def make_involvement(*, member, **overrides):
    fields = {"area": "maintainer", "subject": "Envoy", "starts_on": date(2025, 1, 1)}
    return Involvement.objects.create(member=member, **(fields | overrides))


def make_member_facts(*, member=None, **overrides):
    fields = {"standing": "in_force", "changed_on": TODAY}
    return MemberFacts.objects.create(member=member or make_member(), **(fields | overrides))


def make_night(**overrides):
    fields = {
        "as_of": TODAY,
        "kind": "live",
        "status": "done",
        "is_full": True,
        "started_at": NOON,
        "finished_at": NOON,
        "definition": "test",
    }
    return Night.objects.create(**(fields | overrides))


def make_vector_rollup(**overrides):
    """How everybody is doing as of a night: four members, of whom three have a plan."""
    fields = {
        "as_of": TODAY,
        "dimension": "all",
        "in_scope": 4,
        "with_plan": 3,
        "with_pace": 3,
        "states": {"stalled": 1, "on_track": 2, "no_plan": 1},
        "pace_sum_milli": 2000,
        "forward": 2,
        "backward": 0,
        "median_position": 0,
        "we_owe": 1,
    }
    return VectorRollup.objects.create(**(fields | overrides))


def make_token(*, user=None, scopes=("members.member.view",), **overrides):
    """A token and its secret, which only its maker ever sees."""
    fields = {"name": "test", "at": NOON, "expires_at": datetime(2100, 1, 1, tzinfo=UTC)}
    return create_token(user=user or make_user(), scopes=scopes, **(fields | overrides))


def make_guest(*, member=None, **overrides):
    """Somebody at the member who can be written to: their main contact unless said otherwise."""
    place = {"starts_on": date(2026, 1, 1), "is_primary_contact": True}
    place |= {name: overrides.pop(name) for name in list(overrides) if name in PLACE}
    person = make_person(**overrides)
    Affiliation.objects.create(person=person, member=member or make_member(), **place)
    return person


PLACE = ("title", "is_primary_contact", "starts_on", "ends_on")


def make_review(*, member=None, organiser=None, **overrides):
    fields = {
        "starts_at": datetime(2026, 8, 12, 9, tzinfo=UTC),
        "time_zone": "Europe/London",
        "created_at": NOON,
        "changed_at": NOON,
    }
    return Review.objects.create(
        member=member or make_member(),
        organiser=organiser or make_user(),
        **(fields | overrides),
    )


def make_outcome(*, member=None, **overrides):
    fields = {
        "goal": "Our people help build what we depend on",
        "measure": "two maintainers of ours",
        "said_on": date(2026, 1, 1),
        "recorded_at": NOON,
        "confirmed_on": date(2026, 1, 1),
    }
    return DesiredOutcome.objects.create(member=member or make_member(), **(fields | overrides))


def make_declaration(*, milestone=None, **overrides):
    fields = {
        "on": date(2026, 7, 20),
        "what_changed": "Two of ours review changes now",
        "by": overrides.pop("by", None) or make_user(role=Role.MEMBER),
        "at": MORNING,
    }
    milestone = milestone or make_plan().milestones.get(position=1)
    return Declaration.objects.create(milestone=milestone, **(fields | overrides))


def make_offer(**overrides):
    number = next(_numbers)
    fields = {"key": f"offer-{number}", "title": f"Offer {number}"}
    return Offer.objects.create(**(fields | overrides))


def make_ask(*, milestone=None, kind="upsell", **overrides):
    """An announced ask that the member agreed to."""
    milestone = milestone or make_plan().milestones.get(position=1)
    fields = {"consented_on": milestone.plan.anchor_on}
    if kind == "upsell" and "offer" not in overrides:
        fields["offer"] = make_offer()
    if kind == "advocacy":
        fields["advocacy"] = "testimonial"
    return Ask.objects.create(
        plan=milestone.plan, milestone=milestone, kind=kind, **(fields | overrides)
    )


def make_affiliation(*, member=None, person=None, **overrides):
    """One of the member's people, since the year began."""
    fields = {"starts_on": date(2026, 1, 1)} | overrides
    return Affiliation.objects.create(
        member=member or make_member(), person=person or make_person(), **fields
    )


def make_planned_milestone(*, key="m1", expected_day=30, weight=20, **overrides):
    """A milestone as it is planned, promised by both sides for the days before."""
    day = max(expected_day, 10)
    fields = {
        "title": f"Outcome {key} is live",
        "promises": (
            Promise(side=Side.MEMBER, title=f"Do your part of {key}", due_day=day - 5),
            Promise(side=Side.ASSOCIATION, title=f"Do our part of {key}", due_day=day - 8),
        ),
    }
    return PlannedMilestone(
        key=key, expected_day=expected_day, weight=weight, **(fields | overrides)
    )


def make_path(*, expected_days=(30, 60, 90), weights=None, **overrides):
    """A plan that may be agreed as it is; milestones m1, m2, … share the weights."""
    share = 100 // len(expected_days)
    weights = weights or (
        *[share] * (len(expected_days) - 1),
        100 - share * (len(expected_days) - 1),
    )
    fields = {
        "goal": "We sell abroad",
        "measure": "Orders from two countries",
        "first_30": "Two introductions",
        "first_60": "A first offer",
        "first_90": "A first answer",
        "milestones": tuple(
            make_planned_milestone(key=f"m{number}", expected_day=day, weight=weight)
            for number, (day, weight) in enumerate(zip(expected_days, weights, strict=True), 1)
        ),
    }
    return PlannedPath(**(fields | overrides))


def make_milestone_of(plan, *, position=1):
    """The milestone that the plan has there already."""
    return plan.milestones.get(position=position)


def make_profile_import(*, member=None, **overrides):
    """A sheet of success profiles that was read: one row that would change a member."""
    fields = {
        "file_name": "profiles.xlsx",
        "sha256": "0" * 64,
        "counts": {"experience": {"create": 0, "change": 1, "leave": 0, "refuse": 0}},
        "planned_at": NOON,
        "planned_on": TODAY,
    }
    batch = ProfileImport.objects.create(**(fields | overrides))
    member = member or make_member()
    ProfileImportMember.objects.create(batch=batch, member=member)
    ProfileImportRow.objects.create(
        batch=batch,
        sheet="experience",
        line=2,
        member=member,
        action="change",
        before={"sync_minutes": 0},
        after={"sync_minutes": 30},
    )
    return batch


def make_effort(*, member=None, by=None, **overrides):
    """An hour in writing, a month ago."""
    fields = {
        "on": date(2026, 6, 29),
        "modality": "async",
        "minutes": 60,
        "source": "log",
        "recorded_at": NOON,
    }
    return Effort.objects.create(
        member=member or make_member(), by=by or make_user(), **(fields | overrides)
    )


def make_absence(*, user=None, **overrides):
    """Two weeks away from today, handed over to whoever stands in."""
    fields = {
        "starts_on": TODAY,
        "ends_on": date(2026, 8, 12),
        "handed_over_at": MORNING,
        "recorded_at": MORNING,
    }
    return Absence.objects.create(user=user or make_user(), **(fields | overrides))


def make_circumstance(*, member=None, stage="adoption", **overrides):
    """What coverage was told of a member in membership; their term is made where they have none."""
    member = member or make_term().member
    fields = {"stage_since": TODAY, "is_protected": False, "written_on": TODAY}
    return Circumstance.objects.create(member=member, stage=stage, **(fields | overrides))


def make_contributor(*, user=None, **overrides):
    """Somebody with 120 hours a month for members, unless said otherwise."""
    return Contributor.objects.create(user=user or make_user(), **overrides)


def make_coverage_model(*, hours=(), leverage=(), **overrides):
    """A model with hours by (segment, stage, modality, hours) and (segment, modality, factor)."""
    fields = {"version": next(_numbers), "effective_from": date(2026, 1, 1), "made_at": NOON}
    model = CoverageModel.objects.create(**(fields | overrides))
    for segment, stage, modality, amount in hours:
        model.hours.create(segment=segment, stage=stage, modality=modality, hours=amount)
    for segment, modality, factor in leverage:
        model.leverages.create(segment=segment, modality=modality, factor=factor)
    return model


def make_topic(**overrides):
    number = next(_numbers)
    fields = {"key": f"topic-{number}", "title": f"Topic {number}"}
    return Topic.objects.create(**(fields | overrides))


def make_suppression(**overrides):
    number = next(_numbers)
    fields = {"address_hash": f"{number:064x}", "reason": "for a test", "at": MORNING}
    return Suppression.objects.create(**(fields | overrides))


def make_notice(*, user=None, **overrides):
    number = next(_numbers)
    fields = {
        "kind": "work",
        "title": f"Notice {number}",
        "dedupe_key": f"notice-{number}",
        "at": MORNING,
    }
    return Notice.objects.create(user=user or make_user(), **(fields | overrides))


def make_reply(*, message=None, **overrides):
    """An answer to a message that was sent; ``message=None`` makes the message, too."""
    number = next(_numbers)
    message = message or make_message(status="sent", finished_at=MORNING)
    fields = {
        "message": message,
        "member": message.member,
        "person": message.person,
        "provider": "Postmark",
        "event_id": f"reply-{number}",
        "received_at": NOON,
        "subject": "Re: Your next step",
        "body": "Yes, please.",
    }
    return Reply.objects.create(**(fields | overrides))


def make_delivery_event(*, message=None, **overrides):
    number = next(_numbers)
    fields = {
        "provider": "Postmark",
        "event_id": f"event-{number}",
        "kind": "delivered",
        "at": MORNING,
        "received_at": MORNING,
    }
    return DeliveryEvent.objects.create(
        message=message or make_message(status="sent"), **(fields | overrides)
    )


def make_default_plays(*, effective_from=date(2026, 7, 1)):
    """The plays that come with Waymark, where nobody is left alone to compare with."""
    made = ensure_default_plays(effective_from=effective_from)
    PlayVersion.objects.update(held_percent=0)
    return made


def make_page_mailing(*, owner=None, **overrides):
    """A page that somebody is sent every Monday at seven."""
    fields = {
        "page": "unserved",
        "name": f"Mailing {next(_numbers)}",
        "next_due_at": MORNING,
        "made_at": MORNING,
    } | overrides
    return PageMailing.objects.create(owner=owner or make_user(), **fields)
