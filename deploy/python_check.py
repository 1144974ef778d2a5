"""Says in one line why this Python cannot build the environment; prints nothing where it can.

Runs before there is an environment, under whatever Python the machine has: nothing newer than Python 2 here.
"""

import sys

NEEDED = (3, 11)


def problem(version, has_venv):
    """The sentence for this Python, or an empty string."""
    if tuple(version[:2]) < NEEDED:
        return (
            "gridgov needs Python %d.%d or newer; %s is %d.%d (name another: make run PYTHON=/path/to/python3.11)"
            % (NEEDED + (sys.executable, version[0], version[1]))
        )
    if not has_venv:
        return "gridgov needs Python's venv module with pip; on Debian: apt install python%d.%d-venv" % (
            version[0],
            version[1],
        )
    return ""


def venv_works():
    """Debian ships venv without ensurepip, which then fails half-way."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    sys.stdout.write(problem(sys.version_info, venv_works()))
