import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count, Sum

from engagement.models import Fact, Involvement
from members.enums import BatchStatus, VoidReason
from members.models import (
    Association,
    DirtyMember,
    ImportBatch,
    ImportRow,
    Member,
    MemberIdentity,
    Term,
)
from members.models.dues import Dues
from members.queries import import_batches, refused_rows, rows_left_alone
from members.services.imports import (
    Ledger,
    NotApplied,
    NotPlanned,
    PlanIsStale,
    RefusalsWait,
    apply_batch,
    plan_ledger,
    undo_batch,
)
from members.services.voiding import void_term

pytestmark = pytest.mark.django_db
AT = datetime(2026, 7, 29, 12, tzinfo=UTC)
TODAY = date(2026, 7, 29)
DEMO = Path(settings.BASE_DIR, "data", "cncf")
NOTHING = {"create": 0, "change": 0, "leave": 0, "refuse": 0, "not_in_file": 0}


class Office:
    """Writes ledger files into a folder and imports them."""

    def __init__(self, folder):
        self.members = folder / "members.csv"
        self.terms = folder / "terms.csv"
        self.mapping = {"source": "office"}

    def write(self, members, terms):
        self.members.write_text("id,name,homepage,kind,city\n" + "\n".join(members) + "\n")
        self.terms.write_text("id,member,tier,start,end,dues,note\n" + "\n".join(terms) + "\n")

    def plan(self):
        ledger = Ledger(
            organisations=self.members,
            terms=self.terms,
            mapping=self.mapping,
        )
        return plan_ledger(ledger=ledger, at=AT)

    def bring_in(self, **options):
        return apply_batch(batch_id=self.plan().pk, at=AT, today=TODAY, **options)


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path)


MEMBERS = ["m1,Acme,https://acme.example,,Oslo", "m2,Örg,,individual,"]
TERMS = [
    "t1,m1,Gold,2024-01-01,2025-01-01,100,a",
    "t2,m1,Gold,2025-01-01,2026-01-01,110.50,",
    "t3,m2,Free,2025-03-01,2026-03-01,0,",
]


def counts(batch):
    return {
        entity: {word: rows for word, rows in found.items() if rows}
        for entity, found in batch.counts.items()
    }


def state():
    return (
        list(
            Member.objects.order_by("name").values_list(
                "name", "kind", "homepage_url", "details"
            )
        ),
        list(
            Term.objects.order_by("external_id").values_list(
                "external_id",
                "member__name",
                "tier",
                "starts_on",
                "ends_on",
                "dues__annual_amount",
                "dues__currency",
                "details",
            )
        ),
    )


def reasons(batch):
    return [
        (row.file, row.line, refusal["column"], refusal["value"], refusal["reason"])
        for row in refused_rows(batch=batch)
        for refusal in row.refusals
    ]


def test_plan_changes_nothing(office):
    office.write(MEMBERS, TERMS)
    batch = office.plan()
    assert counts(batch) == {"member": {"create": 2}, "term": {"create": 3}}
    assert [file["rows"] for file in batch.files] == [2, 3]
    assert (Member.objects.count(), Term.objects.count()) == (0, 0)
    assert list(import_batches()) == [batch]


def test_applied_plan_is_in_the_database(office):
    office.write(MEMBERS, TERMS)
    batch = office.bring_in()
    assert (batch.status, batch.applied_at) == (BatchStatus.APPLIED, AT)
    assert state() == (
        [
            ("Acme", "organisation", "https://acme.example", {"city": "Oslo"}),
            ("Örg", "individual", "", {}),
        ],
        [
            (
                "t1",
                "Acme",
                "Gold",
                date(2024, 1, 1),
                date(2025, 1, 1),
                Decimal(100),
                "USD",
                {"note": "a"},
            ),
            (
                "t2",
                "Acme",
                "Gold",
                date(2025, 1, 1),
                date(2026, 1, 1),
                Decimal("110.5"),
                "USD",
                {},
            ),
            ("t3", "Örg", "Free", date(2025, 3, 1), date(2026, 3, 1), Decimal(0), "USD", {}),
        ],
    )
    assert list(
        MemberIdentity.objects.order_by("external_id").values_list(
            "external_id", "member__name"
        )
    ) == [
        ("m1", "Acme"),
        ("m2", "Örg"),
    ]
    rows = ImportRow.objects.filter(entity="term").order_by("line")
    assert [row.object_id for row in rows] == list(
        Term.objects.order_by("pk").values_list("pk", flat=True)
    )


def test_applied_members_are_dirty_from_their_earliest_day_and_quiet(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    assert list(DirtyMember.objects.order_by("since").values_list("member__name", "since")) == [
        ("Acme", date(2024, 1, 1)),
        ("Örg", date(2025, 3, 1)),
    ]
    assert set(Member.objects.values_list("quiet_through", "created_at")) == {(TODAY, AT)}


def test_same_files_again_change_nothing(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    before = state()
    DirtyMember.objects.all().delete()
    batch = office.bring_in()
    assert counts(batch) == {"member": {"leave": 2}, "term": {"leave": 3}}
    assert state() == before
    assert (batch.rows.count(), DirtyMember.objects.count()) == (0, 0)


def test_changed_files_change_only_what_changed(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    DirtyMember.objects.all().delete()
    Member.objects.update(quiet_through=None)
    office.write(
        [MEMBERS[0], "m2,Örg AB,,individual,Umeå"],
        [
            TERMS[0],
            "t2,m1,Gold,2025-01-01,2026-01-01,120,b",
            "t4,m2,Free,2026-03-01,2027-03-01,0,",
        ],
    )
    batch = office.bring_in()
    assert counts(batch) == {
        "member": {"leave": 1, "change": 1},
        "term": {"leave": 1, "change": 1, "create": 1, "not_in_file": 1},
    }
    assert list(
        batch.rows.order_by("entity", "line").values_list("external_id", "before", "after")
    ) == [
        ("m2", {"name": "Örg", "details": {}}, {"name": "Örg AB", "details": {"city": "Umeå"}}),
        (
            "t2",
            {"annual_amount": "110.50", "details": {}},
            {"annual_amount": "120.00", "details": {"note": "b"}},
        ),
        (
            "t4",
            None,
            {
                "member": "m2",
                "tier": "Free",
                "starts_on": "2026-03-01",
                "ends_on": "2027-03-01",
                "annual_amount": "0.00",
                "currency": "USD",
                "details": {},
            },
        ),
    ]
    assert list(DirtyMember.objects.order_by("since").values_list("member__name", "since")) == [
        ("Acme", date(2025, 1, 1)),
        ("Örg AB", date(2026, 3, 1)),
    ]
    assert set(Member.objects.values_list("quiet_through", flat=True)) == {TODAY}


def test_blank_cells_and_absent_columns_leave_things_untouched(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    before = state()
    office.members.write_text("id,name\nm1,\nm2,Örg\n")
    assert counts(office.bring_in()) == {"member": {"leave": 2}, "term": {"leave": 3}}
    assert state() == before


def test_terms_that_vanish_are_left_alone_and_counted(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    office.write(MEMBERS[:1], TERMS[:1])
    assert counts(office.bring_in()) == {
        "member": {"leave": 1, "not_in_file": 1},
        "term": {"leave": 1, "not_in_file": 2},
    }
    assert Term.objects.count() == 3


def test_term_moves_to_another_member_and_both_are_dirty(office):
    office.write(MEMBERS, TERMS)
    first = office.bring_in()
    DirtyMember.objects.all().delete()
    office.write(MEMBERS, [*TERMS[:2], TERMS[2].replace("m2", "m1").replace("03-01", "02-01")])
    batch = office.bring_in()
    assert Term.objects.get(external_id="t3").member.name == "Acme"
    assert list(
        DirtyMember.objects.order_by("member__name").values_list("member__name", "since")
    ) == [
        ("Acme", date(2025, 2, 1)),
        ("Örg", date(2025, 3, 1)),
    ]
    undo_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert Term.objects.get(external_id="t3").member.name == "Örg"
    undo_batch(batch_id=first.pk, at=AT, today=TODAY)
    assert (Member.objects.count(), Term.objects.count()) == (0, 0)


def test_bad_rows_are_refused_where_they_stand(office):
    office.write(
        [*MEMBERS, "m1,Twin,,,", "m3,,,,", ",Nobody,,,", "m4,Club,,club,", "m1,Third,,,"],
        [
            *TERMS,
            "t1,m1,Gold,2026-01-01,2027-01-01,1,",
            "t5,m9,Gold,2026-01-01,2027-01-01,1,",
            "t6,m4,Gold,2026-01-01,2027-01-01,1,",
            "t7,m1,Gold,2026-02-30,2027-01-01,x,",
        ],
    )
    batch = office.plan()
    assert counts(batch) == {
        "member": {"create": 2, "refuse": 5},
        "term": {"create": 3, "refuse": 4},
    }
    assert reasons(batch) == [
        ("members.csv", 4, "id", "m1", "line 2 has the same id"),
        ("members.csv", 5, "name", "", "a new member needs a name"),
        ("members.csv", 6, "id", "", "blank, but needed"),
        ("members.csv", 7, "kind", "club", "not one of: organisation, individual"),
        ("members.csv", 8, "id", "m1", "line 2 has the same id"),
        ("terms.csv", 5, "id", "t1", "line 2 has the same id"),
        ("terms.csv", 6, "member", "m9", "no member has this id"),
        ("terms.csv", 7, "member", "m4", "its member is refused: members.csv line 7"),
        ("terms.csv", 8, "start", "2026-02-30", "not a date written as ISO"),
        ("terms.csv", 8, "dues", "x", "not an amount"),
    ]


def test_good_rows_wait_for_a_word_while_others_are_refused(office):
    office.write([*MEMBERS, "m3,,,,"], TERMS)
    batch = office.plan()
    with pytest.raises(
        RefusalsWait, match=f"1 rows are refused; the others wait in batch {batch.pk}"
    ):
        apply_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert Member.objects.count() == 0
    apply_batch(batch_id=batch.pk, accept_refusals=True, at=AT, today=TODAY)
    assert (Member.objects.count(), Term.objects.count()) == (2, 3)


def test_second_row_of_a_member_known_by_two_ids_is_refused(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    MemberIdentity.objects.create(
        member=Member.objects.get(name="Acme"), source="office", external_id="m1b"
    )
    office.write([*MEMBERS, "m1b,Acme Two,,,"], TERMS)
    assert reasons(office.plan()) == [
        ("members.csv", 4, "id", "m1b", "line 2 is the same member")
    ]


def test_same_name_for_two_ids_is_two_members(office):
    office.write(["m1,Same,,,", "m2,Same,,,"], [])
    office.bring_in()
    assert list(Member.objects.values_list("name", flat=True)) == ["Same", "Same"]


def test_bytes_of_another_encoding_are_refused_and_reported(office):
    office.write(MEMBERS, TERMS)
    office.members.write_bytes(office.members.read_bytes() + b"m3,\xd6rg,,,\n" + b"\xd6,x,,,\n")
    assert [row[4] for row in reasons(office.plan())] == [
        "not in the encoding that the mapping says"
    ] * 2


def test_overlapping_terms_are_allowed_and_counted(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    office.write(MEMBERS, ["t9,m1,Silver,2025-06-01,2026-06-01,5,"])
    assert counts(office.bring_in())["term"] == {
        "create": 1,
        "not_in_file": 3,
        "overlapping": 1,
    }


def test_plan_that_the_data_left_behind_is_refused(office):
    office.write(MEMBERS, TERMS)
    first, second = office.plan(), office.plan()
    apply_batch(batch_id=first.pk, at=AT, today=TODAY)
    with pytest.raises(PlanIsStale):
        apply_batch(batch_id=second.pk, at=AT, today=TODAY)
    assert (Member.objects.count(), Term.objects.count()) == (2, 3)


@pytest.mark.parametrize(
    "edit",
    [
        lambda: Member.objects.filter(name="Acme").update(name="ACME"),
        lambda: Term.objects.filter(external_id="t2").update(tier="Platinum"),
        lambda: Dues.objects.filter(term__external_id="t2").update(annual_amount=1),
        lambda: Term.objects.filter(external_id="t2").delete(),
    ],
)
def test_change_of_what_was_edited_meanwhile_is_refused(office, edit):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    office.write(["m1,Acme Inc,,,"], ["t2,m1,Silver,2025-01-01,2026-01-01,1,"])
    batch = office.plan()
    edit()
    with pytest.raises(PlanIsStale):
        apply_batch(batch_id=batch.pk, at=AT, today=TODAY)


def test_batch_is_applied_once(office):
    office.write(MEMBERS, TERMS)
    batch = office.bring_in()
    with pytest.raises(NotPlanned):
        apply_batch(batch_id=batch.pk, at=AT, today=TODAY)


@pytest.mark.django_db(transaction=True)
def test_two_who_apply_one_batch_at_once_apply_it_once(office):
    office.write(MEMBERS, TERMS)
    batch = office.plan()

    def try_to_apply(_):
        try:
            apply_batch(batch_id=batch.pk, at=AT, today=TODAY)
        except NotPlanned:
            return "was applied"
        finally:
            connection.close()
        return "applied"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(try_to_apply, range(2))) == ["applied", "was applied"]
    assert (Member.objects.count(), Term.objects.count()) == (2, 3)


def test_undo_takes_everything_back_and_twice_is_harmless(office):
    office.write(MEMBERS, TERMS)
    batch = office.bring_in()
    undone = undo_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert (undone.members_deleted, undone.terms_undone, undone.left_alone) == (2, 3, 0)
    assert (Member.objects.count(), Term.objects.count(), Dues.objects.count()) == (0, 0, 0)
    assert MemberIdentity.objects.count() == 0
    again = undo_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert (again.members_deleted, again.terms_undone, again.left_alone) == (0, 0, 0)
    assert ImportBatch.objects.get().status == BatchStatus.UNDONE


def test_undo_puts_back_what_was_changed(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    before = state()
    DirtyMember.objects.all().delete()
    office.write(
        ["m1,Acme Inc,https://acme.test,individual,Bergen"],
        ["t1,m1,Silver,2023-12-01,2025-02-01,99,b"],
    )
    batch = office.bring_in()
    DirtyMember.objects.all().delete()
    undone = undo_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert (undone.members_put_back, undone.terms_undone, undone.left_alone) == (1, 1, 0)
    assert state() == before
    assert list(DirtyMember.objects.values_list("member__name", "since")) == [
        ("Acme", date(2023, 12, 1))
    ]


def test_undo_leaves_alone_what_was_edited_since(office):
    office.write(MEMBERS, TERMS)
    batch = office.bring_in()
    Member.objects.filter(name="Örg").update(name="Orgel")
    Term.objects.filter(external_id="t2").update(tier="Platinum")
    undone = undo_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert (undone.members_deleted, undone.terms_undone, undone.left_alone) == (0, 2, 3)
    assert [
        (row.external_id, row.refusals[0]["reason"]) for row in rows_left_alone(batch=batch)
    ] == [
        ("m1", "something else hangs on it: term"),
        ("m2", "edited since the import"),
        ("t2", "edited since the import"),
    ]
    assert list(Term.objects.values_list("external_id", flat=True)) == ["t2"]


def test_undo_leaves_alone_a_changed_member_edited_since(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    office.write(["m1,Acme Inc,,,Bergen", "m2,Orgel,,,"], [])
    batch = office.bring_in()
    Member.objects.filter(name="Acme Inc").update(name="ACME")
    undone = undo_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert (undone.members_put_back, undone.left_alone) == (1, 1)
    assert sorted(Member.objects.values_list("name", flat=True)) == ["ACME", "Örg"]


def test_undo_deletes_derived_rows_but_keeps_a_member_with_facts(office):
    office.write(MEMBERS, TERMS)
    batch = office.bring_in()
    acme, org = Member.objects.order_by("name")
    for member in (acme, org):
        Involvement.objects.create(member=member, area="x", subject="y", starts_on=TODAY)
    Fact.objects.create(
        member=acme,
        kind="x.added",
        occurred_on=TODAY,
        source="s",
        external_id="1",
        origin="live",
        recorded_at=AT,
    )
    undone = undo_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert (undone.members_deleted, undone.terms_undone, undone.left_alone) == (1, 3, 1)
    assert list(Involvement.objects.values_list("member__name", flat=True)) == ["Acme"]


def test_batch_that_was_never_applied_cannot_be_undone(office):
    office.write(MEMBERS, TERMS)
    with pytest.raises(NotApplied):
        undo_batch(batch_id=office.plan().pk, at=AT, today=TODAY)


def test_ledger_of_another_association_loads(office):
    office.members.write_bytes(
        "\ufeffMitglied;Firma;Ort\r\nA-1;Müller & Söhne;Köln\r\nA-2;Łódź SA;\r\n".encode()
    )
    office.terms.write_bytes(
        "\ufeffMitglied;Stufe;Von;Bis;Beitrag;Monate\r\n"
        "A-1;Förderer;01.01.2024;31.12.2024;1.200,50;12\r\n"
        "A-1;Förderer;01.01.2025;30.06.2025;750,00;6\r\n"
        "A-2;Ehrenmitglied;01.01.2024;31.12.2024;0;12\r\n".encode()
    )
    office.mapping = {
        "source": "verein",
        "currency": "EUR",
        "end_is": "inclusive",
        "decimal_comma": True,
        "thousands": ".",
        "date_formats": ["%d.%m.%Y"],
        "members": {"id": "Mitglied", "name": "Firma"},
        "terms": {
            "member": "Mitglied",
            "tier": "Stufe",
            "start": "Von",
            "end": "Bis",
            "amount": "Beitrag",
            "months": "Monate",
        },
    }
    office.bring_in()
    assert state()[1] == [
        (
            "A-1@2024-01-01",
            "Müller & Söhne",
            "Förderer",
            date(2024, 1, 1),
            date(2025, 1, 1),
            Decimal("1200.5"),
            "EUR",
            {},
        ),
        (
            "A-1@2025-01-01",
            "Müller & Söhne",
            "Förderer",
            date(2025, 1, 1),
            date(2025, 7, 1),
            Decimal(1500),
            "EUR",
            {},
        ),
        (
            "A-2@2024-01-01",
            "Łódź SA",
            "Ehrenmitglied",
            date(2024, 1, 1),
            date(2025, 1, 1),
            Decimal(0),
            "EUR",
            {},
        ),
    ]
    assert Association.current().currency == "EUR"
    office.mapping["currency"] = "USD"
    assert {row[4] for row in reasons(office.plan())} == {
        "dues are kept in EUR, this row is in USD"
    }


def test_plan_in_a_currency_that_another_ledger_has_decided_since_is_refused(office):
    office.write(MEMBERS, TERMS)
    dollars = office.plan()
    office.mapping = {"source": "other", "currency": "EUR"}
    euros = office.plan()
    apply_batch(batch_id=dollars.pk, at=AT, today=TODAY)
    with pytest.raises(PlanIsStale, match="kept in USD by now"):
        apply_batch(batch_id=euros.pk, at=AT, today=TODAY)


def test_demo_ledger_loads_whole():
    mapping = tomllib.loads((DEMO / "members.toml").read_text())
    ledger = Ledger(
        organisations=DEMO / "organisations.csv",
        terms=DEMO / "memberships.csv",
        mapping=mapping,
    )
    batch = plan_ledger(ledger=ledger, at=AT)
    assert batch.counts == {
        "member": NOTHING | {"create": 1631},
        "term": NOTHING | {"create": 6470, "overlapping": 0},
    }
    apply_batch(batch_id=batch.pk, at=AT, today=TODAY)
    sums = Dues.objects.values_list("term__tier").annotate(Count("pk"), Sum("annual_amount"))
    assert sorted(sums) == [
        ("Academic", 35, Decimal(35_000)),
        ("End User Supporter", 788, Decimal(3_011_400)),
        ("Gold", 218, Decimal(26_160_000)),
        ("Nonprofit", 165, Decimal(82_500)),
        ("Platinum", 208, Decimal(76_960_000)),
        ("Silver", 5056, Decimal(107_601_000)),
    ]
    again = plan_ledger(ledger=ledger, at=AT)
    assert again.counts == {
        "member": NOTHING | {"leave": 1631},
        "term": NOTHING | {"leave": 6470, "overlapping": 0},
    }


def test_a_language_and_a_time_zone_are_brought_in_changed_and_taken_back(office):
    header = "id,name,Language,Time zone\n"
    office.write(MEMBERS, TERMS)
    office.members.write_text(f"{header}m1,Acme,German,Europe/Vienna\nm2,Org,,\n")
    office.bring_in()

    def known():
        return list(
            Member.objects.order_by("name").values_list("name", "language", "time_zone")
        )

    first = [("Acme", "German", "Europe/Vienna"), ("Org", "", "")]
    assert known() == first
    assert not Member.objects.filter(details__has_key="Language").exists()

    office.members.write_text(f"{header}m1,Acme,,Asia/Kolkata\nm2,Org,French,\n")
    batch = office.bring_in()
    assert known() == [("Acme", "German", "Asia/Kolkata"), ("Org", "French", "")]
    undo_batch(batch_id=batch.pk, at=AT, today=TODAY)
    assert known() == first

    office.members.write_text(f"{header}m1,Acme,,Mars/Olympus\nm2,Org,,\n")
    assert reasons(office.plan())[0] == (
        "members.csv",
        2,
        "Time zone",
        "Mars/Olympus",
        "not a time zone such as Europe/Vienna",
    )


def test_parts_of_dues_and_trials_are_brought_in_changed_and_taken_back(office):
    header = "id,member,tier,start,end,dues,base_amount,seats,seat_price,trial\n"

    def write(*rows):
        office.write(["m1,Acme,,,"], [])
        office.terms.write_text(header + "\n".join(rows) + "\n")

    def told():
        fields = ("annual_amount", "base_amount", "seats", "seat_price", "discount_amount")
        return [
            (*(str(getattr(dues, name)) for name in fields), dues.term.is_provisional)
            for dues in Dues.objects.order_by("pk")
        ]

    write("t1,m1,Gold,2025-01-01,2026-01-01,150,100,5,10,yes")
    office.bring_in()
    assert told() == [("150.00", "100.00", "5", "10.00", "0.00", True)]
    assert office.plan().counts["term"]["leave"] == 1

    write("t1,m1,Gold,2025-01-01,2026-01-01,160,100,6,10,no")
    seats = office.bring_in()
    assert told() == [("160.00", "100.00", "6", "10.00", "0.00", False)]
    write("t1,m1,Gold,2025-01-01,2026-01-01,170,,,,")
    amount = office.bring_in()
    assert told() == [("170.00", "None", "None", "None", "None", False)]

    undo_batch(batch_id=amount.pk, at=AT, today=TODAY)
    assert told() == [("160.00", "100.00", "6", "10.00", "0.00", False)]
    undo_batch(batch_id=seats.pk, at=AT, today=TODAY)
    assert told() == [("150.00", "100.00", "5", "10.00", "0.00", True)]


def test_a_voided_term_is_not_brought_in_again(office):
    office.write(MEMBERS, TERMS)
    office.bring_in()
    void_term(
        term=Term.objects.get(external_id="t1"), reason=VoidReason.REFUNDED, by=None, at=AT
    )

    plan = office.plan()

    assert (plan.counts["term"]["create"], plan.counts["term"]["leave"]) == (0, 3)
