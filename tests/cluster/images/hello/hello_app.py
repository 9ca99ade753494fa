"""A package with a console script, as pip would have installed it."""

import os
import sys


def main():
    who = sys.argv[1] if len(sys.argv) > 1 else "world"
    greeting = f"hello {who}"
    print(greeting, "from", sys.executable, "as uid", os.getuid(), flush=True)
    return 0
