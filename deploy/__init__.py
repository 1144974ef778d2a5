"""Set-up and running: what stands between a fresh machine and the first page."""

import sys

from deploy import python_check

_problem = python_check.problem(sys.version_info, has_venv=True)
if _problem:  # no walrus: an old Python must be able to read this far
    sys.exit(_problem)
