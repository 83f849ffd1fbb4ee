from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("success", "0010_plays_are_what_their_versions_say")]

    operations = [
        migrations.AddField(
            model_name="enrolment",
            name="gone_on",
            field=models.DateField(
                help_text="what started it was gone, and may come about again", null=True
            ),
        ),
        migrations.RunSQL(
            "UPDATE success_enrolment SET gone_on = ended_on WHERE ended_on IS NOT NULL",
            migrations.RunSQL.noop,
        ),
        migrations.AddIndex(
            model_name="enrolment",
            index=models.Index(
                condition=Q(("ended_on__isnull", False), ("reached_on", None)),
                fields=["entered_on"],
                name="enrolment_to_follow",
            ),
        ),
        migrations.AddIndex(
            model_name="enrolment",
            index=models.Index(
                condition=Q(("ended_on__isnull", False), ("gone_on", None)),
                fields=["version", "member"],
                name="enrolment_still_so",
            ),
        ),
    ]
