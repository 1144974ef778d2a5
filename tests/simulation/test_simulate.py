"""A township at work on a virtual clock: believable, repeatable, and the loop stays closed."""

from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Exists, OuterRef
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from assessments.models import Assessment
from gridgov.common import clock as gridgov_clock
from gridgov.common.enums import Channel
from gridgov.common.errors import Conflict
from gridgov.simulation import habits
from gridgov.simulation.working import Work, publish_last_month, simulate
from grids.models import Township
from incidents.enums import Source
from incidents.loop_check import breaches
from incidents.models import FeedbackRequest, Incident, NumberSeries, Transition
from inspections.models import Patrol
from tests.factories import incident, township
from tests.incidents.acting import do

DAYS, SEED = 5, 3


@pytest.fixture
def town(db, clock):
    """Two villages of two groups; the clock stands at Friday 2026-11-27 17:00."""
    clock("2026-11-27T17:00")
    return township()


def work(town, seed=SEED, days=DAYS):
    return simulate(township=town.township, days=days, seed=seed)


def story():
    """Everything that a seed decides; keys and tokens are random by nature."""
    rows = Transition.objects.order_by("entered_at", "client_uuid")
    return list(
        rows.values_list(
            "incident__number", "seq", "action", "to_status", "entered_at", "user__username", "note"
        )
    ) + list(Patrol.objects.order_by("started_at", "grid").values_list("grid", "started_at", "client_uuid"))


def test_days_of_work_leave_a_closed_loop(town):
    done = work(town)
    assert list(breaches()) == []
    assert done["arrived"] == Incident.objects.count() > 20
    assert done["patrols"] == Patrol.objects.count() > 10
    actions = set(Transition.objects.values_list("action", flat=True))
    assert {"report", "accept", "settle", "start", "submit_result", "verify", "close", "dispatch"} <= actions


def test_settings_are_asked_for_once_a_day(town):
    with CaptureQueriesContext(connection) as asked:
        work(town, days=2)
    for table in ("incidents_webhooktarget", "members_noticechannel"):
        assert len([one for one in asked if f'FROM "{table}"' in one["sql"]]) == 2


def test_days_end_now_and_begin_as_many_days_before(town):
    work(town, days=2)
    moments = sorted(Transition.objects.values_list("entered_at", flat=True))
    now = gridgov_clock.now()
    assert gridgov_clock.start_of(date(2026, 11, 26)) <= moments[0]
    assert moments[-1] <= now
    assert Patrol.objects.filter(ended_at__gt=now).count() == 0
    assert now - moments[-1] < timedelta(days=1)


def test_same_seed_makes_the_same_days(town):
    work(town, days=3)
    first = story()
    Patrol.objects.all().delete()
    Incident.objects.all().delete()
    NumberSeries.objects.all().delete()
    work(town, days=3)
    assert story() == first


def test_another_seed_makes_other_days(town):
    work(town, days=2)
    first = story()
    Patrol.objects.all().delete()
    Incident.objects.all().delete()
    work(town, seed=4, days=2)
    assert story() != first


def test_the_same_days_are_not_worked_twice(town):
    work(town, days=2)
    before = Incident.objects.count()
    with translation.override("en"), pytest.raises(CommandError, match="worked these days already"):
        call_command("simulate", "--days", "2", "--seed", "1", stdout=StringIO())
    assert Incident.objects.count() == before


def test_nothing_is_invented_in_a_real_township(town):
    Township.objects.update(is_demo=False)
    with pytest.raises(Conflict) as refused:
        simulate(township=Township.objects.get(), days=1, seed=1)
    assert refused.value.code == "no_demo"
    with pytest.raises(CommandError):
        call_command("simulate", "--days", "1", "--seed", "1", stdout=StringIO())


def test_last_full_month_is_published_once_it_was_worked(town, clock):
    assert publish_last_month(township=town.grid) is None
    clock("2026-12-02T10:00")
    out = StringIO()
    call_command("simulate", "--days", "3", "--seed", "1", "--township", town.code, stdout=out)
    assessment = Assessment.objects.get()
    assert (assessment.starts_on, assessment.status) == (date(2026, 11, 1), "published")
    assert out.getvalue().splitlines()[-1].endswith("sheet of 2026-11 published")


def test_orders_from_above_have_numbers_of_their_own(town, monkeypatch):
    """A number of the superior body is one matter: a busy week must not stop at the second one."""

    def above(dice, weights):
        return Source.ABOVE if Source.ABOVE in weights else next(iter(weights))

    monkeypatch.setattr(habits, "pick", above)
    work(town, days=3)
    numbers = list(Incident.objects.filter(source=Source.ABOVE).values_list("external_no", flat=True))
    assert len(numbers) > 3
    assert len(set(numbers)) == len(numbers)


def test_a_busier_township_has_more_matters(town):
    usual = work(town, days=1)
    Patrol.objects.all().delete()
    Incident.objects.all().delete()
    busy = simulate(township=town.township, days=1, seed=SEED, arrivals=60)
    assert busy["arrived"] > 3 * usual["arrived"] > 0


def test_what_the_sweep_told_of_goes_on(town):
    """Its row was kept for the next step and is read again, so that the step is not lost."""
    work(town, days=9)
    told = Transition.objects.filter(incident=OuterRef("incident"), action="overdue", seq__lt=OuterRef("seq"))
    assert Transition.objects.filter(Exists(told), user__isnull=False).exists()


def test_an_answer_after_a_failed_visit_plans_nothing_twice(town):
    """The visit had found already that it is not solved, and planned what follows."""
    requester = {"name": "陈某某", "phone": "00012345678", "wants_feedback": True}
    matter = incident(town, "verified", requester=requester)
    matter = do(matter, town.worker, "feed_back", note="已告知", channel=Channel.PHONE)
    asked = FeedbackRequest.objects.get(incident=matter)
    town_at_work = Work(town.grid, gridgov_clock.now(), SEED, habits.ARRIVALS)
    do(matter, town.village_head, "return_visit", happened=True, solved=False)
    town_at_work._answer(asked, (1, False), "没修好")
    assert town_at_work.queue == []
    assert Incident.objects.get(pk=matter.pk).status == "in_progress"
