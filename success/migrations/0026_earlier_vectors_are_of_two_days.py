import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    # Derived: the next night writes all that is missing.

    dependencies = [
        ("members", "0007_a_member_may_have_a_chapter"),
        ("success", "0025_lists_have_their_indexes"),
    ]

    operations = [
        migrations.DeleteModel(name="EarlierVector"),
        migrations.CreateModel(
            name="EarlierVector",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "member_id",
                        "days_back",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="members.member",
                    ),
                ),
                (
                    "days_back",
                    models.PositiveSmallIntegerField(help_text="days before that of the night"),
                ),
                (
                    "state",
                    models.TextField(
                        blank=True,
                        choices=[
                            ("no_plan", "No plan"),
                            ("achieved", "Achieved"),
                            ("regressing", "Regressing"),
                            ("stalled", "Stalled"),
                            ("slipping", "Slipping"),
                            ("ahead", "Ahead"),
                            ("on_track", "On track"),
                        ],
                        help_text="blank: no plan, or no membership that day",
                    ),
                ),
                ("pace_milli", models.IntegerField(help_text="as in MemberFacts", null=True)),
                (
                    "recheck_on",
                    models.DateField(
                        help_text="first later day on which the calendar alone may change this row",
                        null=True,
                    ),
                ),
            ],
        ),
    ]
