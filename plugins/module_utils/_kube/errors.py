# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between a module and the Kubernetes API."""

from __future__ import annotations

from ansible_collections.baremesh.edge.plugins.module_utils._errors import EdgeError

TRANSIENT_STATUS = frozenset((408, 410, 429, 500, 502, 503, 504))


class KubeError(EdgeError):
    """Base of all errors of this package; its text is one sentence for the user."""

    transient = gone = not_found = False


class ConfigError(KubeError):
    """The connection data given by the user cannot be used."""


class ConnectionLost(KubeError):  # noqa: N818
    """No answer, or an answer that ended in the middle."""

    transient = True


class ApiError(KubeError):
    """The API server answered with an error status.

    Attributes:
        status: HTTP status, or the code of a Status object in a watch.
        reason: the API's word for it, such as NotFound.
        message: the API's own sentence.
        retry_after: seconds the server asks to wait, if it does.
        attempt: what was tried, such as "list certificates.cert-manager.io in istio-ingress".
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        attempt: str,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"Could not {attempt}: HTTP {status} {reason or 'without reason'}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.attempt = attempt

    @property
    def transient(self) -> bool:  # type: ignore[override]
        """True where the same request can succeed later by itself."""
        return self.status in TRANSIENT_STATUS

    @property
    def gone(self) -> bool:  # type: ignore[override]
        """True where a resource version is too old and only a new LIST helps."""
        return self.status == 410

    @property
    def forbidden(self) -> bool:
        """True where RBAC refuses."""
        return self.status == 403

    @property
    def not_found(self) -> bool:  # type: ignore[override]
        """True where the object, or its kind, does not exist."""
        return self.status == 404


class KindAbsent(ApiError):  # noqa: N818
    """The API server does not know the kind: its CRD is not installed."""

    def __init__(self, full_name: str, kind: str, error: ApiError) -> None:
        super().__init__(error.status, error.reason, error.message, error.attempt, error.retry_after)
        self.args = (f"The API server does not know the kind {kind} ({full_name}): its CRD is not installed",)


class WebhookSilent(ApiError):  # noqa: N818
    """The API server could not ask an admission webhook; the text says whose."""

    def __init__(self, text: str, error: ApiError) -> None:
        super().__init__(error.status, error.reason, error.message, error.attempt, error.retry_after)
        self.args = (text,)
