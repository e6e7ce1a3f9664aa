# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.baremesh.edge.plugins.plugin_utils import _k3s_keys as keys


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"tls-san": ["a"], "node-label": ["b=c"], "kubelet-arg+": ["x=y"], "cluster-init": True}, "server"),
        ({"node-label": ["b=c"], "selinux": True, "disable-apiserver-lb": True}, "agent"),
        ({"etcd-s3": True, "etcd-s3-bucket-lookup-type": "path", "etcd-s3-retention": 7, "etcd-s3-session-token": "t"}, "server"),
        ({"etcd-snapshot-reconcile-interval": "10m", "kine-tls": True, "helm-controller-arg": ["threads=2"]}, "server"),
        ({"supervisor-port": 9345, "apiserver-port": 6443, "apiserver-bind-address": "127.0.0.1"}, "server"),
        ({"node-ip": "192.0.2.1,2001:db8::1", "cluster-cidr": ["10.42.0.0/16", "2001:cafe::/56"], "apiserver-port": 0}, "server"),
        ({"node-taint": "CriticalAddonsOnly=true:NoExecute,a:NoSchedule", "node-label+": ["a.b/c=", "d=e=f"]}, "server"),
        ({"node-name": "Edge-1.example.com", "flannel-backend": "host-gw", "etcd-snapshot-retention": 0}, "server"),
        ({"write-kubeconfig-mode": 644, "bind-address": "::", "lb-server-port": "6444"}, "server"),
        # What Go reads as true or false, from YAML, a template or a survey.
        ({"cluster-init": True, "selinux": "true", "debug": "False", "docker": 0, "etcd-s3": "T", "secrets-encryption": "1"}, "server"),
        ({"with-node-id": "true", "disable-apiserver-lb": "False", "protect-kernel-defaults": [True]}, "agent"),
        # Flags of components, in every form.
        ({"kubelet-arg": "eviction-hard=memory.available<200Mi,nodefs.available<10%", "kube-proxy-arg+": ["--v=2"]}, "server"),
        ({"kube-apiserver-arg": ["feature-gates=A=true,B=false", "anonymous-auth", "audit-webhook-mode+=batch"]}, "server"),
        ({"kubelet-arg": ["node-labels=a=b,c=d", "config=/a b/kubelet.yaml", "system-reserved=cpu=500m,memory=1Gi"]}, "agent"),
        ({"etcd-arg": ["quota-backend-bytes=8589934592"], "kube-cloud-controller-manager-arg": "v=2"}, "server"),
        ({"node-label": "a=b, c=d", "node-taint": "a=b:NoSchedule, c:NoExecute", "tls-san": "a.example.com, 192.0.2.1"}, "server"),
        ({"tls-san": ["2001:db8::1", "*.example.com", "k3s_lb", "edge1"], "egress-selector-mode": "disabled"}, "server"),
        ({"node-label": ["node.kubernetes.io/pool=edge", "topology.kubernetes.io/zone=a", "kubernetes.io/os=linux"]}, "agent"),
        ({"node-label": ["svccontroller.k3s.cattle.io/enablelb=true", "a.node.kubernetes.io/b=c", "mykubernetes.io/a=b"]}, "agent"),
        ({"etcd-snapshot-schedule-cron": "0 */12 * * *", "etcd-s3-timeout": "5m0s", "v": 4, "write-kubeconfig-mode": "0640"}, "server"),
        (
            {"etcd-snapshot-schedule-cron": "@daily", "etcd-snapshot-reconcile-interval": "90s", "etcd-s3-bucket-lookup-type": "path"},
            "server",
        ),
        ({"etcd-snapshot-schedule-cron": "TZ=Europe/Berlin 30 1,13 * * 1-5", "secrets-encryption-provider": "secretbox"}, "server"),
        ({}, "server"),
    ],
)
def test_known_keys_are_fine(config, kind):
    assert keys.config_findings(config, kind) == []


@pytest.mark.parametrize(
    ("config", "kind", "said"),
    [
        ({"tls-sans": ["a"]}, "server", "did you mean 'tls-san'?"),
        ({"tls_san": ["a"]}, "server", "did you mean 'tls-san'?"),
        ({"quite-other": 1}, "server", "correct it, or, if `k3s server --help` of k3s_version lists it, add it to k3s_extra_config_keys"),
        ({"etcd-s3-bucket-newer": 1}, "server", "correct it, or, if"),
        ({"disable-servicelb": True}, "server", "add 'servicelb' to k3s_disable"),
        ({"disable-traefik": True}, "server", "add 'traefik' to k3s_disable"),
        ({"disable-api-server": True}, "server", "correct it, or, if"),
        ({"cluster-resett": True}, "server", "correct it, or, if"),
        ({"tls-san": ["a"]}, "agent", "only a server takes (an agent does not start with it): move it to k3s_server_config"),
        ({"disable-apiserver-lb": True}, "server", "move it to k3s_agent_config"),
        ({"no-deploy": "traefik"}, "server", "use k3s_disable instead"),
        ({"no-traefik": True}, "server", "add 'traefik' to k3s_disable instead."),
        ({"without_servicelb": True}, "server", "add 'servicelb' to k3s_disable instead."),
        ({"enable-metrics-server": True}, "server", "take 'metrics-server' out of k3s_disable instead."),
        ({"dockers": True}, "server", "correct it, or, if"),
        ({"disable": ["traefik"]}, "server", "use k3s_disable"),
        ({"server": "https://a:6443"}, "agent", "use k3s_server_host or k3s_server_url"),
        ({"token-file": "/x"}, "server", "use k3s_token"),
        ({"node-label": {"a": "b"}}, "agent", "has a dictionary under 'node-label'"),
        ({"node-name": None}, "agent", "no value under 'node-name'"),
        ({"https-listen-port": "70000"}, "server", "has '70000' under 'https-listen-port': it must be a port up to 65535."),
        ({"lb-server-port": -1}, "agent", "has '-1' under 'lb-server-port': it must be a port up to 65535."),
        ({"cluster-cidr": "10.42.0.0/16,10.42"}, "server", "has '10.42' under 'cluster-cidr': it must be a network such as"),
        ({"service-cidr": ["10.43.0.0/99"]}, "server", "has '10.43.0.0/99' under 'service-cidr': it must be a network such as"),
        ({"cluster-dns": "10.43.0"}, "server", "has '10.43.0' under 'cluster-dns': it must be an IP address."),
        ({"node-ip": "eth0"}, "agent", "has 'eth0' under 'node-ip': it must be an IP address."),
        ({"node-external-ip+": ["edge.example.com"]}, "agent", "has 'edge.example.com' under 'node-external-ip+': it must be an IP"),
        ({"etcd-snapshot-retention": "five"}, "server", "has 'five' under 'etcd-snapshot-retention': it must be a whole number."),
        ({"flannel-backend": "vxlann"}, "server", "has 'vxlann' under 'flannel-backend': it must be none, vxlan, host-gw or"),
        ({"node-label": ["edge"]}, "agent", "has 'edge' under 'node-label': it must be a label such as key=value."),
        ({"node-name": "edge_1"}, "server", "has 'edge_1' under 'node-name': it must be a name of letters, digits, '-' and '.'."),
        ({"node-taint": ["a=b:NoSchedul"]}, "server", "has 'a=b:NoSchedul' under 'node-taint': it must be a taint such as"),
        ({"write-kubeconfig": "k3s.yaml"}, "server", "has 'k3s.yaml' under 'write-kubeconfig': it must be an absolute path."),
        ({"flannel-backend": "wireguard"}, "server", "use 'wireguard-native'"),
        ({"cluster-init": "yes"}, "server", "has 'yes' under 'cluster-init': it must be true or false."),
        ({"selinux": "enforcing"}, "agent", "has 'enforcing' under 'selinux': it must be true or false."),
        ({"disable-kube-proxy": ""}, "server", "has '' under 'disable-kube-proxy': it must be true or false."),
        ({"secrets-encryption": "on"}, "server", "has 'on' under 'secrets-encryption': it must be true or false."),
        (
            {"kubelet-arg": [{"max-pods": 200}]},
            "agent",
            "has {'max-pods': 200} under 'kubelet-arg': it must be a flag such as max-pods=200.",
        ),
        ({"node-label": [{"zone": "a"}]}, "agent", "has {'zone': 'a'} under 'node-label': it must be a label such as key=value."),
        ({"tls-san": [["a"]]}, "server", "has ['a'] under 'tls-san': it must be an address or a name"),
        ({"token": [{"word": "hush"}]}, "server", "has an entry that is no text under 'token': it must be text."),
        ({"kubelet-arg": ["max-pods: 200"]}, "server", "has 'max-pods: 200' under 'kubelet-arg': it must be a flag such as max-pods=200."),
        ({"kube-apiserver-arg": "-v=2"}, "server", "has '-v=2' under 'kube-apiserver-arg': it must be a flag such as"),
        ({"kube-proxy-arg": ["proxy-mode ipvs"]}, "agent", "has 'proxy-mode ipvs' under 'kube-proxy-arg': it must be a flag"),
        (
            {"tls-san": "https://k3s.example.com"},
            "server",
            "has 'https://k3s.example.com' under 'tls-san': it must be an address or a name",
        ),
        ({"tls-san": ["k3s.example.com:6443"]}, "server", "has 'k3s.example.com:6443' under 'tls-san': it must be an address or a name"),
        ({"node-ip": "fe80::1%eth0"}, "agent", "has 'fe80::1%eth0' under 'node-ip': it must be an IP address."),
        ({"cluster-cidr": "10.42.0.0/255.255.0.0"}, "server", "has '10.42.0.0/255.255.0.0' under 'cluster-cidr': it must be a network"),
        ({"etcd-s3-timeout": 600}, "server", "has '600' under 'etcd-s3-timeout': it must be a duration such as 30s or 5m."),
        ({"etcd-snapshot-schedule-cron": "0 0 2 * * *"}, "server", "under 'etcd-snapshot-schedule-cron': it must be five fields such as"),
        (
            {"egress-selector-mode": "none"},
            "server",
            "has 'none' under 'egress-selector-mode': it must be agent, cluster, pod or disabled.",
        ),
        ({"v": "debug"}, "agent", "has 'debug' under 'v': it must be a whole number."),
        (
            {"write-kubeconfig-mode": "u=rw"},
            "server",
            "has 'u=rw' under 'write-kubeconfig-mode': it must be an octal mode such as \"0640\".",
        ),
        ({"node-label": ["node-role.kubernetes.io/worker=true"]}, "agent", "the kubelet refuses labels of kubernetes.io and k8s.io except"),
        ({"node-label": "kubernetes.io/role=edge"}, "server", "the kubelet refuses labels of kubernetes.io and k8s.io except"),
        ({"node-label": "x.k8s.io/a=b"}, "agent", "has 'x.k8s.io/a=b' under 'node-label': the kubelet refuses labels"),
        ({"t": "hush"}, "server", "has the key 't': write its long name, 'token'."),
        ({"i": "192.0.2.1"}, "agent", "has the key 'i': write its long name, 'node-ip'."),
        ({"--tls-san": "a"}, "server", "did you mean 'tls-san'?"),
        (["tls-san"], "server", "k3s_server_config is ['tls-san']: it must be a dictionary"),
    ],
)
def test_each_fault_is_one_sentence(config, kind, said):
    (finding,) = keys.config_findings(config, kind)
    assert said in finding
    assert finding.startswith(f"k3s_{kind}_config ")
    assert finding.endswith((".", "?"))


def test_keys_of_a_newer_release_are_accepted_by_name():
    config = {"brand-new-arg+": ["a"], "another": 1}
    assert len(keys.config_findings(config, "server", ["brand-new-arg"])) == 1
    assert keys.config_findings(config, "server", ["brand-new-arg", "another"]) == []
    assert keys.config_findings(config, "server", ["--brand-new-arg", "another+"]) == [], "as the help of K3s writes them"


def test_a_key_of_the_role_stays_the_roles():
    (finding,) = keys.config_findings({"data-dir": "/x"}, "server", ["data-dir"])
    assert "use k3s_data_dir" in finding


def test_all_faults_are_told():
    assert len(keys.config_findings({"a-key": 1, "b-key": 2, "tls-san": ["x"]}, "agent")) == 3


def test_secret_keys_are_keys():
    assert keys.allowed_keys("server") >= keys.SECRET_KEYS


@pytest.mark.parametrize(("mode", "quoted"), [(0o600, "0600"), (0o640, "0640"), (0o644, "0644"), (0o400, "0400"), (0o660, "0660")])
def test_a_mode_that_yaml_read_as_octal(mode, quoted):
    (finding,) = keys.config_findings({"write-kubeconfig-mode": mode}, "server")
    assert finding.endswith(f'quote the mode, as in "{quoted}"; YAML read it as octal.')


@pytest.mark.parametrize("mode", ["0644", "600", 644, 600])
def test_modes_that_k3s_reads_as_meant(mode):
    assert keys.config_findings({"write-kubeconfig-mode": mode}, "server") == []
