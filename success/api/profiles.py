"""Success profiles over REST: a workbook out, and one in: read, looked at, applied, undone."""

import io
from typing import TYPE_CHECKING, Any

import django_filters as filters
import structlog
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from config.kernel import clock
from config.kernel.api import PageInput, page_body, paged, problems
from config.kernel.api import asked as asked_for
from config.kernel.keyset import page
from members.api.acts import act, identifier, refusing, said
from members.api.idempotency import IDEMPOTENCY_KEY, idempotent
from members.api.serializers import MemberRef, UserRef
from members.enums import RowAction
from members.models import Member
from success.access import Permission
from success.enums import ProfileImportStatus
from success.filters import MemberFilter
from success.ingestion.profiles import SHEETS, WorkbookUnusable, write
from success.models import ProfileImport, ProfileImportRow
from success.queries.members import member_list
from success.queries.nights import last_live_day
from success.queries.profiles import (
    ROW_ORDER,
    about,
    import_progress,
    import_rows,
    profile_imports,
    profile_rows,
)
from success.services import profiles
from success.tasks import wake_imports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_MEMBERS = 5_000
LARGEST_FILE = 30_000_000
NAME = OpenApiParameter(
    "name", type=str, location=OpenApiParameter.QUERY, description="What the file is called."
)
log = structlog.get_logger(__name__)


class WorkbookParser(BaseParser):
    """Takes a workbook as the whole body."""

    media_type = WORKBOOK

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: "Mapping[str, Any] | None" = None,
    ) -> Any:
        content: bytes = stream.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise TooLarge
        return content


class CsvParser(WorkbookParser):
    """Takes one sheet as CSV as the whole body."""

    media_type = "text/csv"


class TooLarge(APIException):
    status_code = 413
    default_detail = f"A workbook has at most {LARGEST_FILE:,} bytes."
    default_code = "too_large"


class SheetCounts(serializers.Serializer[Any]):
    create = serializers.IntegerField()  # type: ignore[assignment]  # a field by that name
    change = serializers.IntegerField()
    leave = serializers.IntegerField()
    refuse = serializers.IntegerField()


class ImportProgressOutput(serializers.Serializer[Any]):
    """Members of the import by what became of them."""

    total = serializers.IntegerField(help_text="Those whom it changes.")
    waiting = serializers.IntegerField()
    done = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Left as they are; the row says why.")
    undone = serializers.IntegerField()
    kept = serializers.IntegerField(help_text="Kept at an undo: something was done since.")


@extend_schema_serializer(component_name="ProfileImport")
class ProfileImportOutput(serializers.Serializer[ProfileImport]):
    """A workbook that was read: what it would do, then what it did."""

    id = serializers.UUIDField(source="public_id")
    file_name = serializers.CharField()
    sha256 = serializers.CharField()
    status = serializers.ChoiceField(choices=ProfileImportStatus.choices)
    counts = serializers.DictField(child=SheetCounts(), help_text="Rows by sheet and action.")
    passed_over = serializers.ListField(
        child=serializers.CharField(), help_text="Sheets that were not read."
    )
    planned_by = UserRef(allow_null=True)
    planned_at = serializers.DateTimeField()
    applied_by = UserRef(allow_null=True)
    applied_at = serializers.DateTimeField(allow_null=True)
    undone_by = UserRef(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(component_name="ProfileImportDetail")
class ProfileImportDetailOutput(ProfileImportOutput):
    progress = ImportProgressOutput(source="*")

    def to_representation(self, instance: ProfileImport) -> dict[str, Any]:
        found = ImportProgressOutput(import_progress(instance)).data
        return {**ProfileImportOutput(instance).data, "progress": found}


class FaultOutput(serializers.Serializer[Any]):
    cell = serializers.CharField(help_text="Address in the sheet, such as `C12`.")
    column = serializers.CharField()
    value = serializers.CharField(allow_blank=True)
    reason = serializers.CharField()


@extend_schema_serializer(component_name="ProfileImportRow")
class ProfileRowOutput(serializers.Serializer[ProfileImportRow]):
    sheet = serializers.ChoiceField(choices=[(sheet.key, sheet.key) for sheet in SHEETS])
    line = serializers.IntegerField(help_text="Row of the sheet; the header is 1.")
    member = MemberRef(allow_null=True)
    said = serializers.CharField(allow_blank=True, help_text="How the sheet calls the member.")
    action = serializers.ChoiceField(choices=RowAction.choices)
    before = serializers.DictField(allow_null=True, help_text="What differs, as it was.")
    after = serializers.DictField(allow_null=True, help_text="What differs, as it is to be.")
    faults = FaultOutput(many=True, help_text="Why it is refused, cell by cell.")


@extend_schema_serializer(component_name="ProfileImportRows")
class ProfileRowsOutput(serializers.Serializer[Any]):
    results = ProfileRowOutput(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class RowsInput(PageInput):
    action = serializers.ChoiceField(
        choices=RowAction.choices, default="", help_text="Rows of one action only."
    )


class ApplyInput(serializers.Serializer[Any]):
    accept_refusals = serializers.BooleanField(
        default=False, help_text="Let the good rows in although others are refused."
    )


class ProfileImportFilter(filters.FilterSet):
    status = filters.ChoiceFilter(
        choices=ProfileImportStatus.choices, label="Status", help_text="Where it stands."
    )

    class Meta:
        model = ProfileImport
        fields: list[str] = []


class ProfilesExport(GenericViewSet[Member]):
    """The workbook itself; filters are those of the member list."""

    filterset_class = MemberFilter
    pagination_class = None
    permission_map = {"list": Permission.PLAN_VIEW}

    def get_queryset(self) -> "QuerySet[Member]":
        if getattr(self, "swagger_fake_view", False):
            return Member.objects.none()
        user: Any = self.request.user
        return member_list(user, as_of=last_live_day() or clock.today())

    @extend_schema(
        tags=["profiles"],
        operation_id="profiles_export",
        summary="Take success profiles out as a workbook",
        description=(
            "Desired Outcomes, Appropriate Experience, milestones, promises and asks of the "
            f"members asked for, at most {MOST_MEMBERS:,}; filters are those of the member "
            "list. Given back unchanged, it changes nothing."
        ),
        responses={
            (200, WORKBOOK): OpenApiResponse(OpenApiTypes.BINARY, "An Excel workbook."),
            **problems(400),
        },
    )
    def list(self, request: "Request") -> HttpResponse:
        chosen = self.filter_queryset(self.get_queryset())
        members = Member.objects.filter(pk__in=chosen.order_by().values("pk"))
        count = members.count()
        if count > MOST_MEMBERS:
            raise ValidationError(
                f"That would be {count:,} members; a sheet holds {MOST_MEMBERS:,}. "
                "Narrow them by a filter."
            )
        user: Any = request.user
        file = io.BytesIO()
        write(
            file,
            rows=profile_rows(members),
            about=about(members=count, on=clock.today(), by=user),
        )
        log.info("profiles.exported", user=user.pk, members=count)
        return HttpResponse(
            file.getvalue(),
            content_type=WORKBOOK,
            headers={
                "Content-Disposition": 'attachment; filename="success-profiles.xlsx"',
                "Cache-Control": "no-store",
            },
        )


@extend_schema(tags=["profiles"])
@extend_schema_view(
    list=extend_schema(
        operation_id="profile_imports_list",
        summary="List the workbooks that were read",
        description="Newest first.",
        responses={200: ProfileImportOutput(many=True), **problems(400)},
    ),
    retrieve=extend_schema(
        operation_id="profile_imports_retrieve",
        summary="Show a workbook that was read",
        description="What it would do, and how far it is.",
        parameters=[identifier("import")],
        responses={200: ProfileImportDetailOutput, **problems(404)},
    ),
)
class ProfileImports(ListModelMixin, RetrieveModelMixin, GenericViewSet[ProfileImport]):
    filterset_class = ProfileImportFilter
    lookup_field = "public_id"
    keyset_order = ("-planned_at",)
    permission_map = {
        "list": Permission.PLAN_EDIT,
        "retrieve": Permission.PLAN_EDIT,
        "rows": Permission.PLAN_EDIT,
        "create": Permission.PLAN_EDIT,
        "apply": Permission.PLAN_EDIT,
        "undo": Permission.PLAN_EDIT,
    }

    def get_parsers(self) -> list[BaseParser]:
        return [WorkbookParser(), CsvParser()] if self._takes_a_file() else [JSONParser()]

    def _takes_a_file(self) -> bool:
        return (getattr(self, "action_map", None) or {}).get("post") == "create"

    def get_queryset(self) -> "QuerySet[ProfileImport]":
        return profile_imports()

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def get_serializer_class(self) -> Any:
        return ProfileImportOutput if self.action == "list" else ProfileImportDetailOutput

    @extend_schema(
        operation_id="profile_imports_create",
        summary="Read a workbook of success profiles",
        description=(
            "The workbook is the body, or one of its sheets as CSV. Nothing is changed yet: "
            "the answer says what would be created, changed, left and refused; `rows` says it "
            "row by row, with the cell and the reason of each refusal."
        ),
        parameters=[NAME, IDEMPOTENCY_KEY],
        request={WORKBOOK: OpenApiTypes.BINARY, CsvParser.media_type: OpenApiTypes.STR},
        filters=False,
        responses={201: ProfileImportDetailOutput, **problems(400, 413, 415, 422)},
    )
    @idempotent
    def create(self, request: "Request") -> Response:
        user: Any = request.user
        if not isinstance(request.data, bytes) or not request.data:
            raise ValidationError("The workbook is the body; there is none.")
        with refusing(invalid={WorkbookUnusable: ""}):
            batch = profiles.plan_import(
                file=io.BytesIO(request.data),
                name=request.query_params.get("name", "")[:200] or "profiles.xlsx",
                members=Member.objects.visible_to(user),
                by=user,
                at=clock.now(),
                on=clock.today(),
            )
        return Response(ProfileImportDetailOutput(batch).data, status=201)

    @extend_schema(
        operation_id="profile_imports_rows",
        summary="Show what a workbook would do, row by row",
        description="In the order of its sheets and rows.",
        parameters=[identifier("import"), RowsInput],
        responses={200: ProfileRowsOutput, **problems(400, 404)},
        filters=False,
    )
    @action(detail=True, pagination_class=None)
    def rows(self, request: "Request", public_id: str) -> Response:
        given = asked_for(request, RowsInput)
        found = import_rows(self.get_object(), action=given["action"])
        shown = paged(
            request, lambda size, **edges: page(found, order=ROW_ORDER, size=size, **edges)
        )
        return Response(page_body(shown, [ProfileRowOutput(row).data for row in shown.items]))

    @act(
        "profile_imports_apply",
        "Apply a workbook that was read",
        "The workers do it, member by member; `progress` says how far they are. Where rows are "
        "refused, 409 unless the others may go in; applied before, 409.",
        request=ApplyInput,
        answer=ProfileImportDetailOutput,
        noun="import",
        status=202,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def apply(self, request: "Request", public_id: str) -> Response:
        given = said(request, ApplyInput)
        return self._ask(profiles.ask_to_apply, given)

    @act(
        "profile_imports_undo",
        "Undo a workbook that was applied",
        "Wherever nobody has done anything for the member since; else they are kept. Not "
        "applied, or undone before, is 409.",
        answer=ProfileImportDetailOutput,
        noun="import",
        status=202,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: "Request", public_id: str) -> Response:
        return self._ask(profiles.ask_to_undo, {})

    def _ask(self, verb: "Callable[..., ProfileImport]", given: dict[str, Any]) -> Response:
        batch = self.get_object()
        with refusing(profiles.RefusalsWait, profiles.NotPlanned, profiles.NotApplied):
            verb(batch=batch, by=self.request.user, at=clock.now(), **given)
        wake_imports(batch_id=batch.pk)
        return Response(ProfileImportDetailOutput(self.get_object()).data, status=202)
