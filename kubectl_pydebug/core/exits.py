"""Our own exit codes: the one table. Every other code is the target container's own.

120-127 lie above what programs use and below 128 + signal.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    USAGE = 120
    REFUSED = 121
    CLUSTER = 122
    NOT_STARTED = 123
    NOT_DEBUGGED = 124
    LOST = 125
    INTERRUPTED = 126
    FAULT = 127


MEANINGS: tuple[tuple[Exit, str], ...] = (
    (Exit.USAGE, "the command line cannot be understood"),
    (Exit.REFUSED, "refused: the workload cannot be debugged this way; nothing was changed"),
    (Exit.CLUSTER, "the cluster cannot be reached or refuses a request (rights, quota, admission, no such object)"),
    (
        Exit.NOT_STARTED,
        "the copy's pod was forbidden, or its container did not start (quota, policy, node, image, command)",
    ),
    (Exit.NOT_DEBUGGED, "the container ended before its debugger listened"),
    (Exit.LOST, "the pod went away while it was debugged, or cannot be reached any more"),
    (Exit.INTERRUPTED, "ended by Ctrl-C, SIGTERM, SIGHUP or a closed terminal; cleaned up"),
    (Exit.FAULT, "a fault of kubectl-pydebug itself"),
)
