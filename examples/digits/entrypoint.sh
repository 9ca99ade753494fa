#!/bin/bash
# prepare, train, evaluate or serve: the first argument, or else $ENTRYPOINT; the rest is passed on.
set -euo pipefail

command=${1:-${ENTRYPOINT:-train}}
[ $# -eq 0 ] || shift
export DATA_DIR=${DATA_DIR:-$PWD/data} OUT_DIR=${OUT_DIR:-$PWD/out}

cd "$(dirname "$0")"
if [ -d src ]; then # a checkout; the image has the package beside this file
    export PYTHONPATH=$PWD/src${PYTHONPATH:+:$PYTHONPATH}
fi

case $command in
prepare) ;;
train | evaluate | serve)
    [ -f "$DATA_DIR/train.npz" ] || python -m digits.prepare
    ;;&
evaluate | serve)
    [ -f "$OUT_DIR/model.npz" ] || python -m digits.train --epochs 3
    ;;
train) ;;
*)
    echo "usage: $0 prepare | train | evaluate | serve [ARGUMENT ...]" >&2
    exit 2
    ;;
esac

echo "running $command" >&2
exec python -m "digits.$command" "$@"
