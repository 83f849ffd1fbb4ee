"""Every error of the API is problem+json with the same members."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, serializers

from config.kernel.problems import Conflict, handle


class Line(serializers.Serializer):
    amount = serializers.DecimalField(max_digits=8, decimal_places=2)


class Order(serializers.Serializer):
    name = serializers.CharField()
    lines = Line(many=True)

    def validate(self, attrs):
        raise serializers.ValidationError("The order is empty.", code="empty")


def complaints(data: dict[str, object]) -> list[dict[str, str]]:
    serializer = Order(data=data)
    with pytest.raises(exceptions.ValidationError) as caught:
        serializer.is_valid(raise_exception=True)
    return handle(caught.value, {}).data["errors"]


@pytest.mark.parametrize(
    ("error", "status", "title", "code"),
    [
        (Http404("member 7"), 404, "Not Found", "not_found"),
        (PermissionDenied("members.view"), 403, "Forbidden", "permission_denied"),
        (exceptions.NotAuthenticated(), 401, "Unauthorized", "not_authenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "Method Not Allowed", "method_not_allowed"),
        (Conflict("Ada has it."), 409, "Conflict", "conflict"),
    ],
)
def test_a_refusal_is_a_problem(error, status, title, code):
    response = handle(error, {})

    assert response.content_type == "application/problem+json"
    assert response.status_code == status
    assert response.data == {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": response.data["detail"],
        "code": code,
    }


def test_a_conflict_says_who_in_words_and_for_programs():
    response = handle(Conflict("Ada has it.", extra={"holder": "Ada"}), {})

    assert (response.data["detail"], response.data["holder"]) == ("Ada has it.", "Ada")


def test_a_refused_input_lists_each_field_by_its_path():
    found = complaints({"lines": [{"amount": "1.00"}, {"amount": "much"}]})

    assert [(entry["field"], entry["code"]) for entry in found] == [
        ("name", "required"),
        ("lines.1.amount", "invalid"),
    ]


def test_a_refused_whole_has_no_field():
    found = complaints({"name": "First", "lines": [{"amount": "1.00"}]})

    assert found == [{"field": "", "code": "empty", "message": "The order is empty."}]


def test_a_refusal_does_not_say_what_is_hidden():
    assert "member 7" not in handle(Http404("member 7"), {}).data["detail"]


def test_a_failure_of_ours_is_left_to_django():
    assert handle(ZeroDivisionError(), {}) is None
