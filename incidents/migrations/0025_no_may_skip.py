"""`may_skip` is no key of a procedure any more: nothing ever acted by it."""

from typing import Any

from django.db import migrations


def drop(apps: Any, schema_editor: Any) -> None:
    """From what is published, and from what is typed into drafts."""
    for model, column in (("Procedure", "data"), ("ProcedureDraft", "typed")):
        rows = apps.get_model("incidents", model).objects.filter(**{f"{column}__has_key": "may_skip"})
        for row in rows:
            getattr(row, column).pop("may_skip")
            row.save(update_fields=[column])


class Migration(migrations.Migration):
    dependencies = [("incidents", "0024_paper_named")]
    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
