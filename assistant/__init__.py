"""An assistant that answers questions about a story told by news articles, each sentence with the words it rests on."""

from importlib.metadata import version

__version__ = version("story-assistant")
