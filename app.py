"""The ASGI application from settings: `python app.py` serves it, `uvicorn app:app` does too."""


def __getattr__(name: str) -> object:
    """Build `app` when a server asks for it, so that importing this file does nothing."""
    if name != "app":
        raise AttributeError(name)
    from assistant.api.serving import application

    return application()


if __name__ == "__main__":
    import sys

    from assistant.cli import main

    sys.argv[1:1] = ["serve"]
    main()
