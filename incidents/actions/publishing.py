"""New versions of procedures. A version is never edited: what runs keeps the one it began with."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from gridgov.common import audit
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Conflict
from gridgov.common.models import User
from grids.models import Grid
from incidents.models import Category, Procedure


class NewProcedure(NamedTuple):
    """A further version of a procedure, or its first. `based_on`: the version its author looked at."""

    code: str
    name: str
    data: Mapping[str, Any]
    rule_id: str = ""
    based_on: int | None = None


@transaction.atomic
def publish_procedures(
    *, township: Grid, procedures: Sequence[NewProcedure], user: User | None = None
) -> list[Procedure]:
    """New versions become current for what begins from now on; running matters keep theirs."""
    codes = [new.code for new in procedures]
    current = {
        p.code: p for p in Procedure.objects.filter(township=township, code__in=codes, is_current=True)
    }
    made = [_next(township, new, current.get(new.code)) for new in procedures]
    ended = Procedure.objects.filter(pk__in=[p.pk for p in current.values()], is_current=True)
    if ended.update(is_current=False) != len(current):
        raise _overtaken()
    Procedure.objects.bulk_create(made)
    for procedure in made:
        Category.objects.filter(township=township, procedure__code=procedure.code).update(procedure=procedure)
    audit.record(
        AuditKind.SETTINGS, user=user, subject="、".join(map(str, made)), township_code=township.pk,
        before={code: procedure.data for code, procedure in current.items()},
        after={procedure.code: procedure.data for procedure in made},
    )  # fmt: skip
    return made


def _next(township: Grid, new: NewProcedure, before: Procedure | None) -> Procedure:
    if new.based_on is not None and (before is None or before.version != new.based_on):
        raise _overtaken()
    procedure = Procedure(
        township=township,
        code=new.code,
        version=before.version + 1 if before else 1,
        name=new.name,
        rule_id=new.rule_id or (before.rule_id if before else ""),
        data=dict(new.data),
    )
    procedure.clean()
    return procedure


def _overtaken() -> Conflict:
    return Conflict(
        _("Somebody else has published a newer version meanwhile; please look at that one first."),
        code="newer_version",
    )
