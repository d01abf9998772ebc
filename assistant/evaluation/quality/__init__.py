"""The quality bench: the product's own retrieval, reader, follow-ups and grounding on data that others wrote.

`python -m assistant.evaluation.quality FOLDER`, or `make bench-quality BENCH=FOLDER`.
"""
