"""What the parts of the API have in common that write: whom they may name, how they refuse."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db.models import Model, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from config.kernel.api import problems
from config.kernel.problems import Conflict
from members.api.idempotency import IDEMPOTENCY_KEY
from members.models import Member, User

LONGEST_WORDS = 5_000
Refusals = type[Exception] | tuple[type[Exception], ...]


def identifier(noun: str) -> OpenApiParameter:
    """Describe the identifier in an address."""
    return OpenApiParameter(
        "public_id",
        type=str,
        location=OpenApiParameter.PATH,
        description=f"The `id` of the {noun}.",
    )


def act(  # noqa: PLR0913  # what an operation's documentation says
    operation: str,
    summary: str,
    description: str,
    *,
    request: Any = None,
    answer: Any,
    noun: str = "",
    status: int = 200,
    examples: Sequence[Any] = (),
    refusals: Sequence[int] = (),
) -> Callable[..., Any]:
    """Return the documentation of a POST; with a ``noun`` it is upon something there is."""
    return extend_schema(
        operation_id=operation,
        summary=summary,
        description=description,
        parameters=[*([identifier(noun)] if noun else []), IDEMPOTENCY_KEY],
        request=request,
        examples=list(examples),
        filters=False,
        responses={
            status: answer,
            **problems(*{400, 409, 422, *([404] if noun else []), *refusals}),
        },
    )


@contextmanager
def refusing(
    *conflicts: type[Exception], invalid: Mapping[type[Exception], str] | None = None
) -> Iterator[None]:
    """Turn what a service refuses into problems in its own words.

    ``conflicts`` are refusals because of how things stand, 409. ``invalid`` are those because
    of what was said, 400, by the field at fault; blank for the whole input.
    """
    at_fault = invalid or {}
    try:
        yield
    except tuple(at_fault) as error:
        field = next(at_fault[kind] for kind in type(error).__mro__ if kind in at_fault)
        raise ValidationError({field or "non_field_errors": [_words(error)]}) from error
    except conflicts as error:
        raise Conflict(_words(error)) from error


def _words(error: Exception) -> str:
    return str(error) or (type(error).__doc__ or "").splitlines()[0]


def said(
    request: Request, form: type[serializers.Serializer[Any]], **context: Any
) -> dict[str, Any]:
    """Return what the body of ``request`` says, read by ``form``; a slip is a 400."""
    given = form(data=request.data, context={"request": request, **context})
    if isinstance(request.data, Mapping) and (
        strange := sorted(set(request.data) - set(given.fields))
    ):
        raise ValidationError(dict.fromkeys(strange, "There is no such field."))
    given.is_valid(raise_exception=True)
    found: dict[str, Any] = given.validated_data
    return found


def of_visible(model: Any, user: Any, path: str = "member") -> QuerySet[Any]:
    """Return the rows of ``model`` that belong to members whom ``user`` may see."""
    rows: QuerySet[Any] = model._default_manager.filter(  # noqa: SLF001  # Django's documented API
        **{f"{path}__in": Member.objects.visible_to(user)}
    )
    return rows


class Named(ABC, serializers.UUIDField):
    """Something named by its identifier; what the caller may not see is not there."""

    @abstractmethod
    def rows(self) -> QuerySet[Any]:
        """Return what the caller may name."""

    def to_internal_value(self, data: Any) -> Any:
        public_id = super().to_internal_value(data)
        found: Model | None = self.rows().filter(public_id=public_id).first()
        if found is None:
            raise ValidationError("There is none with this identifier.", code="does_not_exist")
        return found

    @property
    def user(self) -> Any:
        return self.context["request"].user


@extend_schema_field(OpenApiTypes.UUID)
class MemberField(Named):
    def rows(self) -> QuerySet[Any]:
        return Member.objects.visible_to(self.user)


@extend_schema_field(OpenApiTypes.UUID)
class ColleagueField(Named):
    """Somebody of the association."""

    def rows(self) -> QuerySet[Any]:
        return User.objects.filter(member=None, is_active=True)


def text(help_text: str, *, required: bool = True, longest: int = LONGEST_WORDS) -> Any:
    """Return a field for what people say; without ``required`` it may be left out or blank."""
    if required:
        return serializers.CharField(max_length=longest, help_text=help_text)
    return serializers.CharField(
        max_length=longest, default="", allow_blank=True, help_text=help_text
    )


class ReasonInput(serializers.Serializer[Any]):
    reason = text("Why, in words.")
