#!/usr/bin/env bash
# What a skilled admin would write for one host: the same steps as site.yml, nothing checked twice, charts in parallel, waits on events.
# Runs on the bare host. Input by environment: MIRROR K3S_VERSION ISTIO_VERSION CERT_MANAGER_VERSION HELM_VERSION ARCHIVES ACME_SERVER ACME_CA SITE_HOST.
set -euo pipefail

phase_started=$(date +%s.%N)
phase() { # name: says how long the phase that ends here took
  local now
  now=$(date +%s.%N)
  printf 'phase %s %.1f\n' "$1" "$(bc -l <<<"$now - $phase_started" 2>/dev/null || awk "BEGIN{print $now - $phase_started}")"
  phase_started=$now
}

# A fresh Debian has no curl; installing it would only make the script slower.
fetch() { python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' "$1" "$2"; }

work=$(mktemp -d)
images=/var/lib/rancher/k3s/agent/images
release=$MIRROR/k3s/${K3S_VERSION/+/%2B}
mkdir -p "$images" /etc/rancher/k3s
cd "$work"

for file in sha256sum-amd64.txt k3s k3s-airgap-images-amd64.tar.zst; do fetch "$release/$file" "$file"; done
sha256sum --quiet --ignore-missing -c sha256sum-amd64.txt
mv k3s-airgap-images-amd64.tar.zst "$images/"
for archive in $ARCHIVES; do fetch "$archive" "$images/$(basename "$archive")"; done
install -m 0755 k3s /usr/local/bin/k3s
ln -sf k3s /usr/local/bin/kubectl
cat >/etc/rancher/k3s/config.yaml <<CONFIG
disable: [traefik, servicelb]
write-kubeconfig-mode: "0600"
CONFIG
cat >/etc/systemd/system/k3s.service <<UNIT
[Unit]
After=network-online.target
[Service]
Type=notify
KillMode=process
Delegate=yes
LimitNOFILE=1048576
TasksMax=infinity
TimeoutStartSec=300
Restart=always
ExecStart=/usr/local/bin/k3s server
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet --now k3s
export KUBECONFIG=/etc/rancher/k3s/k3s.yaml
until kubectl get node "$(hostname)" >/dev/null 2>&1; do :; done
kubectl wait --for=condition=Ready "node/$(hostname)" --timeout=120s >/dev/null
phase k3s

fetch "$MIRROR/helm/helm-$HELM_VERSION-linux-amd64.tar.gz" helm.tar.gz
tar -xzf helm.tar.gz --strip-components=1 linux-amd64/helm
helm=$work/helm
istio() {
  local repo=$MIRROR/charts/istio
  "$helm" install istio-base base --repo "$repo" --version "$ISTIO_VERSION" -n istio-system --create-namespace >/dev/null
  "$helm" install istiod istiod --repo "$repo" --version "$ISTIO_VERSION" -n istio-system --wait \
    --set telemetry.enabled=false --set env.PILOT_ENABLE_ALPN_FILTER=false --set env.PILOT_ENABLE_METADATA_EXCHANGE=false \
    --set meshConfig.ingressService=istio-ingress --set meshConfig.ingressSelector=ingress >/dev/null
  "$helm" install istio-ingress gateway --repo "$repo" --version "$ISTIO_VERSION" -n istio-ingress --create-namespace --wait \
    --set imagePullPolicy=IfNotPresent --set service.type=NodePort \
    --set 'service.ports[0].name=http2,service.ports[0].port=80,service.ports[0].targetPort=80,service.ports[0].nodePort=30080' \
    --set 'service.ports[1].name=https,service.ports[1].port=443,service.ports[1].targetPort=443,service.ports[1].nodePort=30443' >/dev/null
}
cert_manager() {
  "$helm" install cert-manager cert-manager --repo "$MIRROR/charts/jetstack" --version "$CERT_MANAGER_VERSION" -n cert-manager \
    --create-namespace --set crds.enabled=true --set startupapicheck.enabled=false --wait >/dev/null
}
istio & istio_pid=$!
cert_manager & cert_manager_pid=$!
wait "$istio_pid"
wait "$cert_manager_pid"
phase charts

nft -f - <<'RULES'
table inet by_hand {
  chain before { type filter hook prerouting priority -300; fib daddr type local tcp dport 80 meta mark set meta mark | 0x00100000 tcp dport set 30080; fib daddr type local tcp dport 443 meta mark set meta mark | 0x00100000 tcp dport set 30443; }
  chain marked { type filter hook prerouting priority -150; ct state new meta mark & 0x00100000 != 0 ct mark set ct mark | 0x00100000; }
  chain out_before { type filter hook output priority -300; fib daddr type local tcp dport 80 meta mark set meta mark | 0x00100000 tcp dport set 30080; fib daddr type local tcp dport 443 meta mark set meta mark | 0x00100000 tcp dport set 30443; }
  chain out_marked { type filter hook output priority -150; ct state new meta mark & 0x00100000 != 0 ct mark set ct mark | 0x00100000; }
  chain back { type filter hook postrouting priority 300; ct mark & 0x00100000 != 0 ct direction reply tcp sport 30080 tcp sport set 80; ct mark & 0x00100000 != 0 ct direction reply tcp sport 30443 tcp sport set 443; }
  chain in_back { type filter hook input priority 300; ct mark & 0x00100000 != 0 ct direction reply tcp sport 30080 tcp sport set 80; ct mark & 0x00100000 != 0 ct direction reply tcp sport 30443 tcp sport set 443; }
}
RULES
phase host_ports

kubectl apply -f - >/dev/null <<CLASS
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: istio}
spec: {controller: istio.io/ingress-controller}
CLASS
cat >issuer.yaml <<ISSUER
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: lab}
spec:
  acme:
    server: $ACME_SERVER
    email: ops@example.com
    caBundle: $ACME_CA
    privateKeySecretRef: {name: lab-account}
    solvers: [{http01: {ingress: {ingressClassName: istio, serviceType: ClusterIP}}}]
ISSUER
until kubectl apply -f issuer.yaml >/dev/null 2>&1; do :; done # the webhook refuses until its CA is injected
kubectl wait --for=condition=Ready clusterissuer/lab --timeout=60s >/dev/null
kubectl apply -f - >/dev/null <<CERTIFICATE
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: app, namespace: istio-ingress}
spec: {secretName: app, dnsNames: [$SITE_HOST], issuerRef: {name: lab, kind: ClusterIssuer}}
CERTIFICATE
kubectl wait --for=condition=Ready -n istio-ingress certificate/app --timeout=120s >/dev/null
phase certificate

kubectl apply -f - >/dev/null <<SITE
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: app, namespace: istio-ingress}
spec:
  selector: {istio: ingress}
  servers: [{port: {number: 443, name: https-app, protocol: HTTPS}, hosts: [$SITE_HOST], tls: {mode: SIMPLE, credentialName: app}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: app, namespace: istio-ingress}
spec:
  hosts: [$SITE_HOST]
  gateways: [app]
  http: [{match: [{uri: {prefix: /}}], route: [{destination: {host: web.default.svc.cluster.local, port: {number: 3000}}}]}]
SITE
until openssl s_client -connect 127.0.0.1:443 -servername "$SITE_HOST" </dev/null 2>/dev/null | openssl x509 -noout -serial >wire.txt 2>/dev/null; do :; done
kubectl get secret -n istio-ingress app -o jsonpath='{.data.tls\.crt}' | base64 -d | openssl x509 -noout -serial >stored.txt
cmp wire.txt stored.txt
phase gateway
