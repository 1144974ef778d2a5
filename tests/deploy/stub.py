"""A stand-in for web, worker and beat, run by the real supervisor: `python stub.py FOLDER`.

Starts a program that lives on (with a grandchild that ignores SIGTERM) and one that dies at once.
"""

import os
import sys
from pathlib import Path

from deploy.supervisor import Program, StopFlag, Supervisor, adopt_orphans

LIVES = """
import os, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
print("child", child.pid, flush=True)
time.sleep(600)
"""

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    stop = StopFlag()
    stop.listen()
    adopt_orphans()
    programs = [
        Program("lives", [sys.executable, "-c", LIVES]),
        Program("dies", [sys.executable, "-c", "print('born'); raise SystemExit(3)"]),
    ]
    Supervisor(
        programs, folder=folder, env=os.environ, stop=stop, say=lambda text: print(text, flush=True)
    ).run()
