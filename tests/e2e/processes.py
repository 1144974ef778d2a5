"""What runs on this machine (Linux): who works in a folder, and how much memory they share fairly."""

import os
import socket
from contextlib import suppress
from pathlib import Path

KIBIBYTES = 1024


def working_in(folder: Path) -> dict[int, str]:
    """Process id -> command of everything whose working folder is `folder`, zombies left out."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):  # it ended, or is not ours
            if (entry / "cwd").readlink() == folder:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                if command:
                    found[int(entry.name)] = command
    return found


def pss_mib(pid: int) -> float:
    """Proportional set size: shared pages counted by their share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / KIBIBYTES
    return 0.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
