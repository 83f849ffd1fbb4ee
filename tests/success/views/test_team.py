from datetime import date

import pytest

from members.enums import Role
from tests.factories import make_intervention, make_user

pytestmark = pytest.mark.django_db
URL = "/today/team/"


def test_the_team_is_shown_by_name_to_who_leads_it(sign_in):
    zoe, amy = make_user(name="Zoe", weekly_hours=10), make_user(name="Amy", weekly_hours=1)
    make_intervention(owner=zoe, due_on=date(2026, 7, 1))
    make_intervention(owner=amy, minutes=90)
    make_intervention()

    director = sign_in(make_user(role=Role.DIRECTOR))
    html = director.get(URL).content.decode()
    unserved = f"/today/?unserved=true&week_of={amy.public_id}"
    listed = director.get(unserved)

    assert html.index(">Amy</a>") < html.index(">Zoe</a>") < html.index(">The pool</a>")
    assert f"?owner={zoe.public_id}&amp;due=overdue" in html
    assert unserved.replace("&", "&amp;") in html
    assert [row.item.owner for row in listed.context["rows"]] == [amy]
    assert "What does not fit into Amy&#x27;s week" in listed.content.decode()
    assert director.get("/today/?week_of=nobody").status_code == 200
    assert "Unserved this week" in listed.content.decode()
    assert "Unserved this week" not in director.get("/today/").content.decode()
    others = (amy, make_user(role=Role.OPERATIONS))
    assert [sign_in(user).get(URL).status_code for user in others] == [403, 403]
