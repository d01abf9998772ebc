"""The network: a BERT encoder that scores sentences, with start and end of the answer as a help in training."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

POSITIONS = 256  # kept of the base model's 512: the rows are shorter
_FAR = -10000.0  # added to what attention must not see
_LAYER_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}


class Layer(nn.Module):  # type: ignore[misc]  # torch is not installed where the types are checked
    """One BERT layer."""

    def __init__(self, size: int, inner: int, heads: int, drop: float) -> None:
        super().__init__()
        self.heads, self.drop = heads, drop
        self.query, self.key, self.value = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, size)
        self.out, self.norm1 = nn.Linear(size, size), nn.LayerNorm(size, eps=1e-12)
        self.up, self.down, self.norm2 = nn.Linear(size, inner), nn.Linear(inner, size), nn.LayerNorm(size, eps=1e-12)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Both (batch, length, size); `bias` is added to the attention logits."""
        batch, length, size = x.shape
        q, k, v = (f(x).view(batch, length, self.heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        if torch.onnx.is_in_onnx_export():  # spelt out, so that the matrix products can be made int8
            mixed = ((q @ k.transpose(-1, -2)) * (size // self.heads) ** -0.5 + bias).softmax(-1) @ v
        else:
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, length, size))
        x = self.norm1(x + functional.dropout(mixed, self.drop, self.training))
        inner = self.down(functional.gelu(self.up(x)))
        return self.norm2(x + functional.dropout(inner, self.drop, self.training))


class CrossEncoder(nn.Module):  # type: ignore[misc]
    """Scores sentences of token rows: 0 is as likely as "no answer"."""

    def __init__(self, config: dict[str, int], drop: float = 0.1) -> None:
        """`config` is a BERT checkpoint's; `drop` the dropout in training."""
        super().__init__()
        size = config["hidden_size"]
        self.drop = drop
        self.words = nn.Embedding(config["vocab_size"], size)
        self.positions = nn.Embedding(POSITIONS, size)
        self.types = nn.Embedding(2, size)
        self.norm = nn.LayerNorm(size, eps=1e-12)
        self.layers = nn.ModuleList(
            Layer(size, config["intermediate_size"], config["num_attention_heads"], drop)
            for _ in range(config["num_hidden_layers"])
        )
        self.token_head = nn.Linear(size, 3)  # start, end, weight in the pooled sentence
        self.mix, self.rank = nn.Linear(2 * size, size), nn.Linear(size, 1)
        self.span_weight = nn.Parameter(torch.tensor(0.5))
        for module in (self.token_head, self.mix, self.rank):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    @classmethod
    def from_base(cls, folder: Path) -> "CrossEncoder":
        """The encoder of a BERT checkpoint (`config.json`, `model.safetensors`) with new heads."""
        model = cls(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        base = {
            name.removeprefix("bert."): tensor.float()
            for name, tensor in load_file(folder / "model.safetensors").items()
        }
        state = model.state_dict()
        state["words.weight"] = base["embeddings.word_embeddings.weight"]
        state["positions.weight"] = base["embeddings.position_embeddings.weight"][:POSITIONS]
        state["types.weight"] = base["embeddings.token_type_embeddings.weight"]
        for part in ("weight", "bias"):
            state[f"norm.{part}"] = base[f"embeddings.LayerNorm.{part}"]
            for number in range(len(model.layers)):
                for ours, theirs in _LAYER_NAMES.items():
                    state[f"layers.{number}.{ours}.{part}"] = base[f"encoder.layer.{number}.{theirs}.{part}"]
        model.load_state_dict(state)
        return model

    def freeze(self, layers: int) -> None:
        """Keep the embeddings and the lowest layers as they are."""
        for module in (self.words, self.positions, self.types, self.norm, *self.layers[:layers]):
            module.requires_grad_(False)

    def encode(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Token states (batch, length, size)."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(places)[None] + self.types(types))
        x = functional.dropout(x, self.drop, self.training)
        bias = ((1.0 - mask.float()) * _FAR)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        return x

    def score_segments(self, hidden: Tensor, token: Tensor, inside: Tensor, owners: Tensor | None = None) -> Tensor:
        """A score for each segment: a row of `inside`, 1.0 on its tokens. Segment i is in row `owners[i]`, else row i.

        `token` is the token head's output for `hidden`. A score is made of the segment's pooled state and of how much
        likelier the answer begins and ends in it than at [CLS], which stands for no answer.
        """
        own = token if owners is None else token[owners]
        masked = own + ((1.0 - inside) * _FAR)[:, :, None]
        span = masked[:, :, :2].logsumexp(1) - own[:, 0, :2]
        weights = masked[:, :, 2].softmax(1)
        if owners is None:
            pooled, first = (weights[:, None] @ hidden).squeeze(1), hidden[:, 0]
        else:  # rows are in order: one product for each instead of a copy of the row for each segment
            pooled = torch.cat([weights[owners == row] @ hidden[row] for row in range(len(hidden))])
            first = hidden[:, 0][owners]
        mixed = functional.gelu(self.mix(torch.cat([first, pooled], 1)))
        relevance = self.rank(functional.dropout(mixed, self.drop, self.training)).squeeze(1)
        return relevance + self.span_weight * span.mean(1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Scores (batch,) of rows with one segment, where the token type is 1: what is exported."""
        hidden = self.encode(input_ids, attention_mask, token_type_ids)
        inside = (token_type_ids * attention_mask).float()
        return self.score_segments(hidden, self.token_head(hidden), inside)
