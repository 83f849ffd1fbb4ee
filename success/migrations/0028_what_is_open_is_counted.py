from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("communications", "0006_a_message_may_take_files_along"),
        ("members", "0008_ends_and_currencies_are_in_order"),
        ("success", "0027_who_says_no_is_in_order"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="intervention",
            index=models.Index(
                condition=models.Q(("sleeps_until_change", False), ("status", "open")),
                fields=["queue_class", "owner"],
                include=("minutes", "snoozed_until"),
                name="open_counted",
            ),
        ),
    ]
