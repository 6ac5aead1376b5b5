"""Runs migrations on the connection that `dialer.store.migrate` hands over, inside its transaction."""

from alembic import context

from dialer.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
