// SPDX-License-Identifier: GPL-3.0-or-later

// Package config reads the flags, files and environment variables of K3s.
package config

// Kind says how a flag takes its value.
type Kind int

// The three kinds of flag that K3s has.
const (
	Scalar Kind = iota
	Bool
	List
)

// Role is the subcommand whose flags are read.
type Role string

// The subcommands that read the configuration file.
const (
	Server Role = "server"
	Agent  Role = "agent"
)

// Spec is one flag: its kind, the roles that know it and the environment variable behind it.
type Spec struct {
	Kind  Kind
	Roles []Role
	Env   string
}

var (
	both       = []Role{Server, Agent}
	serverOnly = []Role{Server}
	agentOnly  = []Role{Agent}
)

var aliases = map[string]string{
	"c": "config", "d": "data-dir", "t": "token", "s": "server", "o": "write-kubeconfig", "l": "log",
}

// masked names flags whose value never appears in annotations.
var masked = map[string]bool{
	"token": true, "agent-token": true, "datastore-endpoint": true, "vpn-auth": true,
	"etcd-s3-access-key": true, "etcd-s3-secret-key": true, "etcd-s3-session-token": true,
}

var specs = buildSpecs()

func buildSpecs() map[string]Spec {
	all := map[string]Spec{}
	add := func(roles []Role, kind Kind, names ...string) {
		for _, name := range names {
			all[name] = Spec{Kind: kind, Roles: roles}
		}
	}
	add(both, Scalar,
		"config", "v", "vmodule", "log", "data-dir", "token", "token-file", "server", "bind-address",
		"node-name", "image-credential-provider-bin-dir", "image-credential-provider-config",
		"lb-server-port", "container-runtime-endpoint", "default-runtime", "image-service-endpoint",
		"pause-image", "snapshotter", "private-registry", "resolv-conf", "flannel-iface",
		"flannel-conf", "flannel-cni-conf", "vpn-auth", "vpn-auth-file")
	add(both, Bool,
		"debug", "alsologtostderr", "with-node-id", "protect-kernel-defaults", "selinux", "docker",
		"disable-default-registry-endpoint", "nonroot-devices", "rootless", "prefer-bundled-bin", "enable-pprof")
	add(both, List,
		"node-label", "node-taint", "airgap-extra-registry", "node-ip", "node-external-ip",
		"node-internal-dns", "node-external-dns", "kubelet-arg", "kube-proxy-arg")
	add(agentOnly, Bool, "disable-apiserver-lb")
	add(serverOnly, Scalar,
		"https-listen-port", "advertise-address", "advertise-port", "default-local-storage-path",
		"write-kubeconfig", "write-kubeconfig-mode", "write-kubeconfig-group", "helm-job-image",
		"service-node-port-range", "cluster-domain", "flannel-backend", "egress-selector-mode",
		"servicelb-namespace", "agent-token", "agent-token-file", "cluster-reset-restore-path",
		"datastore-endpoint", "datastore-cafile", "datastore-certfile", "datastore-keyfile",
		"etcd-snapshot-name", "etcd-snapshot-schedule-cron", "etcd-snapshot-retention",
		"etcd-snapshot-dir", "etcd-s3-endpoint", "etcd-s3-endpoint-ca", "etcd-s3-access-key",
		"etcd-s3-secret-key", "etcd-s3-bucket", "etcd-s3-region", "etcd-s3-folder", "etcd-s3-proxy",
		"etcd-s3-config-secret", "etcd-s3-timeout", "etcd-s3-retention", "etcd-s3-session-token",
		"etcd-s3-bucket-lookup-type", "etcd-snapshot-reconcile-interval", "supervisor-port",
		"apiserver-port", "apiserver-bind-address", "system-default-registry",
		"secrets-encryption-provider")
	add(serverOnly, Bool,
		"tls-san-security", "flannel-ipv6-masq", "flannel-external-ip", "cluster-init", "cluster-reset",
		"etcd-expose-metrics", "etcd-disable-snapshots", "etcd-snapshot-compress", "etcd-s3",
		"etcd-s3-skip-ssl-verify", "etcd-s3-insecure", "kine-tls", "disable-scheduler", "disable-cloud-controller",
		"disable-kube-proxy", "disable-network-policy", "disable-helm-controller", "embedded-registry",
		"supervisor-metrics", "secrets-encryption", "disable-agent", "disable-apiserver",
		"disable-controller-manager", "disable-etcd")
	add(serverOnly, List,
		"tls-san", "cluster-cidr", "service-cidr", "cluster-dns", "disable", "etcd-arg",
		"kube-apiserver-arg", "kube-controller-manager-arg", "kube-scheduler-arg",
		"kube-cloud-controller-manager-arg")
	for name, variable := range environment {
		spec := all[name]
		spec.Env = variable
		all[name] = spec
	}
	return all
}

var environment = map[string]string{
	"config": "K3S_CONFIG_FILE", "debug": "K3S_DEBUG", "data-dir": "K3S_DATA_DIR",
	"token": "K3S_TOKEN", "token-file": "K3S_TOKEN_FILE", "server": "K3S_URL",
	"agent-token": "K3S_AGENT_TOKEN", "agent-token-file": "K3S_AGENT_TOKEN_FILE",
	"cluster-init": "K3S_CLUSTER_INIT", "cluster-reset": "K3S_CLUSTER_RESET",
	"write-kubeconfig": "K3S_KUBECONFIG_OUTPUT", "write-kubeconfig-mode": "K3S_KUBECONFIG_MODE",
	"write-kubeconfig-group": "K3S_KUBECONFIG_GROUP",
	"datastore-endpoint":     "K3S_DATASTORE_ENDPOINT", "datastore-cafile": "K3S_DATASTORE_CAFILE",
	"datastore-certfile": "K3S_DATASTORE_CERTFILE", "datastore-keyfile": "K3S_DATASTORE_KEYFILE",
	"node-name": "K3S_NODE_NAME", "selinux": "K3S_SELINUX", "lb-server-port": "K3S_LB_SERVER_PORT",
	"resolv-conf": "K3S_RESOLV_CONF", "system-default-registry": "K3S_SYSTEM_DEFAULT_REGISTRY",
	"vpn-auth": "K3S_VPN_AUTH", "vpn-auth-file": "K3S_VPN_AUTH_FILE",
	"etcd-s3-access-key": "AWS_ACCESS_KEY_ID", "etcd-s3-secret-key": "AWS_SECRET_ACCESS_KEY",
	"etcd-s3-session-token": "AWS_SESSION_TOKEN",
}

// Lookup finds the flag called name for the role; one-letter names are resolved.
func Lookup(role Role, name string) (string, Spec, bool) {
	if long, ok := aliases[name]; ok {
		name = long
	}
	spec, ok := specs[name]
	if !ok {
		return name, Spec{}, false
	}
	for _, known := range spec.Roles {
		if known == role {
			return name, spec, true
		}
	}
	return name, Spec{}, false
}
