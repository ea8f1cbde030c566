"""Bringing a database to the newest schema with Alembic, once, however many processes ask at the same time."""

from alembic.command import upgrade as alembic_upgrade
from alembic.config import Config
from sqlalchemy import Connection

from core.errors import UserError
from core.store.engine import Store, take_turn
from core.store.schema import MIGRATIONS, known_revisions, revision_of


def alembic_config() -> Config:
    """Alembic's configuration, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


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
    known = known_revisions()
    with store.engine.execution_options(begin="IMMEDIATE").begin() as connection:
        take_turn(connection)
        current = revision_of(connection)
        if current == known[-1]:
            return
        if current is not None and current not in known:
            raise UserError(
                f"The database {store.place} was made by a newer version of Unconfound (schema {current}). Update the program."
            )
        upgrade_to(connection, known[-1])
