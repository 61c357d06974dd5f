"""Chains of certificates that lead to a trusted root, and chains that only seem to."""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from sekisho.passes.attestation import Attested, TrustRoot, leads_to_a_root

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEYS = {
    name: ec.derive_private_key(number, ec.SECP256R1())
    for number, name in enumerate(("root", "between", "device", "thief"), start=1000)
}


def certificate(
    subject: str,
    issuer: str,
    *,
    signer: str = "",
    ca: bool = True,
    years: tuple[int, int] = (2020, 2120),
) -> x509.Certificate:
    return (
        x509.CertificateBuilder(
            subject_name=named(subject),
            issuer_name=named(issuer),
            public_key=KEYS[subject].public_key(),
            serial_number=5,
            not_valid_before=datetime(years[0], 1, 1, tzinfo=UTC),
            not_valid_after=datetime(years[1], 1, 1, tzinfo=UTC),
        )
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(KEYS[signer or issuer], SHA256())
    )


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


ROOT = certificate("root", "root")
BETWEEN = certificate("between", "root")
DEVICE = certificate("device", "between", ca=False)
DIRECT = certificate("device", "root", ca=False)


def leads(
    chain: list[x509.Certificate], root: x509.Certificate = ROOT, fmt: str = "packed"
) -> bool:
    attested = Attested(
        fmt="packed",
        chain=tuple(each.public_bytes(Encoding.DER) for each in chain),
        flags=0,
        aaguid=bytes(16),
        handle=b"h",
        public_key=b"",
    )
    return leads_to_a_root(
        attested, [TrustRoot(fmt=fmt, pem=root.public_bytes(Encoding.PEM))], NOW
    )


@pytest.mark.parametrize("chain", [[DIRECT], [DEVICE, BETWEEN], [DEVICE, BETWEEN, ROOT]])
def test_a_chain_to_the_root(chain: list[x509.Certificate]) -> None:
    assert leads(chain)
    assert not leads(chain, certificate("thief", "thief"))
    assert not leads(chain, fmt="tpm")


EXPIRED, COMING = (2020, 2026), (2027, 2120)
NO_CHAINS = {
    "nothing": [],
    "a link is missing": [DEVICE],
    "in another order": [BETWEEN, DEVICE],
    "a stranger in between": [DEVICE, certificate("thief", "root")],
    "signed by a thief, under the root's name": [
        certificate("device", "root", signer="thief", ca=False)
    ],
    "signed by a device, as if that were an authority": [
        certificate("thief", "device", ca=False),
        DIRECT,
    ],
    "an own root": [certificate("device", "thief", ca=False), certificate("thief", "thief")],
    "a root of the same name": [
        certificate("device", "root", signer="thief", ca=False),
        certificate("root", "root", signer="thief"),
    ],
    "the first has expired": [certificate("device", "root", ca=False, years=EXPIRED)],
    "the first is not valid yet": [certificate("device", "root", ca=False, years=COMING)],
    "one in between has expired": [DEVICE, certificate("between", "root", years=EXPIRED)],
    "too long": [DEVICE, BETWEEN, *[ROOT] * 5],
}


@pytest.mark.parametrize("name", NO_CHAINS)
def test_a_chain_that_leads_nowhere(name: str) -> None:
    assert not leads(NO_CHAINS[name])


@pytest.mark.parametrize("years", [EXPIRED, COMING])
def test_a_root_out_of_time(years: tuple[int, int]) -> None:
    root = certificate("root", "root", years=years)
    assert not leads([DIRECT], root)
    attested = Attested(
        fmt="packed",
        chain=(DIRECT.public_bytes(Encoding.DER),),
        flags=0,
        aaguid=bytes(16),
        handle=b"h",
        public_key=b"",
    )
    roots = [TrustRoot(fmt="packed", pem=each.public_bytes(Encoding.PEM)) for each in (root, ROOT)]
    assert leads_to_a_root(attested, roots, NOW), "the renewed root stands beside the old one"


def test_a_root_that_is_no_authority() -> None:
    assert not leads([DIRECT], certificate("root", "root", ca=False))
