"""The chat page: a Gradio app that renders what the chain answers."""
