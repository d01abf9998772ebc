"""Training of the support model: whether the words that a sentence cites support it.

    python -m assistant.evaluation.support_training --data DATA --base BASE --out OUT

It learns first from sentences of SQuAD's and XQuAD's paragraphs and of the invented stories, changed by rule so that
they stay true or do not, then from `pairs.jsonl`: claims about sentences of the stories, written for this, three honest
ones and four false ones each. `DATA` holds `squad2-dev.json` and `xquad-train.json`, `BASE` the `config.json` and
`model.safetensors` of all-MiniLM-L6-v2. `OUT/support-int8.onnx` is the model, `OUT/figures.txt` what it reaches on the
six stories that are never trained on. It needs torch, safetensors and onnx besides the project's own dependencies.
"""
