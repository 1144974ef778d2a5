"""The only place that writes grids, their succession and a township's calendar."""

from grids.actions.calendars import (
    SpecialDay,
    change_calendar,
    completed,
    import_year,
    published_days,
    source_of,
    table_problems,
    year_completed,
)
from grids.actions.tree import (
    LONGEST_NAME,
    NewGrid,
    SetupCheck,
    TierCount,
    add_grids,
    check_setup,
    grids_added,
    problems,
    setup_township,
    succeed,
    succeeded,
)

__all__ = [
    "LONGEST_NAME",
    "NewGrid",
    "SetupCheck",
    "SpecialDay",
    "TierCount",
    "add_grids",
    "change_calendar",
    "check_setup",
    "completed",
    "grids_added",
    "import_year",
    "problems",
    "published_days",
    "setup_township",
    "source_of",
    "succeed",
    "succeeded",
    "table_problems",
    "year_completed",
]
