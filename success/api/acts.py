"""What the parts of the API of success have in common: people of members, and bad paths."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ErrorDetail, ValidationError

from members.api.acts import Named
from members.models import Member, Person
from success.engine.linting import Finding


def bad_path(findings: Sequence[Finding]) -> ValidationError:
    """Return the findings of the linter as a problem, each at its place in ``path``."""
    errors: dict[str, list[ErrorDetail]] = {}
    for finding in findings:
        if finding.severity == "error":
            where = ".".join(filter(None, ["path", finding.where]))
            words = " ".join(filter(None, [finding.words, finding.suggestion]))
            errors.setdefault(where, []).append(ErrorDetail(words, code=finding.code))
    return ValidationError(errors)


@extend_schema_field(OpenApiTypes.UUID)
class PersonField(Named):
    """A person with a place at a member whom the caller may see."""

    def rows(self) -> QuerySet[Any]:
        members = Member.objects.visible_to(self.user)
        return Person.objects.filter(affiliations__member__in=members).distinct()
