# Copyright: (c) 2026, The baremesh.edge authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An issuer of JSON Web Tokens: RFC 7515 with ES256 of RFC 7518."""

from __future__ import annotations

import base64
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils


def encoded(data):
    """Bytes as the parts of a token have them."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens, and shows its public key."""

    def __init__(self, name):
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def keys(self):
        """Its public keys."""
        public = self._key.public_key().public_numbers()
        point = {axis: encoded(getattr(public, axis).to_bytes(32, "big")) for axis in ("x", "y")}
        return {"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", **point}]}

    def token(self, audience, seconds=600, **claims):
        """A token for an audience, for so many seconds."""
        claims = {"iss": self.name, "sub": "tester", "aud": audience, "exp": int(time.time()) + seconds, **claims}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": "one", "typ": "JWT"}, claims))
        r, s = utils.decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
