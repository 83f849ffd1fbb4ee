from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0004_people_speak_for_a_member_and_changes_are_kept"),
    ]

    operations = [
        migrations.AddField(
            model_name="member",
            name="language",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="in which they like to be spoken to",
            ),
        ),
        migrations.AddField(
            model_name="member",
            name="time_zone",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="IANA zone of their clock"
            ),
        ),
        # until now a column of this name was kept among the others, and read there
        migrations.RunSQL(
            "UPDATE members_member SET language = details ->> 'language'"
            " WHERE details ->> 'language' <> ''",
            migrations.RunSQL.noop,
        ),
    ]
