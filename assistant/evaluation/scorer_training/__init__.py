"""Training of the learned scorer: from the data to the int8 ONNX file that the product loads.

It goes on from an exported scorer, on SQuAD 2.0, XQuAD, WiCE, the questions of `questions.jsonl`
and the invented news stories of `stories.json`:

    python -m assistant.evaluation.scorer_training --data DATA --base BASE --init earlier.onnx --out OUT --new 0.7

`DATA` holds `squad2-dev.json`, `xquad-train.json`, `wice-dev.jsonl` and, to be measured on only, `trecqa-dev.json`.
`BASE` holds `config.json` and `model.safetensors` of all-MiniLM-L6-v2, whose embeddings stay as they are; without
`--init` training begins from it. `OUT/scorer-int8.onnx` is the model, `OUT/figures.txt` what it reaches on articles
that are never trained on. `--measure FILE …` only measures. Training needs torch, safetensors and onnx besides the
project's own dependencies; it runs on a processor, in fp32.

The shipped weights are such a mean, 0.7 of the new ones and 0.3 of the earlier ones, after 680 steps: more news makes
it better on news and worse on SQuAD, and the mean keeps most of both.

Each example is seen in two layouts. A passage row has the question and the whole paragraph, whose sentences compete
with each other and with "no answer". A pair row is what the product reads: one sentence with its title and the one
before.
"""
