"""`helper` is no key of a procedure's rules any more: nothing ever acted by it, and the checks refuse it."""

from typing import Any

from django.db import migrations


def drop(apps: Any, schema_editor: Any) -> None:
    """From what is current, and from what is remembered of the plan as it was loaded, so that both stay alike."""
    for row in apps.get_model("incidents", "Procedure").objects.filter(is_current=True):
        if _without_it(row.data):
            row.save(update_fields=["data"])
    for town in apps.get_model("grids", "Township").objects.all():
        procedures = [said for name, said in town.loaded_plan.items() if name.startswith("procedure ")]
        if any([_without_it(said.get("data", {})) for said in procedures]):
            town.save(update_fields=["loaded_plan"])


def _without_it(data: dict[str, Any]) -> bool:
    """Whether it was there. No rules at all are written as none."""
    if "helper" not in data.get("rules", {}):
        return False
    del data["rules"]["helper"]
    if not data["rules"]:
        del data["rules"]
    return True


class Migration(migrations.Migration):
    dependencies = [("incidents", "0025_no_may_skip"), ("grids", "0006_loaded_plan")]
    operations = [migrations.RunPython(drop, migrations.RunPython.noop)]
