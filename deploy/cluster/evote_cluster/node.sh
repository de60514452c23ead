#!/bin/bash
# PID 1 of a node, in namespaces of its own (net, pid, mount, uts, ipc): node.sh NUMBER NODES RUN BIN. Node 0 is the control
# plane alone, without a kubelet: in one network with a node, its pods would reach the API past the policies.
set -u
I=$1 NODES=$2 R=$3 B=$4
IP=10.250.0.$((I + 2)) API=10.250.0.2 P=$R/pki D=$R/node$I
PATH=$B:/usr/sbin:/usr/bin:/sbin:/bin
mount --make-rprivate /
mount -t proc proc /proc
# What its programs write at places of the whole machine goes with it: sockets, networks' names, links to logs, folders of plugins,
# an exec's settings when it is killed. A cache may be in /tmp: that isn't covered
# (nodes.py has the places too, as _COVERED).
mount -t tmpfs none /run
mkdir /run/tmp
export TMPDIR=/run/tmp
for place in /var /usr/libexec; do
  mkdir -p "/run/own$place/upper" "/run/own$place/work"
  mount -t overlay none -o "lowerdir=$place,upperdir=/run/own$place/upper,workdir=/run/own$place/work" "$place"
done
hostname "node$I"
ip link set lo up
for _ in $(seq 100); do ip link show eth0 >/dev/null 2>&1 && break; sleep 0.05; done
ip addr add "$IP/24" dev eth0
ip link set eth0 up
ip route add default via 10.250.0.1
for j in $(seq "$NODES"); do [ "$j" = "$I" ] || ip route add "10.244.$((j - 1)).0/24" via "10.250.0.$((j + 2))"; done
sysctl -qw net.ipv4.ip_forward=1
# A kubelet sets these for the whole machine: here it gets files of its own to read and write.
for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1 kernel/keys/root_maxkeys=1000000 \
  kernel/keys/root_maxbytes=25000000; do
  file=$D/sysctl-$(basename "${setting%=*}")
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done

start() { local name=$1; shift; "$@" >"$D/log/$name.log" 2>&1 </dev/null & }
keep() { local name=$1; shift; while :; do "$@"; sleep 0.5; done >"$D/log/$name.log" 2>&1 </dev/null & }
wait_for_api() {
  for _ in $(seq 1200); do
    curl --silent --cacert "$P/kubernetes-ca.crt" --max-time 2 "https://$API:6443/readyz" 2>/dev/null | grep -q ok && return
    sleep 0.1
  done
}

if [ "$I" = 0 ]; then
  # A cluster of minutes: what a crash would lose nobody asks for again.
  start etcd etcd --name n --data-dir "$R/etcd" --unsafe-no-fsync \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster n=http://127.0.0.1:2380
  start apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$API --secure-port=6443 \
    --service-cluster-ip-range=10.96.0.0/16 --service-node-port-range=443-32767 --profiling=false \
    --tls-cert-file="$P/apiserver.crt" --tls-private-key-file="$P/apiserver.key" --client-ca-file="$P/kubernetes-ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$P/sa.pub" --service-account-signing-key-file="$P/sa.key" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --kubelet-client-certificate="$P/apiserver-kubelet.crt" --kubelet-client-key="$P/apiserver-kubelet.key" \
    --kubelet-certificate-authority="$P/kubernetes-ca.crt" --kubelet-preferred-address-types=InternalIP \
    --requestheader-client-ca-file="$P/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
    --requestheader-username-headers=X-Remote-User --enable-aggregator-routing=true \
    --proxy-client-cert-file="$P/front-proxy-client.crt" --proxy-client-key-file="$P/front-proxy-client.key"
  wait_for_api
  start controller-manager kube-controller-manager --kubeconfig="$P/controller-manager.kubeconfig" --leader-elect=false \
    --root-ca-file="$P/kubernetes-ca.crt" --service-account-private-key-file="$P/sa.key" \
    --use-service-account-credentials --allocate-node-cidrs=false --bind-address=127.0.0.1 \
    --cluster-signing-cert-file="$P/kubernetes-ca.crt" --cluster-signing-key-file="$P/kubernetes-ca.key" \
    --horizontal-pod-autoscaler-sync-period=5s --horizontal-pod-autoscaler-initial-readiness-delay=5s \
    --horizontal-pod-autoscaler-cpu-initialization-period=20s \
    --node-monitor-period=2s --node-monitor-grace-period=20s
  start scheduler kube-scheduler --kubeconfig="$P/scheduler.kubeconfig" --leader-elect=false --bind-address=127.0.0.1
else
  start containerd containerd -c "$D/containerd.toml"
  wait_for_api
  start proxy kube-proxy --config="$D/kube-proxy.yaml"
  # It ends until the API has its node, and may not be missing: without it every arrow is open.
  keep kube-router kube-router --run-router=false --run-service-proxy=false --run-firewall=true --run-loadbalancer=false \
    --kubeconfig="$P/router.kubeconfig" --hostname-override="node$I" --service-cluster-ip-range=10.96.0.0/16 \
    --service-node-port-range=443-32767 --metrics-port=0 --health-port=0
  # Of a machine that starts again the API is there before containerd is.
  keep kubelet kubelet --config="$D/kubelet.yaml" --kubeconfig="$P/node$I.kubeconfig" --root-dir="$D/kubelet" \
    --cert-dir="$D/kubelet-certs" --hostname-override="node$I" --node-ip="$IP" \
    --node-labels="topology.kubernetes.io/zone=zone$I"
fi
# Also takes in whom its parent left.
while :; do wait -n 2>/dev/null || sleep 1; done
