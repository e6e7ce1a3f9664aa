# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sites as objects of the Kubernetes Gateway API, and what of a site it cannot express.

A Gateway here is deployed by hand, as Istio calls it: its one address is the Service of gateway pods that are there already, and istiod
configures those. Fields that the API server fills in are written out, so that a second run finds them as they are defined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.baremesh.edge.plugins.plugin_utils._fields import Raw
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_objects import http_rule
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_routes import AS_GIVEN, CONDITIONS, Destination, Route
from ansible_collections.baremesh.edge.plugins.plugin_utils._site_tls import NO_TLS
from ansible_collections.baremesh.edge.plugins.plugin_utils._sites import CA_SUFFIX, LABELS, REDIRECT_SUFFIX, Site, labels_of

Object = dict[str, Any]

GROUP = "gateway.networking.k8s.io"
API = f"{GROUP}/v1"
# Releases of 2025 and before serve only this version of grants.
GRANT_API = f"{GROUP}/v1beta1"
# istiod makes this GatewayClass.
CLASS = "istio"
# Options of a listener by which istiod does what the API has no fields for; pilot/pkg/config/kube/gateway/conversion.go.
_MODE, _SUITES = "gateway.istio.io/tls-terminate-mode", "gateway.istio.io/tls-cipher-suites"
_INSTEAD = "or set edge_api to istio"
# Of a list in a route: rules, or names.
_MOST = 16
_HOSTNAME = {"group": "networking.istio.io", "kind": "Hostname"}
_OWN_ROUTES = {"namespaces": {"from": "Same"}}
_DURATION = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")
_STATUSES = (301, 302, 303, 307, 308)
_PATHS = {"exact": "Exact", "prefix": "PathPrefix", "regex": "RegularExpression"}
_TEXTS = {"exact": "Exact", "regex": "RegularExpression"}
# How special a path is, the most special last: istiod puts rules in this order, not in that of the routes.
_RANKS = ("regex", "prefix", "exact")


def objects(sites: Sequence[Site], namespace: str, service: str, port: int, http_gateway: str, redirect_port: int | None) -> list[Object]:
    """Return a Gateway for each site, its routes, and the grants for Services of other namespaces.

    Args:
        sites: The sites.
        namespace: Namespace of the Gateways, which is that of the gateway pods.
        service: Host name of the Service of the gateway pods.
        port: Port of that Service that ends TLS.
        http_gateway: Name of the Gateway of port 80; empty for no redirects.
        redirect_port: Port to which port 80 redirects; None: that of https.
    """
    gateways = [_gateway(site, namespace, service, port) for site in sites]
    routes = [route for site in sites for route in _routes(site, namespace, http_gateway, redirect_port)]
    grants = [grant for site in sites for grant in _grants(site, namespace)]
    return [*grants, *gateways, *routes]


def _object(kind: str, name: str, namespace: str, site: Site, spec: Object, api_version: str = API) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": labels_of(site.name)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def http_gateway(name: str, namespace: str, service: str) -> Object:
    """Return the Gateway of port 80 of a gateway beside the default one. Routes of its namespace attach to it, those of challenges too."""
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": _OWN_ROUTES}
    metadata = {"name": name, "namespace": namespace, "labels": {**LABELS, "app.kubernetes.io/component": "istio"}}
    return {"apiVersion": API, "kind": "Gateway", "metadata": metadata, "spec": _by_hand(service, [listener])}


def _by_hand(service: str, listeners: list[Object]) -> Object:
    return {"gatewayClassName": CLASS, "addresses": [{"type": "Hostname", "value": service}], "listeners": listeners}


def _gateway(site: Site, namespace: str, service: str, port: int) -> Object:
    """Return a Gateway with a listener for each host."""
    protocol = "TCP" if site.tls.mode == NO_TLS else "TLS" if site.tcp_port or site.tls.mode == "PASSTHROUGH" else "HTTPS"
    tls = {} if protocol == "TCP" else {"tls": _ended(site)}
    listeners = [
        {
            "name": f"{protocol.lower()}-{number}" if number else protocol.lower(),
            **({"hostname": host} if host else {}),
            "port": site.tcp_port or port,
            "protocol": protocol,
            **tls,
            "allowedRoutes": _OWN_ROUTES,
        }
        for number, host in enumerate(site.hosts if tls else [""])
    ]
    return _object("Gateway", site.name, namespace, site, {**_by_hand(service, listeners), **_clients(site)})


def _ended(site: Site) -> Object:
    """Return how a listener ends TLS."""
    if site.tls.mode == "PASSTHROUGH":
        return {"mode": "Passthrough"}
    secrets = [{"group": "", "kind": "Secret", "name": name} for name in site.credentials]
    suites = {_SUITES: ",".join(site.tls.cipher_suites)} if site.tls.cipher_suites else {}
    options = {**({} if site.tls.mode == "SIMPLE" else {_MODE: site.tls.mode}), **suites}
    return {"mode": "Terminate", **({"certificateRefs": secrets} if secrets else {}), **({"options": options} if options else {})}


def _clients(site: Site) -> Object:
    """Return whose clients are let in, where the mode alone does not say it.

    With C(MUTUAL) alone istiod looks for the authority beside the certificate, as it does for its own Gateways. With C(OPTIONAL_MUTUAL) it
    gives the pods only an authority that is named; https://github.com/istio/istio/issues/60618.
    """
    own = f"{site.credential}{CA_SUFFIX}" if site.tls.mode == "OPTIONAL_MUTUAL" else None
    authority = site.tls.ca_secret or own
    if not authority:
        return {}
    validation = {"caCertificateRefs": [{"group": "", "kind": "Secret", "name": authority}], "mode": "AllowValidOnly"}
    return {"tls": {"frontend": {"default": {"validation": validation}}}}


def _routes(site: Site, namespace: str, http_gateway: str, redirect_port: int | None) -> Iterator[Object]:
    parents = [{"group": GROUP, "kind": "Gateway", "name": site.name}]
    if site.tls.mode == "PASSTHROUGH":
        taken = {host for route in site.routes for host in route.hosts}
        for number, route in enumerate(site.routes):
            names = list(route.hosts) or [host for host in site.hosts if host not in taken]
            spec = {"parentRefs": parents, "hostnames": names, "rules": [{"backendRefs": _backends(route)}]}
            yield _object("TLSRoute", f"{site.name}.{number}" if number else site.name, namespace, site, spec)
    elif site.tcp_port:
        for route in site.routes:
            yield _object("TCPRoute", site.name, namespace, site, {"parentRefs": parents, "rules": [{"backendRefs": _backends(route)}]})
    elif site.routes:
        rules = [_rule(site, route) for route in site.routes]
        yield _object("HTTPRoute", site.name, namespace, site, {"parentRefs": parents, "hostnames": list(site.hosts), "rules": rules})
    if site.redirect and http_gateway:
        to = {"scheme": "https", "statusCode": 301, **({"port": redirect_port} if redirect_port else {})}
        # It gives way to a challenge, whose route is for an exact path.
        rule = {"matches": [_match({})], "filters": [{"type": "RequestRedirect", "requestRedirect": to}]}
        parents = [{"group": GROUP, "kind": "Gateway", "name": http_gateway}]
        spec = {"parentRefs": parents, "hostnames": list(site.hosts), "rules": [rule]}
        yield _object("HTTPRoute", site.name + REDIRECT_SUFFIX, namespace, site, spec)


def _service(to: Destination) -> tuple[str, str] | None:
    """Return name and namespace of the Service, None for a host that a ServiceEntry describes."""
    name, space, kind = [*to.host.split("."), "", ""][:3]
    return (name, space) if kind == "svc" else None


def _backends(route: Route) -> list[Object]:
    return [{**_backend(to), "weight": 1 if to.weight is None else to.weight} for to in route.destinations]


def _backend(to: Destination) -> Object:
    service = _service(to)
    # The kind by which istiod knows the hosts of ServiceEntries.
    named = {"group": "", "kind": "Service", "name": service[0], "namespace": service[1]} if service else {**_HOSTNAME, "name": to.host}
    return {**named, "port": to.port}


def _copied_to(route: Route) -> list[Destination]:
    """Return where copies of requests are sent."""
    to = route.fields.get("mirror")
    return [Destination(to["host"], to["port"]["number"], to.get("subset"))] if to else []


def _grants(site: Site, namespace: str) -> Iterator[Object]:
    """Yield what lets routes of the site name its Services, and no others, in namespaces other than its own."""
    services: dict[str, dict[str, None]] = {}
    for found in (_service(to) for route in site.routes for to in (*route.destinations, *_copied_to(route))):
        if found:
            services.setdefault(found[1], {})[found[0]] = None
    kind = "TLSRoute" if site.tls.mode == "PASSTHROUGH" else "TCPRoute" if site.tcp_port else "HTTPRoute"
    for space, names in services.items():
        if space != namespace:
            spec = {
                "from": [{"group": GROUP, "kind": kind, "namespace": namespace}],
                "to": [{"group": "", "kind": "Service", "name": name} for name in names],
            }
            yield _object("ReferenceGrant", f"{namespace}.{site.name}", space, site, spec, GRANT_API)


def _rule(site: Site, route: Route) -> Object:
    """Return the rule of an HTTPRoute that does what the rule of a VirtualService does."""
    rule = http_rule(site, route)
    backends = {} if "redirect" in rule else {"backendRefs": _backends(route)}
    timeouts = {"timeouts": {"request": rule["timeout"]}} if rule.get("timeout") else {}
    return {
        "matches": [_match(route.condition)],
        **({"filters": found} if (found := _filters(rule, route)) else {}),
        **backends,
        **timeouts,
    }


def _match(condition: Raw) -> Object:
    (kind, path), *_others = (condition.get("uri") or {"prefix": "/"}).items()
    # The end of a prefix is that of a part of the path, with and without a slash.
    path = path.rstrip("/") or "/" if kind == "prefix" else path
    method = {"method": condition["method"]["exact"]} if condition.get("method") else {}
    texts = {
        key: [
            {"name": name, "type": _TEXTS[how], "value": str(text)} for name, value in condition[key].items() for how, text in value.items()
        ]
        for key in ("headers", "queryParams")
        if condition.get(key)
    }
    return {"path": {"type": _PATHS[kind], "value": path}, **method, **texts}


def _filters(rule: Raw, route: Route) -> list[Object]:
    found = []
    for side, word in (("request", "Request"), ("response", "Response")):
        given = (rule.get("headers") or {}).get(side) or {}
        lists = {key: [{"name": name, "value": str(value)} for name, value in (given.get(key) or {}).items()] for key in ("set", "add")}
        changes = {key: value for key, value in {**lists, "remove": list(given.get("remove") or ())}.items() if value}
        if changes:
            found.append({"type": f"{word}HeaderModifier", f"{side}HeaderModifier": changes})
    share = (route.fields.get("mirrorPercentage") or {}).get("value")
    # In parts of a million, since shares may be smaller than a percent.
    part = {} if share is None else {"fraction": {"numerator": round(share * 10000), "denominator": 1000000}}
    found += [{"type": "RequestMirror", "requestMirror": {"backendRef": _backend(to), **part}} for to in _copied_to(route)]
    rewrite, redirect = rule.get("rewrite") or {}, rule.get("redirect") or {}
    if rewrite:
        name = {"hostname": rewrite["authority"]} if rewrite.get("authority") else {}
        found.append({"type": "URLRewrite", "urlRewrite": {**name, **_path(rewrite.get("uri"), route)}})
    if redirect:
        given = {"scheme": redirect.get("scheme"), "hostname": redirect.get("authority"), "port": redirect.get("port")}
        path = _path(redirect.get("prefixRewrite"), route) or _path(redirect.get("uri"), None)
        to = {**{key: value for key, value in given.items() if value}, **path, "statusCode": redirect.get("redirectCode") or 301}
        found.append({"type": "RequestRedirect", "requestRedirect": to})
    return found


def _path(path: str | None, route: Route | None) -> Object:
    """Return what replaces the path: that part of it which a prefix matched, or all of it."""
    if not path:
        return {}
    kind = "ReplacePrefixMatch" if route and route.match in (None, "prefix") else "ReplaceFullPath"
    return {"path": {"type": kind, f"r{kind[1:]}": path}}


def problems(sites: Sequence[Site]) -> list[str]:
    """Return a sentence for everything of sites that the Gateway API cannot express, or would do in another way."""
    return [f"edge_sites ({site.name}): {text}, {_INSTEAD}" for site in sites for text in _problems(site)]


def setting_problems(settings: Raw) -> list[str]:
    """Return a sentence for each setting that is for Istio's own objects only."""
    given = str(settings.get("edge_trusted_proxies") or 0) != "0"
    return [f"edge_trusted_proxies is given, and edge_api is gateway, which does not know it; remove it, {_INSTEAD}"] if given else []


def _nothing_for(field: str) -> str:
    return f"{field} is given, and the Gateway API has nothing for it; remove it"


def _problems(site: Site) -> Iterator[str]:
    yield from _tls_problems(site)
    if site.credentials and not site.tcp_port and len(site.hosts) > 1:
        # Each is a server of its own. Browsers use one HTTP/2 connection for all names of a certificate, and get 404.
        yield (
            f"hosts has {len(site.hosts)} names, each of which is a listener of its own in the Gateway API, so that browsers would send "
            "requests for one over their connection for another, which answers 404; make a site of each"
        )
    for key in ("hosts", "routes"):
        if len(getattr(site, key)) > _MOST:
            yield f"{key} has {len(getattr(site, key))} entries, and a route of the Gateway API takes {_MOST}; make several sites of them"
    for index, route in enumerate(site.routes):
        yield from (f"routes[{index}]{text}" for text in _route_problems(route))
    yield from _order_problems(site.routes)


def _tls_problems(site: Site) -> Iterator[str]:
    if site.tls.mode == "OPTIONAL_MUTUAL" and not (site.tls.ca_certificate or site.tls.ca_secret):
        yield "tls.mode is OPTIONAL_MUTUAL, for which the Gateway API needs a named authority; give tls.ca_certificate or tls.ca_secret"
    for key in ("min_version", "max_version", "subject_alt_names"):
        if getattr(site.tls, key):
            yield _nothing_for(f"tls.{key}")
    if len(site.credentials) > 2:
        yield f"tls.credentials has {len(site.credentials)} entries, and a listener of the Gateway API takes 2; remove some"


def _route_problems(route: Route) -> Iterator[str]:
    for key, name in AS_GIVEN.items():
        if route.fields.get(name) and key not in ("redirect", "headers"):
            yield _nothing_for(f".{key}")
    for key, subset in (
        *((".destinations", to.subset) for to in route.destinations),
        *((".mirror", to.subset) for to in _copied_to(route)),
    ):
        if subset:
            yield _nothing_for(f"{key}.subset")
    yield from _condition_problems(route)
    yield from _change_problems(route)
    timeout = route.fields.get("timeout")
    if timeout and not _DURATION.fullmatch(str(timeout)):
        yield f".timeout is '{timeout}', and the Gateway API takes whole numbers such as 1m30s or 1500ms; change it"


def _change_problems(route: Route) -> Iterator[str]:
    redirect, rewrite = route.fields.get("redirect") or {}, route.fields.get("rewrite") or {}
    if redirect.get("derivePort"):
        yield _nothing_for(".redirect.derivePort")
    if redirect.get("prefixRewrite") and route.match != "prefix":
        yield ".redirect.prefixRewrite replaces a prefix, and the route has none; use uri"
    if redirect.get("redirectCode") not in (None, *_STATUSES):
        yield f".redirect.redirectCode is {redirect['redirectCode']}, and the Gateway API takes {', '.join(map(str, _STATUSES))}; change it"
    if rewrite.get("uriRegexRewrite"):
        yield _nothing_for(".rewrite.uriRegexRewrite")
    if route.rewrite and route.match == "regex":
        yield ".rewrite would replace the whole path, since the route has a regex; give it a prefix"


def _condition_problems(route: Route) -> Iterator[str]:
    if route.match == "prefix" and not route.value.endswith("/"):
        yield (
            f".prefix is '{route.value}', which the Gateway API takes for whole parts of the path, so that {route.value}x would not match; "
            f"write '{route.value}/', or regex: '{re.escape(route.value)}.*'"
        )
    if route.conditions.get("ignoreUriCase"):
        yield _nothing_for(".ignore_case")
    for key, name in CONDITIONS.items():
        given = route.conditions.get(name) or {}
        if given and key == "without_headers":
            yield _nothing_for(".without_headers")
            continue
        # Conditions by the name of what they are on; the method has none.
        conditions = {f".{key}": given} if key == "method" and given else {f".{key}.{word}": value for word, value in given.items()}
        allowed = ("exact",) if key == "method" else tuple(_TEXTS)
        for place, condition in conditions.items():
            if not condition or set(condition) - set(allowed):
                said = dict(condition) or "for any value"
                yield f"{place} is {said}, and the Gateway API compares by {' or '.join(allowed)} only; change it"


def _order_problems(routes: Sequence[Route]) -> Iterator[str]:
    """Yield the routes that requests reach before one that is written earlier and takes them, too."""
    for index, late in enumerate(routes):
        for before, early in enumerate(routes[:index]):
            if _rank(late) > _rank(early) and _overlap(early, late):
                yield (
                    f"routes[{before}] is written before routes[{index}], and the Gateway API asks the more special one first; "
                    f"put routes[{index}] first if that is what you mean"
                )


def _rank(route: Route) -> tuple[int, ...]:
    """Return how special istiod finds a route; by sortHTTPRoutes, pilot/pkg/config/kube/gateway/conversion.go."""
    path = _match(route.condition)["path"]
    kind = next(key for key, name in _PATHS.items() if name == path["type"])
    conditions = route.conditions
    sizes = (len(conditions.get(name) or ()) for name in ("headers", "queryParams"))
    return (_RANKS.index(kind), len(path["value"]), int(bool(conditions.get("method"))), *sizes)


def _overlap(one: Route, other: Route) -> bool:
    """Return whether a request may be for both, as far as paths and methods say."""
    methods = [(route.conditions.get("method") or {}).get("exact") for route in (one, other)]
    if all(methods) and methods[0] != methods[1]:
        return False
    paths = sorted((route.match or "prefix", route.value or "/") for route in (one, other))
    kinds = [kind for kind, _path in paths]
    if "regex" in kinds:
        return True
    (first, left), (_second, right) = paths
    if kinds == ["exact", "exact"]:
        return left == right
    return left.startswith(right) if first == "exact" else left.startswith(right) or right.startswith(left)
