"""What Slack's tokens and secrets in the settings turn on. Imports nothing of Slack's."""

from pydantic import SecretStr

from assistant.errors import SettingsError
from assistant.settings import Settings


def bot_token(settings: Settings) -> str:
    """The bot's token.

    Raises:
        SettingsError: there is none, or it is a token of another kind.
    """
    return _token(settings.slack_bot_token, "SLACK_BOT_TOKEN", "xoxb-", "Install the app, then copy the Bot User OAuth")


def app_token(settings: Settings) -> str:
    """The token for Socket Mode. Raises as `bot_token`."""
    return _token(
        settings.slack_app_token, "SLACK_APP_TOKEN", "xapp-", "Make one with the scope connections:write: the"
    )


def _token(value: SecretStr | None, name: str, prefix: str, where: str) -> str:
    token = value.get_secret_value().strip() if value else ""
    if not token.startswith(prefix):
        found = "is not set" if not token else f"does not begin with {prefix}"
        raise SettingsError(f"{name} {found}. {where} token from the app's page at api.slack.com/apps.")
    return token


def signing_secret(settings: Settings) -> str | None:
    """What Slack's requests are signed with, where they come by HTTP; None where Slack is not set up for that.

    Raises:
        SettingsError: only a part of what is needed is set.
    """
    secret = settings.slack_signing_secret
    if secret is None:
        if settings.slack_bot_token and not settings.slack_app_token:
            raise SettingsError(
                "SLACK_BOT_TOKEN is set, but neither SLACK_SIGNING_SECRET (Slack calls this server) nor "
                "SLACK_APP_TOKEN (`assistant slack` calls Slack). Set the one you want, or remove the token."
            )
        return None
    if not secret.get_secret_value().strip():
        raise SettingsError("SLACK_SIGNING_SECRET is empty: anybody could sign with it. Copy it from the app's page.")
    bot_token(settings)
    return secret.get_secret_value().strip()
