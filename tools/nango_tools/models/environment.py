"""What is set for functions in the environment."""

from pydantic import SecretStr

from nango_tools.models.wire import Wire


class EnvironmentVariable(Wire):
    name: str
    value: SecretStr
