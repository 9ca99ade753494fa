"""``python -m kubectl_pydebug`` is ``kubectl-pydebug``."""

from kubectl_pydebug.cli import main

main()
