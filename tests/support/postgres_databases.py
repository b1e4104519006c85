"""Databases of a Postgres server, by name."""

import uuid
from typing import Any

import psycopg


def make_database(server: Any, template: str = "template1") -> str:
    """The name of a new one; a copy of `template`, to which nobody is connected."""
    name = f"waits_{uuid.uuid4().hex}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return name


def drop_database(server: Any, name: str) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def url_of(server: Any, name: str) -> str:
    """As SQLAlchemy takes it."""
    url: str = server.get_uri(database=name, driver="psycopg")
    return url
