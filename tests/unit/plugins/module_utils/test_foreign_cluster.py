# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that others wrote into the cluster, and what their controllers say of them, end with a value or a known error.

The API server guards types and what must be there; what only programs answer, as Envoy does, nothing guards.
"""

from __future__ import annotations

import io
import tarfile

import pytest
import yaml

from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager import causes, readiness, report, walk
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.issuers import Issuers
from ansible_collections.baremesh.edge.plugins.module_utils._cert_manager.objects import Inventory
from ansible_collections.baremesh.edge.plugins.module_utils._external_secrets import causes as store_causes
from ansible_collections.baremesh.edge.plugins.module_utils._external_secrets.kinds import ExternalSecrets
from ansible_collections.baremesh.edge.plugins.module_utils._istio import (
    challenge_route,
    config_dump,
    credentials,
    envoy_view,
    gateway_crds,
    gateway_flags,
    mesh_look,
    other_routes,
)
from ansible_collections.baremesh.edge.plugins.module_utils._istio.foreign_objects import Foreign
from ansible_collections.baremesh.edge.plugins.module_utils._istio.gateway_api import GatewayApi
from ansible_collections.baremesh.edge.plugins.module_utils._istio.pods import gateway_pod
from ansible_collections.baremesh.edge.plugins.module_utils._kube.named import Name
from ansible_collections.baremesh.edge.plugins.module_utils._kube.resources import NAMESPACES, PODS
from ansible_collections.baremesh.edge.plugins.module_utils._net import unpack
from ansible_collections.baremesh.edge.plugins.module_utils._net.documents import read_documents
from ansible_collections.baremesh.edge.plugins.module_utils._workload import rollout
from ansible_collections.baremesh.edge.tests.unit.plugins import builders as make
from ansible_collections.baremesh.edge.tests.unit.plugins.fuzzing import changed_bytes, changed_text, changed_tree, fuzz, survive

#: What the API server demands: of every object, of conditions, and of parts that their schemas name.
KEPT = ("metadata", "name", "namespace", "uid", "kind", "spec", "type", "apiVersion")
NS = "shop"
LABELS = {"istio": "ingress"}


def at(name, **more):
    return {"name": name, "namespace": NS, "uid": f"uid-{name}", "generation": 2, "creationTimestamp": "2026-11-27T10:00:00Z", **more}


def said(kind, state="False", reason="Invalid", message="no", **more):
    return make.condition(kind, state, reason, message, generation=2, at=make.NOW, **more)


EXTERNAL_SECRET = {
    "kind": "ExternalSecret",
    "metadata": at("token"),
    "spec": {"secretStoreRef": {"kind": "ClusterSecretStore", "name": "openbao"}},
    "status": {"syncedResourceVersion": "2-0af", "conditions": [said("Ready", reason="SecretSyncedError")]},
}
STORE = {
    "kind": "ClusterSecretStore",
    "metadata": {"name": "openbao", "generation": 1},
    "status": {"conditions": [said("Ready", reason="InvalidProviderConfig", message="unable to validate store")]},
}
OPENBAO = [
    (
        "could not get provider client: unable to log in to auth method: Error making API request.\n\nURL: PUT https://o:8200/v1/auth/login\n"
        "Code: 403. Errors:\n\n* permission denied"
    ),
    "error processing spec.data[0] (key: dns/shop), err: Secret does not exist",
    'error processing spec.data[12] (key: a), err: cannot read secret data from Vault: Get "https://o:8200": dial tcp: refused',
    "(combined from similar events): Error making API request.\n\nNamespace: a/b\nURL: GET https://o/v1\nCode: 503. Raw Message:\n\nsealed",
]
EVENT = {
    "kind": "Event",
    "involvedObject": {"kind": "ExternalSecret", "namespace": NS, "name": "token"},
    "message": OPENBAO[1],
    "series": {"lastObservedTime": "2026-11-27T10:00:00.000000Z"},
    "lastTimestamp": "2026-11-27T10:00:00Z",
}
GATEWAY = {
    "kind": "Gateway",
    "metadata": at("site"),
    "spec": {
        "gatewayClassName": "istio",
        "addresses": [{"value": "istio-ingress.shop.svc.cluster.local"}],
        "listeners": [{"name": "http", "port": 80, "protocol": "HTTP", "hostname": "a.example.com"}],
    },
    "status": {
        "conditions": [said("Accepted", "True"), said("Programmed", "False", "AddressNotUsable", "none")],
        "listeners": [{"name": "http", "conditions": [said("Accepted"), said("ResolvedRefs", reason="InvalidCertificateRef")]}],
    },
}
ROUTE = {
    "kind": "HTTPRoute",
    "metadata": at("site"),
    "spec": {
        "parentRefs": [{"name": "site", "sectionName": "http", "port": 80}],
        "hostnames": ["a.example.com"],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/a"}, "headers": [{"name": "X", "value": "y"}], "method": "GET"}],
                "filters": [{"type": "RequestRedirect", "requestRedirect": {"statusCode": 301}}],
            }
        ],
    },
    "status": {"parents": [{"parentRef": {"name": "site", "sectionName": "http", "port": 80}, "conditions": [said("ResolvedRefs")]}]},
}
INGRESS = {
    "kind": "Ingress",
    "metadata": at("site", annotations={"kubernetes.io/ingress.class": "istio"}),
    "spec": {
        "ingressClassName": "istio",
        "defaultBackend": {"service": {}},
        "rules": [{"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix"}]}}],
    },
}
CLASS = {"kind": "IngressClass", "metadata": {"name": "istio"}, "spec": {"controller": "istio.io/ingress-controller"}}
ISTIO_GATEWAY = {
    "kind": "Gateway",
    "metadata": at("site", labels={"app.kubernetes.io/managed-by": "baremesh.edge"}),
    "spec": {
        "selector": LABELS,
        "servers": [
            {"hosts": ["*/a.example.com"], "port": {"number": 80, "name": "http", "protocol": "HTTP"}, "tls": {"httpsRedirect": True}},
            {"hosts": ["*.example.com"], "port": {"number": 443, "name": "https", "protocol": "HTTPS"}, "bind": "::"},
        ],
    },
}
VIRTUAL_SERVICE = {
    "kind": "VirtualService",
    "metadata": at("site"),
    "spec": {
        "hosts": ["a.example.com"],
        "gateways": ["shop/site", "mesh"],
        "http": [
            {"match": [{"uri": {"prefix": "/login"}, "headers": {"x": {"regex": "a+"}}}], "redirect": {"uri": "/x", "redirectCode": 302}},
            {"route": [{"destination": {"host": "web.shop.svc.cluster.local", "port": {"number": 80}}}]},
        ],
        "tls": [{"match": [{"sniHosts": ["a.example.com"], "port": 443}]}],
    },
}
POLICY = {
    "kind": "AuthorizationPolicy",
    "metadata": at("policy"),
    "spec": {
        "selector": {"matchLabels": LABELS},
        "action": "DENY",
        "rules": [
            {
                "from": [{"source": {"ipBlocks": ["192.0.2.0/24"], "notIpBlocks": ["0.0.0.0/0"]}}],
                "to": [{"operation": {"paths": ["/.well-known/*"], "hosts": ["*.example.com"], "notMethods": ["GET"]}}],
                "when": [{"key": "request.headers[x]", "values": ["y"]}],
            }
        ],
    },
}
ENVOY_FILTER = {
    "kind": "EnvoyFilter",
    "metadata": at("filter"),
    "spec": {"workloadSelector": {"labels": LABELS}, "configPatches": [{"applyTo": "HTTP_FILTER", "match": {"context": "GATEWAY"}}]},
}
POD = {
    "kind": "Pod",
    "metadata": at(
        "web-1", labels={**LABELS, "pod-template-hash": "1"}, ownerReferences=[{"kind": "ReplicaSet", "name": "web", "controller": True}]
    ),
    "spec": {
        "nodeName": "edge1",
        "containers": [{"name": "istio-proxy"}],
        "initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.42.0.7",
        "podIPs": [{"ip": "10.42.0.7"}],
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
        "containerStatuses": [
            {
                "name": "istio-proxy",
                "ready": False,
                "restartCount": 3,
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": "failed to pull: 401 Unauthorized"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            }
        ],
    },
}
DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": at("web"),
    "spec": {"replicas": 2, "selector": {"matchLabels": LABELS}},
    "status": {
        "observedGeneration": 2,
        "replicas": 3,
        "updatedReplicas": 2,
        "availableReplicas": 1,
        "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}],
    },
}
NAMESPACE = {
    "kind": "Namespace",
    "metadata": {
        "name": NS,
        "labels": {"istio-injection": "disabled", "baremesh.edge/mesh": "edge", "a": "b"},
        "managedFields": [
            {
                "manager": "baremesh.edge",
                "operation": "Apply",
                "fieldsV1": {"f:metadata": {"f:labels": {"f:istio-injection": {}, "f:a": {}}}},
            }
        ],
    },
}
CERTIFICATE = make.certificate(conditions=(make.MISSING, make.ISSUING), failedIssuanceAttempts=2, lastFailureTime=make.stamp(make.NOW))
ISSUER = make.cluster_issuer(ready="False", reason="ErrRegisterACMEAccount", message="403 urn:ietf:params:acme:error:unauthorized: no")
ATTEMPT = {
    "Certificate": CERTIFICATE,
    "CertificateRequest": make.request(failure_time=make.NOW),
    "Order": make.order(state="invalid", reason="no", authorizations=[{"identifier": "app.example.com", "initialState": "pending"}]),
    "Challenge": make.challenge(reason="Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"),
    "ClusterIssuer": ISSUER,
    "Secret": make.secret(),
}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "gateways.gateway.networking.k8s.io",
        "annotations": {"gateway.networking.k8s.io/bundle-version": "v1.6.0"},
        "labels": {"a": "b"},
    },
    "spec": {"group": "gateway.networking.k8s.io"},
    "status": {"conditions": []},
}
DUMP = {
    "configs": [
        {
            "dynamic_listeners": [
                {
                    "name": "0.0.0.0_443",
                    "active_state": {
                        "last_updated": "2026-11-27T10:00:00Z",
                        "listener": {
                            "address": {"socket_address": {"address": "0.0.0.0", "port_value": 443}},
                            "filter_chains": [
                                {
                                    "filter_chain_match": {"server_names": ["a.example.com"]},
                                    "filters": [
                                        {"typed_config": {"rds": {"route_config_name": "r"}, "weighted_clusters": {"clusters": [{}]}}}
                                    ],
                                    "transport_socket": {
                                        "typed_config": {
                                            "common_tls_context": {
                                                "tls_certificate_sds_secret_configs": [{"name": "kubernetes://site"}],
                                                "validation_context_sds_secret_config": {"name": "kubernetes://site-cacert"},
                                            }
                                        }
                                    },
                                }
                            ],
                        },
                    },
                    "error_state": {"details": "refused", "failed_configuration": {"name": "0.0.0.0_443"}},
                }
            ]
        },
        {
            "dynamic_route_configs": [
                {
                    "route_config": {
                        "name": "r",
                        "virtual_hosts": [
                            {
                                "domains": ["a.example.com"],
                                "routes": [
                                    {
                                        "match": {"safe_regex": {"regex": "/a"}, "headers": [{"name": "x"}]},
                                        "route": {"weighted_clusters": {"clusters": [{"name": "outbound|80||web.shop", "weight": 1}]}},
                                        "metadata": {
                                            "filter_metadata": {"istio": {"config": "/apis/a/v1/namespaces/shop/virtual-service/site"}}
                                        },
                                    }
                                ],
                            }
                        ],
                    }
                }
            ]
        },
        {"dynamic_active_clusters": [{"cluster": {"name": "outbound|80||web.shop", "type": "EDS"}}]},
    ]
}
CLUSTERS = {
    "cluster_statuses": [
        {
            "name": "outbound|80||web.shop",
            "host_statuses": [
                {
                    "address": {"socket_address": {"address": "10.42.0.7", "port_value": 80}},
                    "health_status": {"eds_health_status": "UNHEALTHY", "failed_outlier_check": True},
                }
            ],
        }
    ]
}
SYNC = {"proxy": "web-1.shop", "cluster_sent": "a", "cluster_acked": "b", "listener_sent": "c"}


def of_store(tree):
    """Judge an ExternalSecret, its store and what is said of them, and look for advice."""
    objects = {"Event": [tree["event"]], "ClusterSecretStore": [tree["store"]], "SecretStore": [], "ExternalSecret": [tree["secret"]]}
    kinds = ExternalSecrets({})
    for name, found in ((Name("ExternalSecret", NS, "token"), tree["secret"]), (Name("ClusterSecretStore", "", "openbao"), tree["store"])):
        cause = kinds.cause(name, found, objects)
        assert cause is None or cause.text
        kinds.hints(cause.text if cause else "")
    store_causes.version_of(tree["secret"])


def of_gateway_api(found):
    kinds = GatewayApi()
    cause = kinds.cause(Name(found["kind"], NS, "site"), found, {})
    kinds.hints(cause.text if cause else "")


def of_routes(tree):
    list(other_routes.of_gateway_api([tree["gateway"]], [tree["route"]], LABELS, NS))
    list(other_routes.of_ingresses([tree["ingress"]], [CLASS], "/.well-known/acme-challenge/x"))


def of_mesh_objects(tree):
    """Judge what objects of others do to challenges, to definitions of ours, and which Gateway leads nowhere."""
    kinds = {key: [tree[key]] for key in ("gateways", "virtual_services", "policies", "filters")}
    challenge_route.explain(challenge_route.Cluster(LABELS, NS, **kinds), "a.example.com")
    live = [*kinds["gateways"], *kinds["virtual_services"]]
    ours = {"kind": "Gateway", "metadata": at("ours"), "spec": ISTIO_GATEWAY["spec"]}
    service = {"kind": "VirtualService", "metadata": at("ours"), "spec": VIRTUAL_SERVICE["spec"]}
    Foreign([ours, service], live, {"baremesh.edge/instance": "a"}, {"shop/ours": LABELS}).found()
    for gateway in gateway_flags.unselected(kinds["gateways"], NS, [LABELS]):
        gateway_flags.no_pod(gateway)
    gateway_flags.reference_flags(kinds["gateways"], kinds["virtual_services"], NS)


def of_workload(tree):
    rollout.cause_of(tree["workload"], [tree["pod"]])
    gateway_pod(tree["pod"])


def of_mesh(tree):
    """Look at a namespace of the mesh and its pod."""

    class Client:
        @staticmethod
        def items(resource, _namespace, **_more):
            return {NAMESPACES: [tree["namespace"]], PODS: [tree["pod"]]}.get(resource, [])

    for mtls in (None, "STRICT"):
        mesh_look.look(Client(), [mesh_look.Asked(NS, mtls=mtls)], "edge", "istio-system")


def of_certificate(tree):
    """Walk from a Certificate to its Challenges, and say why it is not ready."""
    inventory = Inventory()
    for kind, found in tree.items():
        inventory.put(kind, found)
    certificate = tree["Certificate"]
    found = walk.walk(inventory, certificate, dict.fromkeys(tree, True))
    problems = readiness.condition_problems(certificate)
    problems += readiness.secret_problems(certificate, readiness.secret_facts(tree["Secret"]), make.NOW)
    walk.chain(found)
    for cause in causes.find_causes(found, problems, make.NOW + 60, None):
        assert cause.text
        report._short(cause.text)
    causes.failure_of(certificate)
    Issuers().cause(Name("ClusterIssuer", "", "letsencrypt"), tree["ClusterIssuer"], {})
    credential = credentials.Credential("app", ("app.example.com",), "MUTUAL")
    credentials.secret_causes(credential, make.NS, {"app": tree["Secret"], "app-cacert": tree["Secret"]}, make.NOW)


#: What the API server guards: types, and the keys of KEPT.
GUARDED = {
    "External Secrets": (of_store, {"secret": EXTERNAL_SECRET, "store": STORE, "event": EVENT}),
    "a Gateway of the Gateway API": (of_gateway_api, GATEWAY),
    "an HTTPRoute": (of_gateway_api, ROUTE),
    "routes of others": (of_routes, {"gateway": GATEWAY, "route": ROUTE, "ingress": INGRESS}),
    "objects of the mesh": (
        of_mesh_objects,
        {"gateways": ISTIO_GATEWAY, "virtual_services": VIRTUAL_SERVICE, "policies": POLICY, "filters": ENVOY_FILTER},
    ),
    "a workload": (of_workload, {"workload": DEPLOYMENT, "pod": POD}),
    "a namespace": (of_mesh, {"namespace": NAMESPACE, "pod": POD}),
    "a Certificate": (of_certificate, ATTEMPT),
}


@pytest.mark.parametrize("name", GUARDED)
def test_objects_of_the_api(name):
    reader, sample = GUARDED[name]
    reader(sample)
    fuzz(reader, changed_tree([sample], typed=True, kept=(*KEPT, *sample)))


def of_envoy(tree):
    """Read what Envoy and istiod answer, and say what is wrong with it."""
    dump = tree["dump"]
    view = {
        "pod": "gateway",
        "listeners": envoy_view.listeners(dump),
        "routes": envoy_view.routes(dump),
        "clusters": envoy_view.clusters(dump, tree["clusters"]),
        "secrets": [],
    }
    gateway_flags.pod_flags(view)
    gateway_flags.sync_flags(["web-1"], NS, [each for each in [tree["sync"]] if isinstance(each, dict)])


def test_the_pages_of_envoy():
    sample = {"dump": DUMP, "clusters": CLUSTERS, "sync": SYNC}
    of_envoy(sample)
    fuzz(of_envoy, changed_tree([sample], kept=tuple(sample)))


def test_a_dump_with_secrets_of_any_type():
    sample = {"configs": [{"dynamic_active_secrets": [{"name": "kubernetes://a", "secret": {"tls_certificate": {}}}]}]}
    fuzz(config_dump.held_secrets, changed_tree([sample], typed=True))


@pytest.mark.parametrize("read", [store_causes.plain, store_causes.advice, lambda text: ExternalSecrets({}).hints(text)])
def test_what_openbao_says(read):
    fuzz(read, changed_text(OPENBAO))


def of_crds(text):
    """Read a file of definitions, as the module gateway_api_crds does."""
    gateway_crds.definitions_of(read_documents(text, "https://crds.example.com/a.yaml"), "v1.6.0", "https://crds.example.com/a.yaml")


def test_a_file_of_definitions():
    fuzz(of_crds, changed_text([yaml.safe_dump(CRD)]))
    fuzz(lambda tree: gateway_crds.definitions_of([tree], "v1.6.0", "a.yaml"), changed_tree([CRD]))


def test_definitions_in_the_cluster():
    def judge(tree):
        gateway_crds.is_due([tree], "v1.6.0", ["Gateway"], ["Gateway"])

    fuzz(judge, changed_tree([CRD], typed=True, kept=KEPT))


def test_an_archive(tmp_path):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as files:
        entry = tarfile.TarInfo("linux-amd64/helm")
        entry.size = 4
        files.addfile(entry, io.BytesIO(b"helm"))
    archive = tmp_path / "helm.tar"

    def read(data):
        archive.write_bytes(data)
        unpack.unpack(str(archive), "linux-amd64/helm", str(tmp_path / "helm"))

    read(made.getvalue())
    fuzz(read, changed_bytes(made.getvalue()[:1536]))


#: What has ended in a traceback.
FOUND = [
    (of_crds, "kind: CustomResourceDefinition\nspec: {group: gateway.networking.k8s.io}\nmetadata: {annotations: v1.6.0}\n"),
    (of_crds, "kind: CustomResourceDefinition\nspec: a\n"),
    (of_crds, "a: !!timestamp 2026-02-3#"),
    (of_crds, "[" * 100_000),
]


@pytest.mark.parametrize(("reader", "given"), FOUND)
def test_what_was_found_once(reader, given):
    survive(reader, given, ())
