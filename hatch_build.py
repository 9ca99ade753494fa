"""Hatchling's hook: puts the finished bundle into the sdist and the wheel."""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BundleHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling names no type for its parameter
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # An editable install is a checkout's: `make bundle` builds there, and bundle.load() says so.
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from kubectl_pydebug.bundle.build import build

            build()
        finally:
            sys.path.remove(self.root)
