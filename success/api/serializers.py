"""What the API says of members, plans and the queue, and what it takes."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from config.kernel import clock
from coverage.api.serializers import SegmentRef
from members.api.serializers import MemberRef, UserRef
from members.enums import MemberKind
from members.models import Member, MemberIdentity, Person
from members.queries import TermRow
from success.enums import (
    EvidenceSource,
    ExpectedBasis,
    InterventionStatus,
    Outcome,
    QueueClass,
    Side,
    Standing,
    State,
)
from success.models import Intervention, Plan, PlayStep
from success.queries.members import (
    Involved,
    MilestoneReading,
    PersonRow,
    PromiseRow,
    VectorReading,
)
from success.queries.timeline import TIMELINE_KINDS, TimelineEntry

LONGEST_NOTE = 5000
MINUTES_A_DAY = 24 * 60


class AsOfInput(serializers.Serializer[Any]):
    as_of = serializers.DateField(
        required=False,
        help_text="A day, as it was then; the association's today unless given.",
    )

    def validate_as_of(self, value: Any) -> Any:
        if value > clock.today():
            raise serializers.ValidationError("Nothing is known yet of a day to come.")
        return value


class TimelineInput(AsOfInput):
    kind = serializers.MultipleChoiceField(
        choices=sorted(TIMELINE_KINDS), required=False, help_text="Repeat for several."
    )


@extend_schema_serializer(component_name="MemberPerson")
class PersonRef(serializers.Serializer[Person]):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


@extend_schema_serializer(component_name="Member")
class MemberOutput(serializers.Serializer[Member]):
    """A row of the list. What is derived speaks of the last finished night; null before it."""

    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=MemberKind.choices)
    homepage_url = serializers.CharField(allow_blank=True)
    standing = serializers.ChoiceField(
        source="known.standing", choices=Standing.choices, allow_null=True
    )
    tier = serializers.CharField(source="known.tier", allow_null=True, allow_blank=True)
    joined_on = serializers.DateField(
        source="known.joined_on", allow_null=True, help_text="Start of the unbroken membership."
    )
    term_ends_on = serializers.DateField(
        source="known.term_ends_on",
        allow_null=True,
        help_text="First day after the last known term.",
    )
    segment = SegmentRef(source="known.segment", allow_null=True)
    owner = UserRef(
        source="known.owner", allow_null=True, help_text="Null: a pool looks after them."
    )
    state = serializers.ChoiceField(
        source="known.state", choices=State.choices, allow_null=True
    )
    days_ahead = serializers.IntegerField(
        allow_null=True, help_text="On the plan; negative: behind; null: no plan."
    )
    next_milestone = serializers.CharField(source="known.next_milestone.title", allow_null=True)
    we_owe_since = serializers.DateField(
        source="known.we_owe_since",
        allow_null=True,
        help_text="Due day of our oldest late promise.",
    )
    open_items = serializers.IntegerField(help_text="Of the queue, those the caller may see.")


@extend_schema_serializer(component_name="Milestone")
class MilestoneOutput(serializers.Serializer[MilestoneReading]):
    position = serializers.IntegerField()
    title = serializers.CharField()
    weight = serializers.IntegerField()
    expected_day = serializers.IntegerField(help_text="Plan-day; the anchor is day 0.")
    expected_on = serializers.DateField(
        allow_null=True, help_text="Null while a pause without an end holds it off."
    )
    expected_basis = serializers.ChoiceField(choices=ExpectedBasis.choices)
    achieved_on = serializers.DateField(allow_null=True)
    evidence_source = serializers.ChoiceField(choices=EvidenceSource.choices, allow_blank=True)
    is_overdue = serializers.BooleanField()
    is_next = serializers.BooleanField()


@extend_schema_serializer(component_name="Plan")
class PlanOutput(serializers.Serializer[Plan]):
    id = serializers.UUIDField(source="public_id")
    version = serializers.IntegerField()
    goal = serializers.CharField()
    anchor_on = serializers.DateField(help_text="Plan-day 0.")
    is_simulated = serializers.BooleanField(help_text="Made for a demonstration.")


@extend_schema_serializer(component_name="Vector")
class VectorOutput(serializers.Serializer[VectorReading]):
    """The Success Vector on a day; the numbers are null without a plan."""

    state = serializers.ChoiceField(choices=State.choices)
    sentence = serializers.CharField(help_text="To be read aloud.")
    plan_day = serializers.IntegerField(source="vector.plan_day", allow_null=True)
    plan_clock = serializers.IntegerField(
        source="vector.clock", allow_null=True, help_text="The plan day really reached."
    )
    days_ahead = serializers.IntegerField(source="vector.days_ahead", allow_null=True)
    pace_milli = serializers.IntegerField(
        source="vector.pace_milli",
        allow_null=True,
        help_text="Thousandths of a plan-day a day; null also when it is too early to tell.",
    )
    direction = serializers.IntegerField(source="vector.direction", allow_null=True)
    achieved_weight = serializers.IntegerField(source="vector.achieved_weight", allow_null=True)
    expected_weight = serializers.IntegerField(source="vector.expected_weight", allow_null=True)
    blocked_since = serializers.DateField(source="vector.blocked_since", allow_null=True)
    behind_since = serializers.DateField(source="vector.behind_since", allow_null=True)


@extend_schema_serializer(component_name="Promise")
class PromiseOutput(serializers.Serializer[PromiseRow]):
    side = serializers.ChoiceField(choices=Side.choices)
    title = serializers.CharField()
    by = serializers.CharField(allow_blank=True)
    due_on = serializers.DateField()
    done_on = serializers.DateField(allow_null=True)
    is_waived = serializers.BooleanField()
    days_late = serializers.IntegerField(help_text="0 unless open and past its day.")
    is_simulated = serializers.BooleanField()


@extend_schema_serializer(component_name="Involvement")
class InvolvedOutput(serializers.Serializer[Involved]):
    area = serializers.CharField()
    subject = serializers.CharField()
    since = serializers.DateField()


@extend_schema_serializer(component_name="Person")
class PersonOutput(serializers.Serializer[PersonRow]):
    id = serializers.UUIDField(source="person.public_id")
    name = serializers.CharField(source="person.name")
    title = serializers.CharField(allow_blank=True)
    is_primary_contact = serializers.BooleanField()
    since = serializers.DateField(allow_null=True)
    involvements = InvolvedOutput(many=True)
    is_simulated = serializers.BooleanField(source="person.is_simulated")


@extend_schema_serializer(component_name="Term")
class TermOutput(serializers.Serializer[TermRow]):
    tier = serializers.CharField()
    starts_on = serializers.DateField()
    last_day = serializers.DateField(help_text="The last day covered.")
    source = serializers.CharField()  # type: ignore[assignment]  # a field by that name
    external_id = serializers.CharField()
    annual_amount = serializers.DecimalField(
        max_digits=14,
        decimal_places=2,
        allow_null=True,
        help_text="Null where dues are not known, or not for the caller to see.",
    )
    currency = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="MemberIdentity")
class IdentityOutput(serializers.Serializer[MemberIdentity]):
    source = serializers.CharField()  # type: ignore[assignment]  # a field by that name
    external_id = serializers.CharField()


class MemberDetailFields(serializers.Serializer[Any]):
    """What the page of a member adds to its row; all of it as of the day asked for."""

    as_of = serializers.DateField()
    facts_as_of = serializers.DateField(help_text="The night the row's own figures are of.")
    standing_on_day = serializers.ChoiceField(choices=Standing.choices)
    language = serializers.CharField(
        allow_blank=True, help_text="In which they like to be spoken to; blank: not known."
    )
    time_zone = serializers.CharField(
        allow_blank=True, help_text="IANA zone of their clock; blank: not known."
    )
    identities = IdentityOutput(many=True)
    plan = PlanOutput(allow_null=True)
    vector = VectorOutput()
    milestones = MilestoneOutput(many=True)
    promises = PromiseOutput(many=True, help_text="Of both sides, late ones first.")
    people = PersonOutput(many=True)
    involvements = InvolvedOutput(many=True, help_text="Of the member as a whole.")
    terms = TermOutput(many=True, help_text="Begun by that day, newest first.")


@extend_schema_serializer(component_name="MemberDetail")
class MemberDetailOutput(MemberOutput, MemberDetailFields):
    """A member with plan, people, promises and terms."""


@extend_schema_serializer(component_name="MemberDetailsInput")
class DetailsInput(serializers.Serializer[Any]):
    """What is left out stays; blank: not known."""

    language = serializers.CharField(
        required=False, allow_blank=True, max_length=20, help_text="A tag such as de or pt-br."
    )
    time_zone = serializers.CharField(
        required=False, allow_blank=True, max_length=64, help_text="IANA name."
    )


@extend_schema_serializer(component_name="TimelineEntry")
class TimelineOutput(serializers.Serializer[TimelineEntry]):
    on = serializers.DateField()
    kind = serializers.ChoiceField(choices=sorted(TIMELINE_KINDS))
    title = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]  # a field
    is_simulated = serializers.BooleanField()


@extend_schema_serializer(component_name="TimelinePage")
class TimelinePageOutput(serializers.Serializer[Any]):
    results = TimelineOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="Play")
class PlayRef(serializers.Serializer[PlayStep]):
    key = serializers.CharField(source="version.play.key")
    title = serializers.CharField(source="version.play.title")
    aim = serializers.CharField(source="version.aim")
    act = serializers.CharField(help_text="What to do, in a few words.")


@extend_schema_serializer(component_name="Intervention")
class InterventionOutput(serializers.Serializer[Intervention]):
    """Something to do for a member, and why now."""

    id = serializers.UUIDField(source="public_id")
    member = MemberRef()
    play = PlayRef(source="step")
    why = serializers.CharField(help_text="Why now, with the day.")
    occurred_on = serializers.DateField(help_text="The day of the evidence.")
    opened_on = serializers.DateField()
    queue_class = serializers.ChoiceField(choices=QueueClass.choices)
    queue_class_label = serializers.SerializerMethodField()
    due_on = serializers.DateField()
    minutes = serializers.IntegerField()
    status = serializers.ChoiceField(choices=InterventionStatus.choices)
    owner = UserRef(allow_null=True, help_text="Null: anybody may take it from the pool.")
    claimed_by = UserRef(allow_null=True)
    claimed_until = serializers.DateTimeField(allow_null=True)
    snoozed_until = serializers.DateField(allow_null=True)
    sleeps_until_change = serializers.BooleanField()
    outcome = serializers.ChoiceField(choices=Outcome.choices, allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    learned = serializers.CharField(
        allow_blank=True, help_text="What is known now and was not."
    )
    next_step = serializers.CharField(allow_blank=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(str)
    def get_queue_class_label(self, intervention: Intervention) -> str:
        return str(intervention.get_queue_class_display())


class SnoozeInput(serializers.Serializer[Any]):
    until = serializers.DateField(
        default=None,
        allow_null=True,
        help_text="The day it comes back, in the caller's zone.",
    )
    until_change = serializers.BooleanField(
        default=False,
        help_text="Until the state or the milestone they wait at is another.",
    )

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        if said["until"] is None and not said["until_change"]:
            raise serializers.ValidationError({"until": "Say until when."})
        return said


class ReassignInput(serializers.Serializer[Any]):
    to = serializers.UUIDField(allow_null=True, help_text="Null: to the pool.")
    reason = serializers.CharField(max_length=LONGEST_NOTE)


class CompleteInput(serializers.Serializer[Any]):
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    note = serializers.CharField(
        default="", allow_blank=True, max_length=LONGEST_NOTE, help_text="What was said."
    )
    minutes = serializers.IntegerField(
        default=None,
        allow_null=True,
        min_value=0,
        max_value=MINUTES_A_DAY,
        help_text="Really spent; what was planned unless given.",
    )
    learned = serializers.CharField(default="", allow_blank=True, max_length=LONGEST_NOTE)
    next_step = serializers.CharField(default="", allow_blank=True, max_length=LONGEST_NOTE)
    next_on = serializers.DateField(
        default=None,
        allow_null=True,
        help_text="With it the next step becomes a promise, where the member has a plan.",
    )
