#!/bin/bash
# `make demo`: the main job on a real workload, with a small debug client in the editor's place.
#
# Needs: a cluster that has the image kubectl-pydebug/digits:1 (make cluster), kubectl-pydebug on the PATH.
# Makes one namespace and one temporary folder, and removes both, also on Ctrl-C.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
begin=$SECONDS
namespace=pydebug-demo-$$
folder=$(mktemp -d)
checkout=$folder/digits
bold= dim= plain=
if [ -t 1 ] || [ -n "${FORCE_COLOR:-}" ]; then bold=$'\e[1;36m' dim=$'\e[2m' plain=$'\e[0m'; fi

say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
show() {
    printf '%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
}
kube() { kubectl --namespace "$namespace" "$@"; }

leave() {
    trap - EXIT
    trap '' INT TERM HUP
    # As process 1 of its container the trainer ignores SIGTERM: without the short grace period it would go on for 30 s.
    {
        kube delete job/train --cascade=orphan --ignore-not-found
        kube delete pods --all --grace-period=1 --wait=false
        kubectl delete namespace "$namespace" --ignore-not-found --wait=false
    } >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# What is in the namespace and does not change by itself.
objects() { kube get jobs,pods,configmaps,secrets --output name | sort; }

say "A training Job under Pod Security \"restricted\". Its image has a bash entry point and no debugger."
kubectl create namespace "$namespace" >/dev/null
kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null
until kube get serviceaccount/default >/dev/null 2>&1; do sleep 0.2; done
kube apply --filename "$repo/manifests/job.yaml" >/dev/null
until [ -n "$(kube get pods --output name)" ]; do sleep 0.2; done
kube wait --for=condition=Ready --timeout=60s pod --selector app=digits >/dev/null
objects >"$folder/before"
show kubectl get jobs,pods --namespace "$namespace"

say "Your checkout. In the image the package lies in /app, here in src/."
cp -r "$repo/examples/digits" "$checkout"
(cd "$checkout" && find src -name '*.py' | sort | head -n 4 && echo ...)

PYTHONPATH=$repo "${PYTHON:-python}" "$repo/examples/demo_client.py" "$namespace" "$checkout"

say "What is left of it in the cluster, once the pod is gone"
for _ in $(seq 60); do
    objects >"$folder/after"
    ! cmp -s "$folder/before" "$folder/after" || break
    sleep 0.5
done
if diff "$folder/before" "$folder/after"; then
    echo "nothing: the same $(wc -l <"$folder/before" | tr -d ' ') objects as before (jobs, pods, configmaps, secrets)"
else
    echo "error: the namespace is not as it was" >&2
    exit 1
fi
show kubectl get jobs,pods --namespace "$namespace"

say "That took $((SECONDS - begin)) s. With your own cluster and a real editor:"
cat <<'TEXT'
  cd your-checkout && code .
  kubectl pydebug job/YOUR-JOB        # or pod/..., deploy/..., sts/...; TAB completes
  set a breakpoint, press F5, choose "kubectl pydebug: job/YOUR-JOB"
TEXT
