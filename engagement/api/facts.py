"""The intake: what members do, as other systems see it happen, over REST."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from engagement.access import Permission
from engagement.services import facts
from members.api.acts import said
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.enums import Origin
from members.models import Member

if TYPE_CHECKING:
    from rest_framework.request import Request

MOST_FACTS = 1_000
EXAMPLE = {
    "source": "github",
    "facts": [
        {
            "id": "org-42-removed-2026-07-29",
            "member": "0198f3c2-7a10-7c3e-9d55-0c5b8b1f6a42",
            "kind": "maintainer.removed",
            "subject": "Envoy",
            "occurred_on": "2026-07-29",
        }
    ],
}


@extend_schema_serializer(component_name="NewFact")
class FactInput(serializers.Serializer[Any]):
    id = serializers.CharField(
        max_length=200, help_text="What the source knows it by: the same again is known."
    )
    member = serializers.UUIDField(help_text="The `id` of the member.")
    kind = serializers.RegexField(
        r"^[a-z0-9_]+\.[a-z0-9_]+$",
        max_length=100,
        help_text="Area and event, such as `maintainer.added`, `maintainer.removed`.",
    )
    subject = serializers.CharField(
        max_length=200, default="", allow_blank=True, help_text="What it is about."
    )
    occurred_on = serializers.DateField(help_text="Not after today.")


class FactsInput(serializers.Serializer[Any]):
    source = serializers.SlugField(max_length=50, help_text="The system that saw it.")  # type: ignore[assignment]  # a field by that name
    origin = serializers.ChoiceField(
        choices=Origin.choices,
        default=Origin.LIVE,
        help_text="*live* is acted upon at once; *import* fills in what is past, and starts no "
        "play by itself.",
    )
    facts = FactInput(many=True, allow_empty=False, max_length=MOST_FACTS)  # type: ignore[call-arg]  # the stubs lack both


@extend_schema_serializer(component_name="FactsTakenIn")
class TakenInOutput(serializers.Serializer[facts.TakenIn]):
    recorded = serializers.IntegerField()
    known = serializers.IntegerField(help_text="Recorded before, or twice in this request.")


class Facts(GenericViewSet[Any]):
    serializer_class = TakenInOutput
    permission_map = {"create": Permission.FACT_RECORD}

    @extend_schema(
        tags=["facts"],
        operation_id="facts_create",
        summary="Record what members did",
        description=(
            f"Up to {MOST_FACTS:,} facts of one source, all or none. A fact is known by "
            "its source and `id`, so a request may be sent again. They are recorded when the "
            "answer comes; what a play waits for is an item within seconds of it."
        ),
        parameters=[IDEMPOTENCY_KEY],
        request=FactsInput,
        examples=[OpenApiExample("facts", value=EXAMPLE, request_only=True)],
        responses={201: TakenInOutput, **problems(400, 409, 422)},
        filters=False,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        asked = said(request, FactsInput)
        rows = asked["facts"]
        named = {row["member"] for row in rows}
        visible = Member.objects.visible_to(user).filter(public_id__in=named)
        members = dict(visible.values_list("public_id", "pk"))
        today = clock.today()
        wrong = {
            str(at): problems_
            for at, row in enumerate(rows)
            if (problems_ := _wrong(row, known=members, today=today))
        }
        if wrong:
            raise ValidationError({"facts": wrong})
        taken_in = facts.take_in(
            source=asked["source"],
            origin=Origin(asked["origin"]),
            facts=[
                facts.NewFact(
                    member_id=members[row["member"]],
                    external_id=row["id"],
                    kind=row["kind"],
                    subject=row["subject"],
                    occurred_on=row["occurred_on"],
                )
                for row in rows
            ],
            at=clock.now(),
        )
        return Response(TakenInOutput(taken_in).data, status=201)


def _wrong(row: dict[str, Any], *, known: dict[Any, int], today: Any) -> dict[str, list[str]]:
    wrong = {}
    if row["member"] not in known:
        wrong["member"] = ["There is none with this identifier."]
    if row["occurred_on"] > today:
        wrong["occurred_on"] = ["It is still to come."]
    return wrong
