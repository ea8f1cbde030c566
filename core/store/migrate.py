"""Bringing a database to the newest schema with Alembic, once, however many processes ask at the same time."""

from pathlib import Path

from alembic.command import upgrade as alembic_upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from core.errors import UserError
from core.store.engine import Store, take_turn

MIGRATIONS = Path(__file__).parent / "migrations"


def alembic_config() -> Config:
    """Alembic's configuration, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def known_revisions() -> list[str]:
    """Every schema that this version of the program knows, oldest first."""
    script = ScriptDirectory.from_config(alembic_config())
    return [revision.revision for revision in script.walk_revisions()][::-1]


def revision_of(connection: Connection) -> str | None:
    """The schema of a database; None where it has no tables of ours."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade_to(connection: Connection, revision: str) -> None:
    """Apply migrations up to a revision, within the caller's transaction."""
    config = alembic_config()
    config.attributes["connection"] = connection
    alembic_upgrade(config, revision)


def upgrade(store: Store) -> None:
    """Apply every migration that the database lacks.

    The check and the migration share one writing transaction, so of two processes the second finds nothing to do.

    Raises:
        UserError: the database has a revision that this version of the program does not know.
    """
    config = alembic_config()
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    with store.engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() == head:
            return
    known = {revision.revision for revision in script.walk_revisions()}
    with store.engine.execution_options(begin="IMMEDIATE").begin() as connection:
        take_turn(connection)
        current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        if current is not None and current not in known:
            raise UserError(
                f"The database {store.place} was made by a newer version of Unconfound (schema {current}). Update the program."
            )
        config.attributes["connection"] = connection
        alembic_upgrade(config, "head")
