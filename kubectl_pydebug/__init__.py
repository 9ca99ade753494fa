"""kubectl-pydebug: debug Python in a Kubernetes container from your own editor."""

__version__ = "0.1.0"
