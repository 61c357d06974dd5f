"""Signing an approval with a key file: Ed25519 (RFC 8032) over the tagged digest of its bytes."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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
