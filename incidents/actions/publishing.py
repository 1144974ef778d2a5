"""New versions of procedures and what is kept for the next. A version is never edited: what runs keeps its own."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from gridgov.common import audit, clock
from gridgov.common.enums import AuditKind
from gridgov.common.errors import Conflict, Invalid
from gridgov.common.models import User
from grids.models import Grid
from incidents.models import Category, Procedure, ProcedureDraft


class NewProcedure(NamedTuple):
    """A further version of a procedure, or its first. `rule_id` None: the rule of the version before. `based_on`: the version
    its author looked at, 0 where it is the first."""

    code: str
    name: str
    data: Mapping[str, Any]
    rule_id: str | None = None
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


def begin_procedure(*, township: Grid, procedure: NewProcedure, user: User) -> Procedure:
    """Version 1 of a new procedure; no category goes by it yet. Invalid, at `code`, where the township has that code."""
    try:
        with transaction.atomic():
            return publish_procedures(
                township=township, procedures=[procedure._replace(based_on=0)], user=user
            )[0]
    except (Conflict, IntegrityError) as error:  # it was there; somebody made it in this moment
        taken = Procedure.objects.filter(township=township, code=procedure.code).order_by("-version").first()
        if taken is None:
            raise
        text = _("“%(name)s” has this code already; please choose another one.") % {"name": taken.name}
        raise Invalid(text, code="code_taken", errors={"code": [text]}) from error


@transaction.atomic
def publish_draft(
    *, township: Grid, procedure: NewProcedure, user: User | None = None, draft: int | None = None
) -> Procedure:
    """What was kept becomes a version. `draft`: the state of it that was looked at; what was kept later stays."""
    made = publish_procedures(township=township, procedures=[procedure], user=user)[0]
    ProcedureDraft.objects.filter(township=township, code=procedure.code, version=draft or 0).delete()
    return made


@transaction.atomic
def keep_draft(
    *, base: Procedure, typed: Mapping[str, list[str]], user: User, draft: int | None = None
) -> None:
    """One draft for each procedure of a township. `draft`: its state that was changed, None where there was none."""
    values = {"base": base, "typed": dict(typed), "saved_by": user, "saved_at": clock.now()}
    of = ProcedureDraft.objects.filter(township=base.township_id, code=base.code)
    before = of.filter(version=draft or 0).values_list("typed", flat=True).first()
    if draft is None:
        _found, kept = ProcedureDraft.objects.get_or_create(
            township_id=base.township_id, code=base.code, defaults=values
        )
    else:
        kept = bool(of.filter(version=draft).update(version=F("version") + 1, **values))
    if not kept:
        raise _other_draft()
    _record(f"draft of {base} kept", base, user, before=before, after=values["typed"])


@transaction.atomic
def discard_draft(*, base: Procedure, user: User, draft: int | None) -> None:
    """What was typed stays in the audit trail only."""
    of = ProcedureDraft.objects.filter(township=base.township_id, code=base.code, version=draft or 0)
    before = of.values_list("typed", flat=True).first()
    if not of.delete()[0]:
        raise _other_draft()
    _record(f"draft of {base} discarded", base, user, before=before, after=None)


def _record(subject: str, base: Procedure, user: User, *, before: Any, after: Any) -> None:
    """What of a draft was typed before and after, field -> values; None: there is none."""
    audit.record(
        AuditKind.SETTINGS, user=user, subject=subject, township_code=str(base.township_id),
        before=before, after=after,
    )  # fmt: skip


def _next(township: Grid, new: NewProcedure, before: Procedure | None) -> Procedure:
    if new.based_on is not None and new.based_on != (before.version if before else 0):
        raise _overtaken()
    procedure = Procedure(
        township=township,
        code=new.code,
        version=before.version + 1 if before else 1,
        name=new.name,
        rule_id=(before.rule_id if before else "") if new.rule_id is None else new.rule_id,
        data=dict(new.data),
    )
    procedure.clean()
    return procedure


def _other_draft() -> Conflict:
    return Conflict(
        _("Somebody else has kept, published or discarded the draft meanwhile; please open it anew."),
        code="other_draft",
    )


def _overtaken() -> Conflict:
    return Conflict(
        _("Somebody else has published a newer version meanwhile; please look at that one first."),
        code="newer_version",
    )
