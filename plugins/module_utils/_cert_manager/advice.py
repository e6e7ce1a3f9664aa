# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What helps against a cause, where that is known."""

from __future__ import annotations

import re

_ADVICE = (
    (
        re.compile(r"urn:ietf:params:acme:error:rateLimited"),
        "The ACME server limits requests: wait until the time named, and use a staging issuer while trying things out.",
    ),
    (
        re.compile(r"^Challenge .*(no such host|NXDOMAIN|urn:ietf:params:acme:error:dns\b)"),
        "Create DNS records of that name which point at the hosts of this site, and check that the cluster's DNS sees them.",
    ),
    (
        re.compile(r"^Challenge .*(wrong status code '[345]\d\d'|is redirected to|did not get expected response|error:unauthorized)"),
        (
            "Something else answers http://<name>/.well-known/acme-challenge/: another web server on port 80, a redirect that "
            "swallows that path, or DNS that points elsewhere."
        ),
    ),
    (
        re.compile(
            r"^Challenge .*(connection refused|no route to host|i/o timeout|deadline exceeded|Timeout during connect|error:connection)"
        ),
        "Port 80 of that name must be reachable, from the ACME server and from inside the cluster.",
    ),
    (
        re.compile(r"Issuer \S+ is not ready: .*(dial tcp|no such host|timeout|deadline exceeded|x509:)"),
        "The cluster must reach the ACME server of that issuer, and trust its certificate (caBundle of the issuer).",
    ),
    (
        re.compile(r"Issuer \S+ is not ready: .*urn:ietf:params:acme:error:(invalidContact|unsupportedContact)"),
        "Correct spec.acme.email of that issuer (edge_email, where this collection made it).",
    ),
    (
        re.compile(r"Issuer \S+ is not ready: .*secrets? \S+ not found"),
        "Create that Secret: for a ClusterIssuer in cert-manager's own namespace, for an Issuer beside it.",
    ),
    (
        re.compile(r"log says: error creating new order: "),
        "The cluster must reach the ACME server of that issuer; cert-manager goes on trying.",
    ),
    (
        re.compile(r"cert-manager's (controller|webhook) does not run"),
        "Check the pods of cert-manager's namespace; playbook baremesh.edge.cert_manager brings them back.",
    ),
    (
        re.compile(r"Issuer \S+ does not exist"),
        "Create the issuer, or correct issuerRef of the Certificate.",
    ),
    (
        re.compile(r"no solver of"),
        "Add a solver to the issuer whose selector fits these names; wildcard names need DNS-01.",
    ),
    (
        re.compile(r"waits for approval"),
        "cert-manager's own approver is off, or an approver policy does not cover this request.",
    ),
    (
        re.compile(r"cert-manager has not"),
        "Check that cert-manager's controller runs and that its log shows no errors.",
    ),
)


def hints(text: str, retry_at: str | None = None) -> list[str]:
    """The lines that follow the first line of a failed wait.

    Args:
        text: that first line.
        retry_at: when cert-manager tries again by itself.
    """
    found = []
    helps = advice(text)
    if retry_at:
        # To ask sooner would count against the limit again.
        limited = "urn:ietf:params:acme:error:rateLimited" in text
        found.append(f"The next attempt is due at {retry_at}{'' if limited else '; baremesh.edge.certificate_renew asks for one at once'}.")
    return [*found, helps] if helps else found


def advice(text: str) -> str | None:
    """What to do about a cause, None where that is not known."""
    return next((sentence for pattern, sentence in _ADVICE if pattern.search(text)), None)
