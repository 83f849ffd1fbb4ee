import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("success", "0009_plays_become_versions")]

    operations = [
        migrations.RemoveField(
            model_name="play",
            name="act",
        ),
        migrations.RemoveField(
            model_name="play",
            name="aim",
        ),
        migrations.RemoveField(
            model_name="play",
            name="audience",
        ),
        migrations.RemoveField(
            model_name="play",
            name="due_days",
        ),
        migrations.RemoveField(
            model_name="play",
            name="effective_from",
        ),
        migrations.RemoveField(
            model_name="play",
            name="minutes",
        ),
        migrations.RemoveField(
            model_name="play",
            name="queue_class",
        ),
        migrations.RemoveField(
            model_name="play",
            name="start",
        ),
        migrations.RemoveField(
            model_name="play",
            name="start_kind",
        ),
        migrations.RemoveField(
            model_name="play",
            name="template",
        ),
        migrations.RemoveField(
            model_name="play",
            name="too_late_days",
        ),
        migrations.AlterField(
            model_name="intervention",
            name="enrolment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="interventions",
                to="success.enrolment",
            ),
        ),
        migrations.AlterField(
            model_name="intervention",
            name="step",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="success.playstep",
            ),
        ),
    ]
