# What kubeadm starts as pods. One image stands for all Kubernetes names and etcd.
ARG BASE
FROM $BASE AS tools
COPY collect /
# kube-proxy calls iptables; the controller manager empties volumes with sh, find and ls.
RUN /collect /proxy $(find /usr/sbin /etc/alternatives -name 'ip*tables*') /usr/lib/*/xtables/*.so
RUN /collect /recycler /bin/sh /usr/bin/find /usr/bin/ls

FROM scratch AS kubernetes
COPY --from=tools /proxy/ /
COPY kube /usr/local/bin/kube
COPY links/ /usr/local/bin/
ENV PATH=/usr/local/bin:/usr/sbin

FROM scratch AS coredns
COPY coredns /coredns
ENTRYPOINT ["/coredns"]

FROM scratch AS pause
COPY pause /pause
ENTRYPOINT ["/pause"]

FROM scratch AS volume-recycler
COPY --from=tools /recycler/ /
ENV PATH=/usr/bin
