"""The second half of the demo: runs `kubectl pydebug job/train` and plays the editor.

Usage: python demo_client.py NAMESPACE CHECKOUT, with the repository on PYTHONPATH. All that it knows of the container
it has from the launch.json that `kubectl pydebug` wrote, as VS Code has.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import IO

from tests.dap import Editor, Stop, load_configuration

COMMAND = ("kubectl", "pydebug", "job/train", "-e", "EPOCHS=1")
MARK = "loss = network.learn("
WIDTH = 100
COLOUR = sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))
TYPED, EDITOR, CURRENT, DIM = "1;36", "1;35", "1;33", "2"

_printing = threading.Lock()


def paint(text: str, style: str) -> str:
    return f"\033[{style}m{text}\033[0m" if COLOUR else text


def line(text: str = "") -> None:
    with _printing:
        print(text, flush=True)


def heading(text: str) -> None:
    line("\n" + paint(f"# {text}", TYPED))


def editor_says(text: str) -> None:
    line(paint("editor ", EDITOR) + text)


class Typed:
    """`kubectl pydebug`, its output shown line by line as it comes."""

    def __init__(self, namespace: str, checkout: Path) -> None:
        words = [*COMMAND, "--namespace", namespace]
        line(paint(f"$ {' '.join(words)}", TYPED))
        self.ready = threading.Event()
        env = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}  # it would animate a pipe
        self.process = subprocess.Popen(
            words,
            cwd=checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.readers = [
            threading.Thread(target=self._show, args=(file, name), daemon=True)
            for file, name in ((self.process.stdout, "log"), (self.process.stderr, ""))
            if file
        ]
        for reader in self.readers:
            reader.start()

    def _show(self, file: IO[str], name: str) -> None:
        for text in file:
            line(paint("log    ", DIM) + text.rstrip() if name else text.rstrip())
            if "It ends with" in text:  # the last line of the panel that says how to go on
                self.ready.set()
        self.ready.set()

    def wait_until_ready(self) -> None:
        """Raises SystemExit if it ended instead."""
        if not self.ready.wait(180):
            raise SystemExit("kubectl pydebug does not get ready")
        if self.process.poll() is not None:
            raise SystemExit(f"kubectl pydebug ended with {self.process.returncode}")

    def finish(self) -> int:
        code = self.process.wait()
        for reader in self.readers:
            reader.join()
        return code


def short(value: str, width: int = 60) -> str:
    text = re.sub(r"\s+", " ", value)
    return text if len(text) <= width else text[: width - 3] + "..."


def show_stop(stop: Stop, checkout: Path, around: int = 2) -> None:
    """The place, as an editor shows it: debugpy names the *local* file."""
    path = Path(stop.path)
    editor_says(f"stopped ({stop.reason}) in {path.relative_to(checkout)}:{stop.line}")
    lines = path.read_text().splitlines()
    for number in range(max(1, stop.line - around), min(len(lines), stop.line + around) + 1):
        text = f"{'=>' if number == stop.line else '  '} {number:3} {lines[number - 1]}"[:WIDTH]
        line("       " + (paint(text, CURRENT) if number == stop.line else text))


def show_value(stop: Stop, expression: str) -> None:
    editor_says(f"evaluate {expression}  ->  {short(stop.evaluate(expression))}")


def play_editor(checkout: Path) -> None:
    """F5 with one breakpoint, a look around, a step, and on to the end."""
    path = checkout / "src" / "digits" / "train.py"
    at = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if MARK in text)
    configuration = load_configuration(checkout / ".vscode" / "launch.json", "kubectl pydebug: job/train", checkout)
    editor = Editor({path: [at]})
    heading("In the editor: a breakpoint in your own file, then F5 with the generated launch.json")
    editor_says(f"breakpoint at src/digits/train.py:{at}, F5")
    session = editor.attach(configuration)
    session.restarting()
    editor_says("digits.prepare, the entry point's first Python, has ended; back by itself for the next one")
    session = editor.attach(configuration)
    stop = session.stopped()
    show_stop(stop, checkout)
    for name, value in stop.variables().items():
        if name in ("batch_images", "batch_labels", "epoch", "losses", "options", "step"):
            line(f"       {name} = {short(value, 80)}")
    show_value(stop, "batch_images.shape")
    show_value(stop, "network.predict(batch_images[:5]), batch_labels[:5]")
    editor_says("step over")
    stop = stop.step()
    show_stop(stop, checkout, around=1)
    show_value(stop, "loss")
    editor_says("breakpoint removed, continue")
    session.connection.request("setBreakpoints", {"source": {"path": str(path)}, "breakpoints": []})
    stop.go()
    session.terminated()
    editor_says("the session has ended")


def main(namespace: str, checkout: Path) -> int:
    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    heading("The command, typed in the checkout. One epoch is enough; all else is as in the Job")
    typed = Typed(namespace, checkout)
    try:
        typed.wait_until_ready()
        play_editor(checkout)
        code = typed.finish()
    finally:
        if typed.process.poll() is None:
            typed.process.send_signal(signal.SIGINT)
            typed.finish()
    line(paint("$ echo $?", TYPED))
    line(str(code))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]).resolve()))
