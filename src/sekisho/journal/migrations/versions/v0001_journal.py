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

# On PostgreSQL the roles say who may do what. These hold the table's owner too, until the owner
# takes them off; and since the database can hash, nobody can add what breaks the chain. ALWAYS:
# also in a session that says it only repeats what another server did.
_POSTGRESQL = (
    """
CREATE FUNCTION sekisho.journal_refuses() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'entries of the journal are not edited, and not deleted';
END $$
""",
    """
CREATE FUNCTION sekisho.journal_grows() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_seq bigint;
    last_hash bytea;
    tail bytea;
BEGIN
    SELECT seq, hash INTO last_seq, last_hash FROM sekisho.journal ORDER BY seq DESC LIMIT 1;
    IF NOT FOUND THEN
        last_seq := 0;
        last_hash := decode(repeat('00', 32), 'hex');
    END IF;
    tail := convert_to(',"prev_hash":"' || encode(last_hash, 'hex') || '","seq":'
        || (last_seq + 1) || '}', 'UTF8');
    IF NEW.seq IS DISTINCT FROM last_seq + 1
        OR octet_length(NEW.document) NOT BETWEEN octet_length(tail) AND 1048576
        OR substr(NEW.document, octet_length(NEW.document) - octet_length(tail) + 1)
            IS DISTINCT FROM tail
        OR NEW.hash IS DISTINCT FROM
            sha256(convert_to('sekisho/journal-entry/v1' || chr(10), 'UTF8') || NEW.document)
    THEN
        RAISE EXCEPTION 'entries of the journal are added at its end, and continue its chain';
    END IF;
    RETURN NEW;
END $$
""",
    """
CREATE TRIGGER journal_is_not_edited BEFORE UPDATE OR DELETE OR TRUNCATE ON sekisho.journal
FOR EACH STATEMENT EXECUTE FUNCTION sekisho.journal_refuses()
""",
    """
CREATE TRIGGER journal_grows_at_its_end BEFORE INSERT ON sekisho.journal
FOR EACH ROW EXECUTE FUNCTION sekisho.journal_grows()
""",
    "ALTER TABLE sekisho.journal ENABLE ALWAYS TRIGGER journal_is_not_edited",
    "ALTER TABLE sekisho.journal ENABLE ALWAYS TRIGGER journal_grows_at_its_end",
)


def upgrade() -> None:
    """Create the table and the triggers that refuse everything but adding to its end."""
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
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in (_NOT_EDITED, _NOT_DELETED, _NOT_REPLACED) if sqlite else _POSTGRESQL:
        op.execute(statement)
