"""Options that several commands share, named as kubectl names them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import typer


class Form(str, Enum):
    """Of what is printed."""

    JSON = "json"
    YAML = "yaml"


class EditorName(str, Enum):
    """The keys of ``editors.EDITORS``; a test holds them equal."""

    VSCODE = "vscode"
    PYCHARM = "pycharm"
    NEOVIM = "neovim"
    EMACS = "emacs"
    ZED = "zed"
    VIM = "vim"


CLUSTER = "Cluster and user (as in kubectl)"

Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace of the target.", rich_help_panel=CLUSTER, show_default=False),
]
Context = Annotated[
    str | None,
    typer.Option("--context", help="Context of the kubeconfig.", rich_help_panel=CLUSTER, show_default=False),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option("--kubeconfig", help="Path of the kubeconfig.", rich_help_panel=CLUSTER, show_default=False),
]
AsUser = Annotated[
    str | None, typer.Option("--as", help="User to impersonate.", rich_help_panel=CLUSTER, show_default=False)
]
AsGroup = Annotated[
    list[str] | None,
    typer.Option(
        "--as-group", help="Group to impersonate; may be repeated.", rich_help_panel=CLUSTER, show_default=False
    ),
]
AsUid = Annotated[
    str | None, typer.Option("--as-uid", help="UID to impersonate.", rich_help_panel=CLUSTER, show_default=False)
]
RequestTimeout = Annotated[
    float, typer.Option("--request-timeout", help="Seconds for one request to the API server.", rich_help_panel=CLUSTER)
]
Output = Annotated[
    Form | None,
    typer.Option("--output", "-o", help="Form of what is printed.", case_sensitive=False, show_default=False),
]
Container = Annotated[
    str | None,
    typer.Option("--container", "-c", help="Container of the pod; needed where there are several.", show_default=False),
]
LocalPort = Annotated[
    int, typer.Option("--local-port", help="Port on this machine, or the next free one.", min=1, max=65535)
]
WriteConfig = Annotated[
    bool, typer.Option("--config/--no-config", help="Write the editor's configuration (.vscode/launch.json).")
]
Editors = Annotated[
    list[EditorName] | None,
    typer.Option(
        "--editor",
        help="Editor to write it for; may be repeated. Else those whose folder is in the checkout, else vscode.",
        case_sensitive=False,
        show_default=False,
    ),
]
KeepConfig = Annotated[bool, typer.Option("--keep-config", help="Leave the entry in the editor's file at the end.")]


@dataclass(frozen=True)
class ClusterOptions:
    """The values of the options above that say which cluster and who."""

    namespace: str | None
    context: str | None
    kubeconfig: str | None
    as_user: str | None
    as_group: tuple[str, ...]
    as_uid: str | None
    request_timeout: float


@dataclass(frozen=True)
class LaptopOptions:
    """The values of the options that concern this machine only."""

    local_port: int
    logs: bool
    config: bool
    editors: tuple[str, ...]
    keep_config: bool
