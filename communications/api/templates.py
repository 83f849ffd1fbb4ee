"""The words of messages and what they are about, over REST: read, written, tried out."""

from typing import TYPE_CHECKING, Any

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
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from communications import queries
from communications.access import Permission
from communications.enums import Purpose, VariableKind
from communications.models import MessageTemplate, Topic
from communications.services import templates
from config.kernel import clock
from config.kernel.api import PageInput, problems
from members.api.acts import MemberField, refusing, said
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MOST_GAPS = MOST_VARIANTS = 30
KEY = OpenApiParameter(
    "key", type=str, location=OpenApiParameter.PATH, description="Its `key`."
)


class VariableShape(serializers.Serializer[Any]):
    name = serializers.CharField(
        max_length=50, help_text="As the words have it: small letters, digits, underscores."
    )
    kind = serializers.ChoiceField(choices=VariableKind.choices, default=VariableKind.TEXT)
    label = serializers.CharField(  # type: ignore[assignment]  # a field by that name
        max_length=200, allow_blank=True, default="", help_text="What it is."
    )
    example = serializers.CharField(max_length=200, allow_blank=True, default="")


@extend_schema_serializer(component_name="MessageTemplateVariant")
class VariantShape(serializers.Serializer[Any]):
    persona = serializers.CharField(
        max_length=100, allow_blank=True, default="", help_text="Blank: any."
    )
    language = serializers.RegexField(
        rf"^{templates.LANGUAGE_TAG}$",
        allow_blank=True,
        default="",
        help_text="IETF tag; blank: any.",
    )
    subject = serializers.CharField(max_length=200)
    body = serializers.CharField(trim_whitespace=False, help_text="Plain text.")


@extend_schema_serializer(component_name="MessageTemplate")
class MessageTemplateOutput(serializers.Serializer[MessageTemplate]):
    """The words of a message; a gap is `{{ name }}`."""

    key = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    topic = serializers.CharField(source="topic.key", allow_null=True, default=None)
    subject = serializers.CharField()
    body = serializers.CharField(help_text="Plain text.")
    is_retired = serializers.BooleanField(help_text="Not offered for new steps.")


@extend_schema_serializer(component_name="MessageTemplateDetail")
class MessageTemplateDetailOutput(MessageTemplateOutput):
    variables = serializers.SerializerMethodField()
    variants = VariantShape(many=True)
    revision = serializers.SerializerMethodField(
        help_text="Of the words as they are: give it back when you write them anew."
    )

    @extend_schema_field(VariableShape(many=True))
    def get_variables(self, row: MessageTemplate) -> Any:
        return VariableShape(templates.variables_of(row), many=True).data

    def get_revision(self, row: MessageTemplate) -> str:
        return templates.fingerprint(row)


class MessageTemplateInput(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=200)
    purpose = serializers.ChoiceField(
        choices=Purpose.choices,
        help_text="Only what is discretionary can be stopped, and is capped.",
    )
    topic = serializers.SlugRelatedField(
        slug_field="key",
        queryset=Topic.objects.all(),
        allow_null=True,
        default=None,
        help_text="Key of what it is about; null: nothing in particular.",
    )
    subject = serializers.CharField(max_length=200)
    body = serializers.CharField(trim_whitespace=False, help_text="Plain text.")
    variables = VariableShape(  # type: ignore[call-arg]  # the stubs lack max_length
        many=True, default=list, max_length=MOST_GAPS, help_text="The gaps of the words."
    )
    variants = VariantShape(  # type: ignore[call-arg]  # as above
        many=True,
        default=list,
        max_length=MOST_VARIANTS,
        help_text="The words for other readers.",
    )


class MessageTemplateUpdateInput(MessageTemplateInput):
    revision = serializers.CharField(
        max_length=64, help_text="Of the words you read; others since are 409."
    )


class NewMessageTemplateInput(MessageTemplateInput):
    key = serializers.SlugField(max_length=50, help_text="Plays know the words by it.")


class RetireInput(serializers.Serializer[Any]):
    is_retired = serializers.BooleanField(
        help_text="Offered for new steps no more, or again; what uses it goes on."
    )


@extend_schema_serializer(component_name="MessagePreviewInput")
class PreviewInput(serializers.Serializer[Any]):
    variables = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=2_000),
        required=False,
        help_text="What fills the gaps, by name; the examples unless given. Days are ISO "
        "dates, numbers have a point before their fraction.",
    )
    member = MemberField(
        allow_null=True,
        default=None,
        help_text="Fill the gaps with what is true of this member, as it would be sent.",
    )
    persona = serializers.CharField(default="", allow_blank=True, max_length=100)
    language = serializers.CharField(default="", allow_blank=True, max_length=35)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["member"] is not None and "variables" in attrs:
            raise ValidationError(
                {"variables": "Either these fill the gaps, or what is true of a member."}
            )
        return attrs


@extend_schema_serializer(component_name="MessagePreview")
class PreviewOutput(serializers.Serializer[templates.Preview]):
    """A message as a reader would get it; a gap without a value stands in brackets."""

    subject = serializers.CharField()
    body = serializers.CharField()
    html = serializers.CharField(help_text="For those who like formatted mail.")
    persona = serializers.CharField(
        source="words.persona", allow_blank=True, help_text="Whom these words are for."
    )
    language = serializers.CharField(source="words.language", allow_blank=True)
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Gaps that would stop it: it is not sent."
    )


EXAMPLE = {
    "title": "What comes next",
    "purpose": "discretionary",
    "topic": None,
    "subject": "{{ next }}",
    "body": "Dear {{ name }},\n\nthe next point on your way is {{ next }}.\n",
    "variables": [
        {"name": "name", "kind": "text", "label": "Who reads it", "example": "Ann"},
        {"name": "next", "kind": "text", "label": "Next milestone", "example": "First merge"},
    ],
    "variants": [
        {
            "persona": "",
            "language": "de",
            "subject": "{{ next }}",
            "body": "Guten Tag {{ name }},\n\nals Nächstes: {{ next }}.\n",
        }
    ],
}


@extend_schema(tags=["messages"])
@extend_schema_view(
    list=extend_schema(
        operation_id="message_templates_list",
        summary="List message templates",
        description="Every template, by key.",
        responses={200: MessageTemplateOutput(many=True), **problems(400)},
        filters=False,
        parameters=[PageInput],
    ),
    retrieve=extend_schema(
        operation_id="message_templates_retrieve",
        summary="Show a message template",
        description="With its gaps, and its words for other readers.",
        parameters=[KEY],
        responses={200: MessageTemplateDetailOutput, **problems(404)},
    ),
)
class MessageTemplates(ListModelMixin, RetrieveModelMixin, GenericViewSet[MessageTemplate]):
    lookup_field = "key"
    keyset_order = ("key",)
    permission_map = {
        "list": Permission.MESSAGE_VIEW,
        "retrieve": Permission.MESSAGE_VIEW,
        "preview": Permission.MESSAGE_VIEW,
        "create": Permission.TEMPLATE_EDIT,
        "update": Permission.TEMPLATE_EDIT,
        "retire": Permission.TEMPLATE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[MessageTemplate]":
        rows = MessageTemplate.objects.select_related("topic")
        return rows if self.action == "list" else rows.prefetch_related("variants")

    def get_serializer_class(self) -> Any:
        return MessageTemplateOutput if self.action == "list" else MessageTemplateDetailOutput

    @extend_schema(
        operation_id="message_templates_create",
        summary="Write a new message template",
        description="Words with a gap that is not declared are 400, a key that is taken 409.",
        parameters=[IDEMPOTENCY_KEY],
        request=NewMessageTemplateInput,
        examples=[
            OpenApiExample(
                "template", value={"key": "what-comes-next", **EXAMPLE}, request_only=True
            )
        ],
        responses={201: MessageTemplateDetailOutput, **problems(400, 409, 422)},
        filters=False,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        return self._save(request, None, said(request, NewMessageTemplateInput), status=201)

    @extend_schema(
        operation_id="message_templates_update",
        summary="Write a message template anew",
        description=(
            "All that it says from now on, what waits in the outbox included; what was sent "
            "stays as it was. If somebody wrote since the `revision` you read, 409."
        ),
        parameters=[KEY],
        request=MessageTemplateUpdateInput,
        responses={200: MessageTemplateDetailOutput, **problems(400, 404, 409)},
        filters=False,
    )
    def update(self, request: "Request", key: str) -> Response:
        template = self.get_object()
        asked = said(request, MessageTemplateUpdateInput)
        return self._save(
            request, template, asked | {"seen": asked.pop("revision")}, status=200
        )

    def _save(
        self,
        request: "Request",
        template: MessageTemplate | None,
        asked: dict[str, Any],
        *,
        status: int,
    ) -> Response:
        user: Any = request.user
        asked["variables"] = [templates.Variable(**each) for each in asked["variables"]]
        asked["variants"] = [templates.Words(**each) for each in asked["variants"]]
        try:
            with refusing(templates.KeyTaken, templates.Overtaken):
                row = templates.save(template=template, by=user, at=clock.now(), **asked)
        except templates.NotPossible as refused:
            raise ValidationError({"non_field_errors": list(refused.reasons)}) from refused
        return Response(MessageTemplateDetailOutput(row).data, status=status)

    @extend_schema(
        operation_id="message_templates_retire",
        summary="Offer a message template no more, or again",
        description="Steps that use it go on with it.",
        parameters=[KEY, IDEMPOTENCY_KEY],
        request=RetireInput,
        responses={200: MessageTemplateDetailOutput, **problems(400, 404, 409, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def retire(self, request: "Request", key: str) -> Response:
        user: Any = request.user
        templates.retire(
            template=self.get_object(), by=user, at=clock.now(), **said(request, RetireInput)
        )
        return Response(MessageTemplateDetailOutput(self.get_object()).data)

    @extend_schema(
        operation_id="message_templates_preview",
        summary="Show a message as a reader would get it",
        description=(
            "With the examples, with what you say, or with what is true of a member. Nothing "
            "is sent, and nothing is kept."
        ),
        parameters=[KEY, IDEMPOTENCY_KEY],
        request=PreviewInput,
        responses={200: PreviewOutput, **problems(400, 404, 409, 422)},
        filters=False,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def preview(self, request: "Request", key: str) -> Response:
        template = self.get_object()
        asked = said(request, PreviewInput)
        values = asked.get("variables", templates.examples_of(template))
        if asked["member"] is not None:
            reader = templates.as_read_by(
                template, member_id=asked["member"].pk, on=clock.today()
            )
            if reader is None:
                raise ValidationError({"member": "Nothing is known that would fill the gaps."})
            values = reader.variables
        shown = templates.preview(
            template, variables=values, persona=asked["persona"], language=asked["language"]
        )
        return Response(PreviewOutput(shown).data)


@extend_schema_serializer(component_name="Topic")
class TopicOutput(serializers.Serializer[Topic]):
    key = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    position = serializers.IntegerField()
    is_retired = serializers.BooleanField()
    refused = serializers.IntegerField(help_text="People who do not want to hear of it.")


class TopicInput(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=100, help_text="As people read it.")
    description = serializers.CharField(default="", allow_blank=True, max_length=300)
    position = serializers.IntegerField(default=0, min_value=0, max_value=999)
    is_retired = serializers.BooleanField(default=False, help_text="Offered no more.")


class NewTopicInput(TopicInput):
    key = serializers.SlugField(max_length=50)


@extend_schema(tags=["messages"])
@extend_schema_view(
    list=extend_schema(
        operation_id="topics_list",
        summary="List topics",
        description="What we write about, in its order.",
        responses={200: TopicOutput(many=True), **problems(400)},
        filters=False,
        parameters=[PageInput],
    ),
    retrieve=extend_schema(
        operation_id="topics_retrieve",
        summary="Show a topic",
        description="What we write about, and how many do not want to hear of it.",
        parameters=[KEY],
        responses={200: TopicOutput, **problems(404)},
    ),
)
class Topics(ListModelMixin, RetrieveModelMixin, GenericViewSet[Topic]):
    serializer_class = TopicOutput
    lookup_field = "key"
    keyset_order = ("position", "key")
    permission_map = {
        "list": Permission.MESSAGE_VIEW,
        "retrieve": Permission.MESSAGE_VIEW,
        "create": Permission.TEMPLATE_EDIT,
        "update": Permission.TEMPLATE_EDIT,
    }

    def get_queryset(self) -> "QuerySet[Topic]":
        return queries.topics_with_counts()

    @extend_schema(
        operation_id="topics_create",
        summary="Add a topic",
        description="People may say of it whether they want to hear of it. A taken key is 409.",
        parameters=[IDEMPOTENCY_KEY],
        request=NewTopicInput,
        responses={201: TopicOutput, **problems(400, 409, 422)},
        filters=False,
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        return self._save(request, None, said(request, NewTopicInput), status=201)

    @extend_schema(
        operation_id="topics_update",
        summary="Write a topic anew",
        description="What people said of it stays. The key stays.",
        parameters=[KEY],
        request=TopicInput,
        responses={200: TopicOutput, **problems(400, 404)},
        filters=False,
    )
    def update(self, request: "Request", key: str) -> Response:
        return self._save(request, self.get_object(), said(request, TopicInput), status=200)

    def _save(
        self, request: "Request", topic: Topic | None, asked: dict[str, Any], *, status: int
    ) -> Response:
        user: Any = request.user
        with refusing(templates.KeyTaken):
            kept = templates.save_topic(topic=topic, by=user, at=clock.now(), **asked)
        return Response(TopicOutput(self.get_queryset().get(pk=kept.pk)).data, status=status)
