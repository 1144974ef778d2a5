"""Beat knows the timetable and nothing more; the worker knows what the timetable names."""

import subprocess
import sys

from gridgov.beat import app as beat
from gridgov.celery import app as worker


def test_timetable_names_what_the_worker_knows() -> None:
    worker.loader.import_default_modules()
    named = {entry["task"] for entry in beat.conf.beat_schedule.values()}
    assert named and named <= set(worker.tasks)


def test_beat_loads_no_room() -> None:
    code = (
        "import sys, gridgov.beat; gridgov.beat.app.loader.init_worker();"
        "print([name for name in ('django.db', 'grids.models', 'incidents') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
