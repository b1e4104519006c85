"""The apps in the sandbox. Each has one workspace, which all its connections share."""

from nango_sandbox.apps.github import github
from nango_sandbox.apps.hubspot import hubspot
from nango_sandbox.apps.slack import slack
from nango_sandbox.functions.action import Integration


def all_apps() -> tuple[Integration, ...]:
    return github(), hubspot(), slack()
