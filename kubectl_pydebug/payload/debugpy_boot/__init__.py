"""GUEST CODE: what happens in a Python of the target container, after the hook has unpacked the bundle.

Contract
- Standard library only, and the debugpy that lies beside this package; Python 3.8 and later.
- The package's name begins with "debugpy" since pydevd hides every path that begins with its own folder's path.
- ``start`` may raise: the hook catches, reports, and lets the app run undebugged.
"""

import os
import sys


def start(config, folder, hook, run, report):
    """Decide what this process is, and debug it if it is the program or one of its children.

    config: the dict of KUBECTL_PYDEBUG. folder: the unpacked bundle. hook: where sitecustomize.py lies.
    run: the writable folder that all Pythons of the container share. report(reason): says why undebugged.
    """
    from debugpy_boot import decide

    argv = decide.command_line()
    role = decide.role(argv, os.environ, config.get("program"), decide.ancestors())
    if role is None:
        return
    from debugpy_boot import link

    agent = link.open_agent(config, folder, run)
    try:
        agent.hello(role, argv)
        from debugpy_boot import join

        join.join(agent, config, folder, hook)
    except Exception as fault:
        reason = "{}: {}".format(type(fault).__name__, fault)
        agent.state("undebugged", reason)
        report(reason)
    finally:
        for name in [name for name in sys.modules if name == "debugpy_boot.decide"]:
            del sys.modules[name]
