"""The ASGI application from settings: `python app.py` serves it, `uvicorn app:app` does too."""

from assistant.api.app import create_app
from assistant.chain import build_chain
from assistant.settings import Settings


def __getattr__(name: str) -> object:
    """Build `app` when a server asks for it, so that importing this file does nothing."""
    if name != "app":
        raise AttributeError(name)
    chain = build_chain(Settings.load())
    chain.sync()
    chain.warm()
    return create_app(chain)


if __name__ == "__main__":
    import sys

    from assistant.cli import main

    sys.argv[1:1] = ["serve"]
    main()
