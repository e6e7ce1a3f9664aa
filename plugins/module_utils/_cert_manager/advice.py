# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What helps against a cause, where that is known."""

from __future__ import annotations

import re

# By a regular expression for the cause; the first that fits counts.
_ADVICE = {
    r"^Challenge ([^/\s]+)/(\S+) cannot be removed, and holds up ([^:\s]+):": (
        r"It has the solver and the key with which it was made. Remove the record _acme-challenge.\3 from its zone if it is there, then "
        r"let the Challenge go: kubectl --namespace \1 patch challenges.acme.cert-manager.io \2 --type merge "
        r"""--patch '{"metadata": {"finalizers": null}}'; cert-manager begins another one by itself."""
    ),
    r"urn:ietf:params:acme:error:rateLimited": (
        "The ACME server limits requests: wait until the time named, and use a staging issuer while trying things out."
    ),
    r"urn:ietf:params:acme:error:caa\b": (
        "Correct the CAA records of that domain, or of the parent that has them, so that they name the authority of this issuer "
        "(issuewild for wildcards), or name another issuer. Then order again with baremesh.edge.certificate_renew."
    ),
    r"(?s)urn:ietf:params:acme:error:(rejectedIdentifier|malformed).*(redundant|policy|public suffix)": (
        "The ACME server does not issue for these names: remove redundant ones, and use an issuer of type ca for private names."
    ),
    (
        r"(?i)^Challenge .*(secrets? \S+ not found|failed to load secret|no key \S+ in secret|key \S+ not found in secret"
        r"|no data found in secret)"
    ): (
        "Create the Secret that this DNS-01 solver names, with the key that it names: for a ClusterIssuer in cert-manager's own "
        "namespace, for an Issuer beside it."
    ),
    # The library that cert-manager uses says the same of a wrong key and of a server that does not have the zone.
    r"(?i)^Challenge .*DNS update failed.*(bad authentication|replied: (NOTAUTH|BADKEY|BADSIG))": (
        "The name server of this DNS-01 solver (rfc2136) does not know the TSIG key by that name, algorithm and secret, or is not the "
        "primary server of the zone: compare key_name, algorithm and token with its configuration, and nameserver with the zone's SOA "
        "record. Where the zone is not delegated, cert-manager tries its parent: check the NS records of the zone at its parent."
    ),
    r"(?i)^Challenge .*DNS update failed.*replied: REFUSED": (
        "The name server takes the TSIG key of this DNS-01 solver (rfc2136) and does not let it write TXT records here: allow that in "
        "the update-policy of the zone, for _acme-challenge of this name."
    ),
    r"(?i)^Challenge .*DNS update failed.*(timeout|connection refused|no route|unreachable)": (
        "The cluster does not reach the name server of this DNS-01 solver (rfc2136): check nameserver, and that firewalls let pods reach "
        "its port 53 by UDP and TCP."
    ),
    r"^Challenge .*(rcode was expected .*got '|find the SOA record|determine (the zone|authoritative nameservers) for)": (
        "The resolvers that cert-manager asks do not find the zone of this name: check that the servers to which its parent delegates it "
        "have the zone (SERVFAIL and REFUSED say that they do not). Where a resolver inside answers for that zone, let cert-manager ask "
        "others: cert_manager_dns01_recursive_nameservers."
    ),
    r"^Challenge .*: NS \S+ returned \w+ for ": (
        "That name server is named in the zone's NS records and does not have the zone: let it serve the zone, or remove its NS record."
    ),
    (
        r"(?i)^Challenge .*(credential has been given|token missing|(token|key) is invalid|empty credentials|invalid (access token"
        r"|request headers|api (key|token)|credentials|client)|authentication (error|failed)|unable to authenticate|accessdenied"
        r"|not authorized|(?<!acme:error:)unauthori[sz]ed|forbidden|InvalidClientTokenId|SignatureDoesNotMatch|ExpiredToken"
        r"|UnrecognizedClient|AADSTS|AuthorizationFailed|replied: (REFUSED|NOTAUTH|BADKEY|BADSIG)|bad (key|signature)"
        r"|googleapi: error 40[13]|\b401\b)"
    ): (
        "The DNS provider does not take the credentials of this DNS-01 solver: put a valid token, without a line break at its end and "
        "allowed to read the zone and to edit its records, into the Secret that the solver names."
    ),
    r"(?i)^Challenge .*(found no zones for domain|zone \S+ not found|NOTZONE)": (
        "The DNS provider shows no zone for this name: check that the zone is with it, and that the solver's token may read it."
    ),
    r"^Challenge .*not yet propagated": (
        "Not all name servers of the zone show the TXT record yet: if it stays so, one of them does not follow the primary server, or "
        "the solver writes to another one. Where a resolver inside answers for that zone, let cert-manager ask public ones: "
        "cert_manager_dns01_recursive_nameservers and cert_manager_dns01_recursive_only."
    ),
    r"(?i)^Challenge .*(TXT record|looking up TXT|_acme-challenge)": (
        "The ACME server does not find the TXT record _acme-challenge of that name: check that the zone's NS records name the provider "
        "to which the solver writes."
    ),
    r"^Challenge .*(no such host|NXDOMAIN|urn:ietf:params:acme:error:dns\b)": (
        "Create DNS records of that name with the addresses at which clients reach this site, and check that the cluster's DNS sees them."
    ),
    r"^Challenge .*(wrong status code '[345]\d\d'|is redirected to|did not get expected response|error:unauthorized)": (
        "Something else answers http://<name>/.well-known/acme-challenge/: another web server on port 80, a redirect that swallows that "
        "path, or DNS that points elsewhere."
    ),
    r"^Challenge .*(connection refused|no route to host|i/o timeout|deadline exceeded|Timeout during connect|error:connection)": (
        "Port 80 of that name must be reachable, from the ACME server and from inside the cluster."
    ),
    r"Issuer \S+ is not ready: .*(dial tcp|no such host|timeout|deadline exceeded|x509:)": (
        "The cluster must reach the server of that issuer, and trust its certificate (caBundle of the issuer)."
    ),
    r"Vault is sealed": "Unseal that server (bao operator unseal); cert-manager goes on by itself.",
    r"(?i)vault client.*(invalid role|role .* could not be found|invalid secret id)": (
        "Create that role in the auth method (bao write auth/MOUNT/role/ROLE ...), or correct auth of the issuer."
    ),
    r"(?i)vault client.*(service account name|namespace) not authorized": (
        "Add the service account vault-ISSUER, in cert-manager's namespace or beside an Issuer, to bound_service_account_names and "
        "bound_service_account_namespaces of that role."
    ),
    r"(?i)vault client.*(invalid audience|permission denied|/login\))": (
        "The server does not let cert-manager in: compare auth of the issuer with that auth method and its configuration on the server. "
        "The audience of the role is vault://ISSUER, or vault://NAMESPACE/ISSUER for an Issuer."
    ),
    r"(?i)Vault .*(no data for \S+ in secret|secrets? \S+ not found)": (
        "Create the Secret that auth of the issuer names, with the key that it names: for a ClusterIssuer in cert-manager's own "
        "namespace, for an Issuer beside it."
    ),
    r"Vault failed to sign certificate: .*unknown role": (
        "Create that role of the engine (bao write MOUNT/roles/ROLE ...), or correct path of the issuer."
    ),
    r"Vault failed to sign certificate: .*not allowed by this role": (
        "Let that role of the engine issue these names (allowed_domains, allow_subdomains, allow_bare_domains), or name another issuer."
    ),
    r"Vault failed to sign certificate: .*(permission denied|invalid token)": (
        "The policy of cert-manager's role or token does not allow it, or the token has expired: let it sign there, as in "
        'path "pki/sign/edge" { capabilities = ["update"] }.'
    ),
    r"Vault failed to sign certificate: .*(no handler for route|unsupported path)": (
        "No engine is mounted there: compare path of the issuer with bao secrets list."
    ),
    r"Issuer \S+ is not ready: .*urn:ietf:params:acme:error:(invalidContact|unsupportedContact)": (
        "Correct spec.acme.email of that issuer (edge_email, where this collection made it)."
    ),
    r"Issuer \S+ is not ready: .*secrets? \S+ not found": (
        "Create that Secret: for a ClusterIssuer in cert-manager's own namespace, for an Issuer beside it."
    ),
    r"log says: error creating new order: ": "The cluster must reach the ACME server of that issuer; cert-manager goes on trying.",
    r"cert-manager's (controller|webhook) does not run": (
        "Check the pods of cert-manager's namespace; playbook baremesh.edge.cert_manager brings them back."
    ),
    r"Issuer \S+ does not exist": "Create the issuer, or correct issuerRef of the Certificate.",
    r"no solver of": "Add a solver to the issuer whose selector fits these names; wildcard names need DNS-01.",
    r"waits for approval": "cert-manager's own approver is off, or an approver policy does not cover this request.",
    r"cert-manager has not": "Check that cert-manager's controller runs and that its log shows no errors.",
}


def hints(text: str, retry_at: str | None = None) -> list[str]:
    """The lines after the first line of a failed wait; retry_at is when cert-manager tries again by itself."""
    found = []
    helps = advice(text)
    if retry_at:
        # To ask sooner would count against the limit again.
        limited = "urn:ietf:params:acme:error:rateLimited" in text
        sooner = "" if limited else "; once the cause is gone, baremesh.edge.certificate_renew asks for one at once"
        found.append(f"The next attempt is due at {retry_at}{sooner}.")
    return [*found, helps] if helps else found


def advice(text: str) -> str | None:
    """What to do about a cause, None where that is not known. Names in the cause may be part of it."""
    found = ((re.search(pattern, text), sentence) for pattern, sentence in _ADVICE.items())
    return next((match.expand(sentence) for match, sentence in found if match), None)
