import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    """``unaccent`` may change with its dictionary, so it cannot be indexed; this wrapper can."""

    dependencies = [("members", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="""
            CREATE FUNCTION waymark_plain(words text) RETURNS text
            LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
                SELECT lower(public.unaccent('public.unaccent', words))
            $$;
            CREATE FUNCTION waymark_plain_names(name text, details jsonb) RETURNS text
            LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
                SELECT lower(public.unaccent(
                    'public.unaccent', name || coalesce('; ' || (details ->> 'former_names'), '')
                ))
            $$;
            """,
            reverse_sql="""
            DROP FUNCTION waymark_plain_names(text, jsonb);
            DROP FUNCTION waymark_plain(text);
            """,
        ),
        migrations.RemoveIndex(model_name="member", name="member_name_trgm"),
        migrations.AddIndex(
            model_name="member",
            index=django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass(
                    models.Func("name", "details", function="waymark_plain_names"),
                    name="gin_trgm_ops",
                ),
                name="member_plain_names_trgm",
            ),
        ),
        migrations.AddIndex(
            model_name="memberidentity",
            index=models.Index(fields=["external_id"], name="identity_by_external_id"),
        ),
    ]
