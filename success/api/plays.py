"""Plays over REST: what they say, writing one, publishing it, and who would enter."""

from datetime import date
from typing import TYPE_CHECKING, Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import problems
from config.kernel.conditions import BadCondition
from members.api.acts import refusing, said
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.api.serializers import MemberRef
from success.access import Permission
from success.api.acts import bad_path
from success.api.paths import FindingOutput
from success.engine.playing import BadPlay, PlannedPlay, from_data, to_data
from success.enums import VersionStatus
from success.models import Play, PlayVersion
from success.queries import playbook as found
from success.services import playbook

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

KEY = OpenApiParameter(
    "key", type=str, location=OpenApiParameter.PATH, description="The `key` of the play."
)
EXAMPLE = {
    "aim": "They reach the point they are waiting at",
    "aim_condition": None,
    "aim_days": 30,
    "start_kind": "data",
    "start": {"fact": "behind_since"},
    "audience": {"fact": "state", "op": "in", "value": ["stalled", "slipping"]},
    "stop": {"fact": "we_owe_since", "op": "not_null"},
    "reentry": "occurrence",
    "reentry_days": 0,
    "queue_class": 5,
    "held_percent": 10,
    "never_withheld": False,
    "most_a_night": None,
    "too_late_days": 14,
    "steps": [
        {
            "act": "Ask what would help",
            "intent": "ask",
            "changes": "channel",
            "wait_days": 0,
            "minutes": 20,
            "due_days": 5,
            "template": "next-point",
        }
    ],
}


@extend_schema_field(OpenApiTypes.OBJECT)
class PlannedField(serializers.Field[Any, Any, Any, Any]):
    """A play as the editor writes it; the engine judges its form."""

    def to_internal_value(self, data: Any) -> PlannedPlay:
        try:
            return from_data(data)
        except BadPlay as error:
            raise _bad_form(error) from error

    def to_representation(self, value: PlannedPlay) -> dict[str, Any]:
        return to_data(value)


def _bad_form(error: BadPlay) -> ValidationError:
    problems_: dict[str, list[str]] = {}
    for where, words in error.problems:
        problems_.setdefault(where or "non_field_errors", []).append(words)
    return ValidationError(problems_)


@extend_schema_serializer(component_name="PlayVersion")
class VersionOutput(serializers.Serializer[PlayVersion]):
    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=VersionStatus.choices)
    revision = serializers.IntegerField(help_text="Of a draft: give it back when you save.")
    effective_from = serializers.DateField()
    change_note = serializers.CharField(allow_blank=True)
    made_at = serializers.DateTimeField(allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    play = serializers.SerializerMethodField(help_text="All that the version says.")

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_play(self, version: PlayVersion) -> dict[str, Any]:
        return to_data(found.planned_of(version))


@extend_schema_serializer(component_name="PlayInUse")
class PlayOutput(serializers.Serializer[Play]):
    key = serializers.CharField()
    title = serializers.CharField()
    activity = serializers.ChoiceField(
        choices=["new", "on", "off", "paused"],
        help_text="Paused: it stopped by itself, and a person has to look.",
    )
    paused_because = serializers.CharField(allow_blank=True)
    version = serializers.IntegerField(
        allow_null=True, help_text="Number of the version that counts; null before the first."
    )

    def to_representation(self, instance: Play) -> dict[str, Any]:
        return {
            "key": instance.key,
            "title": instance.title,
            "activity": found.state_of(instance),
            "paused_because": instance.paused_because,
            "version": instance.current.number if instance.current else None,
        }


@extend_schema_serializer(component_name="PlayDetail")
class PlayDetailOutput(PlayOutput):
    published = VersionOutput(allow_null=True)
    draft = VersionOutput(allow_null=True)

    def to_representation(self, instance: Play) -> dict[str, Any]:
        draft = found.draft_of(instance)
        return super().to_representation(instance) | {
            "published": VersionOutput(instance.current).data if instance.current else None,
            "draft": VersionOutput(draft).data if draft is not None else None,
        }


class NewPlayInput(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=120)


class DraftInput(serializers.Serializer[Any]):
    play = PlannedField()
    revision = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Of the draft you read. Null begins one, from what is published.",
    )


class PlayLintInput(serializers.Serializer[Any]):
    play = PlannedField(
        required=False, help_text="The draft, or what is published, unless given."
    )


@extend_schema_serializer(component_name="PlayLint")
class PlayLintOutput(serializers.Serializer[Any]):
    may_be_published = serializers.BooleanField()
    findings = FindingOutput(many=True)


class PublishInput(serializers.Serializer[Any]):
    revision = serializers.IntegerField(help_text="Of the draft you read.")
    inside = serializers.ChoiceField(
        choices=list(playbook.INSIDE),
        help_text="What becomes of those inside the version before: they stay in it, move to "
        "the same step of the new one, or stop.",
    )
    effective_from = serializers.DateField(help_text="Today or a day to come.")
    note = serializers.CharField(default="", allow_blank=True, max_length=2000)

    def validate_effective_from(self, day: date) -> date:
        if day < clock.today():
            raise serializers.ValidationError("Choose today, or a day to come.")
        return day


class SwitchInput(serializers.Serializer[Any]):
    is_active = serializers.BooleanField()
    reason = serializers.CharField(max_length=500)


class EntryOutput(serializers.Serializer[Any]):
    member = MemberRef()
    occurred_on = serializers.DateField()
    why = serializers.CharField()
    channel = serializers.CharField(allow_blank=True, help_text="Blank: any.")
    hand = serializers.ChoiceField(choices=["system", "person"])
    is_held = serializers.BooleanField(help_text="Left alone to compare with.")


@extend_schema_serializer(component_name="Entering")
class EnteringOutput(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    messages = serializers.IntegerField()
    items = serializers.IntegerField()
    held = serializers.IntegerField()
    after = serializers.IntegerField(
        allow_null=True, help_text="Ask for the next page with it; null on the last."
    )
    rows = EntryOutput(many=True)


@extend_schema(tags=["plays"])
@extend_schema_view(
    list=extend_schema(
        operation_id="plays_list",
        summary="List plays",
        description="Every play, those that are off included, by title.",
        responses={200: PlayOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="plays_retrieve",
        summary="Show a play",
        description="A play with what is published and what is being written.",
        parameters=[KEY],
        responses={200: PlayDetailOutput, **problems(404)},
    ),
)
class Plays(ListModelMixin, RetrieveModelMixin, GenericViewSet[Play]):
    serializer_class = PlayOutput
    lookup_field = "key"
    lookup_value_regex = "[-a-zA-Z0-9_]+"
    keyset_order = ("title",)
    permission_map = {
        "list": Permission.PLAY_VIEW,
        "retrieve": Permission.PLAY_VIEW,
        "versions": Permission.PLAY_VIEW,
        "entering": Permission.PLAY_VIEW,
        "lint": Permission.PLAY_VIEW,
        "create": Permission.PLAY_EDIT,
        "draft": Permission.PLAY_EDIT,
        "publish": Permission.PLAY_EDIT,
        "switch": Permission.PLAY_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Play]":
        return Play.objects.select_related("current")

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_serializer_class(self) -> Any:
        return PlayDetailOutput if self.action == "retrieve" else PlayOutput

    @extend_schema(
        operation_id="plays_create",
        summary="Begin a play",
        description="A play with a draft that says little yet; it acts upon nobody.",
        parameters=[IDEMPOTENCY_KEY],
        request=NewPlayInput,
        responses={201: PlayDetailOutput, **problems(400, 409, 422)},
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        with refusing(playbook.BadTitle):
            draft = playbook.start_draft(
                play=None, by=user, at=clock.now(), **said(request, NewPlayInput)
            )
        return Response(PlayDetailOutput(draft.play).data, status=201)

    @extend_schema(
        operation_id="plays_versions",
        summary="List the versions of a play",
        description="Those that were published, the newest first; none of them ever changes.",
        parameters=[KEY],
        responses={200: VersionOutput(many=True), **problems(404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def versions(self, request: "Request", key: str) -> Response:
        rows: Any = found.versions_of(self.get_object())
        return Response(VersionOutput(rows, many=True).data)

    @extend_schema(
        operation_id="plays_draft",
        summary="Save the draft of a play",
        description=(
            "All that the next version is to say. If somebody saved since the `revision` you "
            "read, 409. What may be published is for `lint` to say."
        ),
        parameters=[KEY],
        request=DraftInput,
        examples=[
            OpenApiExample("draft", value={"revision": 3, "play": EXAMPLE}, request_only=True)
        ],
        responses={200: VersionOutput, **problems(400, 404, 409)},
    )
    @action(detail=True, methods=["put"])
    def draft(self, request: "Request", key: str) -> Response:
        user: Any = request.user
        asked = said(request, DraftInput)
        try:
            with refusing(playbook.Overtaken, playbook.NotADraft, playbook.AlreadyStarted):
                saved = playbook.write_draft(
                    play=self.get_object(),
                    planned=asked["play"],
                    revision=asked["revision"],
                    by=user,
                    at=clock.now(),
                )
        except BadPlay as error:
            raise _bad_form(error) from error
        return Response(VersionOutput(saved).data)

    @extend_schema(
        operation_id="plays_publish",
        summary="Publish the draft of a play",
        description=(
            "The next night goes by it. What the linter forbids is 400, with `errors` at their "
            "places in `path`; a draft that was saved since `revision` is 409."
        ),
        parameters=[KEY, IDEMPOTENCY_KEY],
        request=PublishInput,
        responses={200: VersionOutput, **problems(400, 404, 409, 422)},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def publish(self, request: "Request", key: str) -> Response:
        user: Any = request.user
        draft = found.draft_of(self.get_object())
        if draft is None:
            raise NotFound
        asked = said(request, PublishInput)
        try:
            with refusing(playbook.Overtaken, playbook.NotADraft):
                published = playbook.publish(version=draft, by=user, at=clock.now(), **asked)
        except playbook.NotPublishable as error:
            raise bad_path(error.findings) from error
        return Response(VersionOutput(published).data)

    @extend_schema(
        operation_id="plays_switch",
        summary="Switch a play on or off",
        description=(
            "Switched off, its entries end and their open items close, with the reason. One "
            "that stopped by itself goes on when it is switched on."
        ),
        parameters=[KEY, IDEMPOTENCY_KEY],
        request=SwitchInput,
        responses={200: PlayOutput, **problems(400, 404, 409, 422)},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def switch(self, request: "Request", key: str) -> Response:
        user: Any = request.user
        with refusing(playbook.NoReason):
            row = playbook.switch(
                play=self.get_object(), by=user, at=clock.now(), **said(request, SwitchInput)
            )
        return Response(PlayOutput(row).data)

    @extend_schema(
        operation_id="plays_entering",
        summary="Ask who would enter a play today",
        description=(
            "By the draft if there is one, else by what is published: who, why, and how the "
            "first step would be. Nothing is written."
        ),
        parameters=[
            KEY,
            OpenApiParameter("after", type=int, description="Where the page before ended."),
        ],
        responses={200: EnteringOutput, **problems(400, 404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def entering(self, request: "Request", key: str) -> Response:
        user: Any = request.user
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdecimal() and len(after) < 19):
            raise ValidationError({"after": ["A valid integer is required."]})
        try:
            answer = found.entering(
                self._shown(), user=user, as_of=clock.today(), after=int(after)
            )
        except BadCondition as error:
            raise ValidationError({"play": [str(error)]}) from error
        return Response(EnteringOutput(answer).data)

    @extend_schema(
        operation_id="plays_lint",
        summary="Ask what is to be said of a play",
        description="What would forbid publishing it, and what is worth a second look.",
        parameters=[KEY, IDEMPOTENCY_KEY],
        request=PlayLintInput,
        responses={200: PlayLintOutput, **problems(400, 404, 409, 422)},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def lint(self, request: "Request", key: str) -> Response:
        asked = said(request, PlayLintInput)
        version = self._shown()
        planned = asked.get("play") or found.planned_of(version)
        findings = playbook.judge(version, planned=planned, as_of=clock.today())
        answer = {
            "may_be_published": not any(each.is_error for each in findings),
            "findings": findings,
        }
        return Response(PlayLintOutput(answer).data)

    def _shown(self) -> PlayVersion:
        play = self.get_object()
        version = found.draft_of(play) or play.current
        if version is None:
            raise NotFound
        return version
