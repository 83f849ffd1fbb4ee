from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0008_ends_and_currencies_are_in_order"),
        ("success", "0026_earlier_vectors_are_of_two_days"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="gapanswer",
            index=models.Index(
                condition=models.Q(("answer", "no")),
                fields=["-on", "member"],
                name="gap_answer_no_in_order",
            ),
        ),
    ]
