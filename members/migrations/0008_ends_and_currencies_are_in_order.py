from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("members", "0007_a_member_may_have_a_chapter"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="dues",
            index=models.Index(fields=["currency"], name="dues_by_currency"),
        ),
        migrations.AddIndex(
            model_name="term",
            index=models.Index(fields=["ends_on", "member"], name="term_by_end"),
        ),
    ]
