"""OAuth dances that have begun: what `state` stands for while the end user is at the provider."""

from pydantic import BaseModel, Field, JsonValue

from nango_sandbox.store.database import Database


class OAuthState(BaseModel):
    """session_token: the connect session that began it, and that its connection will belong to"""

    state: str = Field(repr=False)
    session_token: str = Field(repr=False)
    integration: str
    client_id: str
    verifier: str = Field(repr=False)
    connection_config: dict[str, JsonValue] = {}


class OAuthStates:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, state: OAuthState) -> None:
        async with self._database.transaction() as rows:
            await rows.execute(
                "INSERT INTO oauth_states (state, body) VALUES (?, ?)", (state.state, state.model_dump_json())
            )

    async def take(self, state: str) -> OAuthState | None:
        """The dance of a state, which is good for one callback; None if there is none."""
        query = "DELETE FROM oauth_states WHERE state = ? RETURNING body"
        async with self._database.transaction() as rows, rows.execute(query, (state,)) as found:
            row = await found.fetchone()
        return None if row is None else OAuthState.model_validate_json(row["body"])
