"""What kubectl-pydebug costs, measured on the kind cluster: `make bench`, or `python -m benchmarks [--quick]`.

Timings never decide anything here: a slow machine prints larger figures, no failure. Each comparison runs interleaved,
in one go, and is told as the ratio of two medians.
"""
