"""Signing and checking approvals: Ed25519 (RFC 8032) over the tagged digest of their bytes."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sekisho.passes.documents import approval_bytes, approval_digest, read_approval
from sekisho.passes.records import Approval, SignedApproval


def sign_approval(approval: Approval, key: Ed25519PrivateKey) -> SignedApproval:
    """Return the approval's canonical bytes with the signature of `key` over their digest.

    Raises `BadInputError` for an approval that could not be read back: a rejection with a line
    break in its reason, say, would stop nothing, and its signer would not know.
    """
    document = approval_bytes(approval)
    read_approval(document, "approval")
    return SignedApproval(document=document, signature=key.sign(approval_digest(document)))


def signature_holds(signed: SignedApproval, public_key: bytes) -> bool:
    """Return whether the 32-byte `public_key` signed exactly these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            signed.signature, approval_digest(signed.document)
        )
    except (InvalidSignature, ValueError):
        return False
    return True
