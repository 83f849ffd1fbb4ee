"""The API's description: complete, without warnings, and readable under the strict policy."""

import json
import re
from collections import Counter
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import get_resolver

from tests.architecture.addresses import addresses
from tests.architecture.markup import inline_code

PARAMETER = re.compile(r"\(\?P<(\w+)>[^)]*\)|<\w+:(\w+)>")


@pytest.fixture(scope="module")
def schema():
    """Generate it; a warning is a failure."""
    out = StringIO()
    call_command(
        "spectacular", "--fail-on-warn", "--validate", "--format", "openapi-json", stdout=out
    )
    return json.loads(out.getvalue())


def operations(schema):
    return {
        (method, path): operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def test_every_address_of_the_api_is_described(schema):
    routes = {
        PARAMETER.sub(r"{\1\2}", f"/{address.route}").replace("^", "").replace("$", "")
        for address in addresses(get_resolver().url_patterns)
        if address.route.startswith("api/v1/")
    }

    assert sorted(schema["paths"]) == sorted(routes)


def test_every_operation_says_what_it_does_and_how_it_fails(schema):
    found = operations(schema)
    names = Counter(operation["operationId"] for operation in found.values())

    assert [key for key, operation in found.items() if not operation.get("summary")] == []
    assert [key for key, operation in found.items() if not operation.get("description")] == []
    assert [name for name, times in names.items() if times > 1] == []
    for operation in found.values():
        failures = {
            status: list(answer["content"])
            for status, answer in operation["responses"].items()
            if status.startswith("4")
        }
        assert {"401", "403", "429"} <= failures.keys()
        assert set(map(tuple, failures.values())) == {("application/problem+json",)}


def test_every_post_is_said_to_take_an_idempotency_key(schema):
    posts = [o for (method, _), o in operations(schema).items() if method == "post"]

    assert len(posts) > 60  # a walk that finds few has lost its way
    assert {"Idempotency-Key" in [p["name"] for p in post["parameters"]] for post in posts} == {
        True
    }


def test_filters_and_paging_are_described(schema):
    parameters = schema["paths"]["/api/v1/members/"]["get"]["parameters"]

    assert sorted(p["name"] for p in parameters) == [
        "behind_at_least",
        "chapter",
        "cursor",
        "has_plan",
        "held_days",
        "joined_in",
        "kind",
        "moved",
        "order",
        "overlay",
        "owner",
        "page_size",
        "q",
        "segment",
        "standing",
        "state",
        "term_ends_before",
        "tier",
        "was",
        "was_on",
        "we_owe",
    ]  # fmt: skip
    assert [p for p in parameters if not p.get("description")] == []


@pytest.mark.django_db
def test_page_of_the_api_has_no_inline_code(client):
    response = client.get("/api/docs/")

    page = response.content.decode()
    assert response.status_code == 200
    assert inline_code(page) == []
    assert 'data-schema-url="/api/schema/"' in page
    assert "'unsafe-inline'" not in response["Content-Security-Policy"]
    assert client.get("/api/schema/").status_code == 200
