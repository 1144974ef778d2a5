"""The tree: townships, villages, groups, and their succession."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import Count, Exists, OuterRef
from django.dispatch import Signal
from django.utils.translation import gettext as _

from gridgov.common import clock
from gridgov.common.errors import Conflict, Invalid
from grids.actions.calendars import seed_calendar
from grids.enums import CodeSource, Kind, Use
from grids.models import (
    STEP,
    TOWNSHIP_DIGITS,
    VILLAGE_DIGITS,
    Grid,
    Succession,
    Tier,
    Township,
)

# Sent with `grids`: new grids, after they were written; the roof fills their posts.
grids_added = Signal()
# Sent with `succession`: receivers above re-point what hung on the old grid.
succeeded = Signal()

LOCAL_VILLAGES = range(900, 1000)  # the last three digits of a village-level unit without an official code
LONGEST_CODE, LONGEST_NAME = 30, 60


@dataclass(frozen=True)
class NewGrid:
    """What a new grid needs; kind, parent and the source of the code follow from the code."""

    code: str
    name: str
    use: str = Use.RESIDENTIAL

    @property
    def kind(self) -> Kind:
        return {TOWNSHIP_DIGITS: Kind.TOWNSHIP, VILLAGE_DIGITS: Kind.VILLAGE}.get(len(self.code), Kind.GROUP)

    @property
    def parent(self) -> str | None:
        return self.code[:-STEP] if len(self.code) > TOWNSHIP_DIGITS else None

    @property
    def code_source(self) -> CodeSource:
        """Groups have no official code either: theirs are given out by the township."""
        if len(self.code) < VILLAGE_DIGITS:
            return CodeSource.NBS
        local = len(self.code) > VILLAGE_DIGITS or int(self.code[-STEP:]) in LOCAL_VILLAGES
        return CodeSource.LOCAL if local else CodeSource.NBS

    def problem(self) -> str:
        """What is wrong with it by itself; empty if nothing."""
        if not (self.code.isascii() and self.code.isdigit()):
            return _("The code must consist of digits.")
        if len(self.code) not in range(TOWNSHIP_DIGITS, LONGEST_CODE + 1, STEP):
            return _("A township has 9 digits, a village 12, a group 15, each deeper level 3 more.")
        if not self.name.strip():
            return _("The name is missing.")
        if len(self.name) > LONGEST_NAME:
            return _("The name is too long (at most %(most)d characters).") % {"most": LONGEST_NAME}
        return ""


@transaction.atomic
def setup_township(
    *, code: str, name: str, villages: Iterable[tuple[str, str]] = (), started_on: date | None = None
) -> Township:
    """A township with its village grids and its calendar; nobody works there yet, and no plan runs."""
    town = NewGrid(code.strip(), name.strip())
    if town.problem() or town.kind != Kind.TOWNSHIP:
        raise Invalid(town.problem() or _("The code of a township has 9 digits."), code="invalid_grid")
    if Grid.objects.filter(pk=town.code).exists():
        raise Conflict(
            _("The township %(code)s is there already.") % {"code": town.code}, code="township_exists"
        )
    grid = _unsaved(town, started_on or clock.today())
    grid.save(force_insert=True)
    township = Township.objects.create(grid=grid)
    seed_calendar(grid)
    add_grids(
        grids=[NewGrid(*village) for village in villages], township_code=grid.code, started_on=started_on
    )
    return township


@transaction.atomic
def add_grids(*, grids: Sequence[NewGrid], township_code: str, started_on: date | None = None) -> list[Grid]:
    """Adds villages and groups to a township, parents before children or not. Raises Invalid with `errors` by code."""
    if not grids:
        return []
    errors = problems(grids=grids, township_code=township_code)
    if errors:
        first = next(iter(errors.items()))
        detail = _("%(code)s: %(problem)s") % {"code": first[0], "problem": first[1]}
        raise Invalid(detail, code="invalid_grid", errors={code: [text] for code, text in errors.items()})
    first_day = started_on or clock.today()
    made = [_unsaved(new, first_day) for new in sorted(grids, key=lambda new: (len(new.code), new.code))]
    Grid.objects.bulk_create(made, batch_size=500)
    grids_added.send(sender=Grid, grids=made)
    return made


def problems(*, grids: Sequence[NewGrid], township_code: str) -> dict[str, str]:
    """Code -> what stands against adding it; empty if nothing."""
    codes = [new.code for new in grids]
    parents = {new.parent for new in grids if new.parent}
    known = {grid.code: grid for grid in Grid.objects.filter(pk__in={*codes, *parents})}
    found: dict[str, str] = {}
    for new in grids:
        text = new.problem() or _against_tree(new, known, codes, township_code)
        if text:
            found[new.code] = text
    return found


def _against_tree(new: NewGrid, known: Mapping[str, Grid], codes: Sequence[str], township_code: str) -> str:
    if new.kind == Kind.TOWNSHIP or not new.code.startswith(township_code):
        return _("The code does not lie in the township %(code)s.") % {"code": township_code}
    if new.code in known:
        return _("There is a grid with this code already: %(name)s.") % {"name": known[new.code].name}
    if codes.count(new.code) > 1:
        return _("The code appears more than once.")
    parent = known.get(str(new.parent))
    if parent is None and new.parent not in codes:
        return _("There is no grid %(code)s above it.") % {"code": new.parent}
    if parent is not None and parent.ended_on:
        return _("The grid above it has ended.")
    return ""


def _unsaved(new: NewGrid, started_on: date) -> Grid:
    return Grid(
        code=new.code,
        parent_id=new.parent,
        kind=new.kind,
        name=new.name.strip(),
        use=new.use,
        code_source=new.code_source,
        started_on=started_on,
    ).derive()


@transaction.atomic
def succeed(*, old: Grid, new: Grid, reason: str, on: date | None = None) -> Succession:
    """`new` takes over from `old` (move, split, merge, a late official code): open work and posts go with it.

    From the day `on` the old grid has ended; its history stays with it. A split is one succession per part, the first
    of which takes the open work.
    """
    day = on or clock.today()
    if old.township_code != new.township_code or old.kind == Kind.TOWNSHIP:
        raise Invalid(_("A grid is succeeded by one of the same township."), code="invalid_succession")
    if new.ended_on:
        raise Conflict(_("The succeeding grid has ended."), code="invalid_succession")
    if not reason.strip():
        raise Invalid(_("A reason is needed."), errors={"reason": [_("A reason is needed.")]})
    if Grid.objects.filter(parent=old, ended_on=None).exclude(pk=new.pk).exists():
        raise Conflict(
            _("There are still grids below it; they need a successor first."), code="invalid_succession"
        )
    if Succession.objects.filter(old=old, new=new).exists():
        raise Conflict(_("This succession is recorded already."), code="invalid_succession")
    succession = Succession.objects.create(old=old, new=new, on=day, reason=reason.strip())
    Grid.objects.filter(pk=old.pk, ended_on=None).update(ended_on=day)
    old.refresh_from_db(fields=["ended_on"])
    succeeded.send(sender=Grid, succession=succession)
    return succession


@dataclass(frozen=True)
class TierCount:
    """What the plan expects of a tier, and what is there."""

    tier: Tier
    expected: int
    present: int

    @property
    def missing(self) -> int:
        return max(0, self.expected - self.present)

    @property
    def surplus(self) -> int:
        return max(0, self.present - self.expected)


@dataclass(frozen=True)
class SetupCheck:
    """How far the township's tree is what its plan asks for (R4)."""

    counts: list[TierCount]
    childless: list[Grid]  # grids without the grids below them that the plan has

    @property
    def is_complete(self) -> bool:
        return not self.childless and not any(count.missing or count.surplus for count in self.counts)


def check_setup(township: Township) -> SetupCheck:
    """Counts residential grids by tier: enterprises, schools and markets come on top of what a plan counts."""
    tiers = list(Tier.objects.filter(township=township).order_by("depth"))
    there = Grid.objects.active().filter(township_code=township.pk, use=Use.RESIDENTIAL)
    present = dict(there.order_by().values_list("depth").annotate(Count("pk")))
    counts = [
        TierCount(tier, tier.expected_count, present.get(tier.depth, 0))
        for tier in tiers
        if tier.expected_count is not None
    ]
    deepest = max((tier.depth for tier in tiers), default=0)
    below = Grid.objects.active().filter(parent=OuterRef("pk"))
    childless = there.filter(depth__lt=deepest).exclude(Exists(below)).for_list()
    return SetupCheck(counts, list(childless))
