"""The journal: one table, to which rows can only be added at the end."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NOT_EDITED = """
CREATE TRIGGER journal_is_not_edited BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'entries of the journal are not edited'); END
"""
_NOT_DELETED = """
CREATE TRIGGER journal_is_not_cut BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'entries of the journal are not deleted'); END
"""
# INSERT OR REPLACE deletes without asking the trigger above, so an insert is looked at too.
_NOT_REPLACED = """
CREATE TRIGGER journal_grows_at_its_end BEFORE INSERT ON journal
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM journal)
OR EXISTS (SELECT 1 FROM journal WHERE entry_id = NEW.entry_id)
BEGIN SELECT RAISE(ABORT, 'entries of the journal are added at its end, once'); END
"""


def upgrade() -> None:
    """Create the table and, on SQLite, the triggers that refuse everything but adding to it."""
    op.create_table(
        "journal",
        sa.Column(
            "seq",
            # On SQLite only INTEGER is the row's own key; it holds 64 bits all the same.
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("entry_id", sa.String(26), nullable=False, unique=True),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("seq >= 1", name="journal_seq_from_one"),
    )
    if op.get_bind().dialect.name == "sqlite":  # elsewhere the role may insert and select only
        for refusal in (_NOT_EDITED, _NOT_DELETED, _NOT_REPLACED):
            op.execute(refusal)
