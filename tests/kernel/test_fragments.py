import pytest
from django.template import engines
from django.test import override_settings

from config.kernel.fragments import is_fragment, render_page_or_fragment

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.locmem.Loader",
                    {
                        "list.html": "<main>{% include '_rows.html' %}</main>",
                        "_rows.html": "<p>{{ name }}</p>",
                    },
                )
            ]
        },
    }
]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "false"}, False),
        ({"HX-Request": "true", "HX-Boosted": "true"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
    ],
)
def test_is_fragment_where_htmx_wants_a_part_only(rf, headers, expected):
    assert is_fragment(rf.get("/", headers=headers)) is expected


@pytest.fixture
def answer(rf):
    with override_settings(TEMPLATES=TEMPLATES):
        engines._engines = {}  # noqa: SLF001  # drop the engine of the real settings

        def ask(**headers):
            return render_page_or_fragment(
                rf.get("/", headers=headers),
                "list.html",
                "_rows.html",
                {"name": "Ann"},
                status=422,
            )

        yield ask


def test_render_gives_the_fragment_that_the_page_contains(answer):
    page = answer()
    fragment = answer(**{"HX-Request": "true"})

    assert page.content == b"<main><p>Ann</p></main>"
    assert fragment.content == b"<p>Ann</p>"
    assert (page.status_code, fragment.status_code) == (422, 422)


def test_render_varies_by_what_decided(answer):
    assert answer()["Vary"] == "HX-Request, HX-Boosted, HX-History-Restore-Request"
