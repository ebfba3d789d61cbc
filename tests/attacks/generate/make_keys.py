"""Makes the keys of the corpus. They are test keys, published with the source; nothing real trusts them.

Makes the ones that are missing: the others are committed, so that the corpus is the same on every machine.
"""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID

from .world import KEYS

MAKERS = {
    "idp-rsa": lambda: rsa.generate_private_key(65537, 2048),
    "idp-rsa-next": lambda: rsa.generate_private_key(65537, 2048),
    "idp-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "idp-p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "idp-p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "idp-rsa-1024": lambda: rsa.generate_private_key(65537, 1024),
    "idp-dsa": lambda: dsa.generate_private_key(2048),
    "idp-secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "other-idp-rsa": lambda: rsa.generate_private_key(65537, 2048),
    "evil-rsa": lambda: rsa.generate_private_key(65537, 2048),
    "evil-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "idp-rsa-e3": lambda: rsa.generate_private_key(3, 2048),
    "sp-rsa": lambda: rsa.generate_private_key(65537, 2048),
    "sp-rsa-next": lambda: rsa.generate_private_key(65537, 3072),
    "sp-rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
    "sp-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "other-sp-rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def certificate(key, name):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2025, 1, 1))
        .not_valid_after(datetime.datetime(2125, 1, 1))
        .sign(key, hashes.SHA256())
    )


def main():
    KEYS.mkdir(exist_ok=True)
    for name, make in MAKERS.items():
        if (KEYS / f"{name}.key.pem").exists():
            continue
        key = make()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (KEYS / f"{name}.key.pem").write_bytes(pem)
        # The attacker may call the key what the identity provider calls its own.
        subject = "idp.example.com" if name.startswith(("idp-", "evil-")) else name
        (KEYS / f"{name}.crt.pem").write_bytes(
            certificate(key, subject).public_bytes(serialization.Encoding.PEM)
        )


if __name__ == "__main__":
    main()
