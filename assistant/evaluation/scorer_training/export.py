"""Writes the network as the ONNX file that the product loads, and reads such a file back to go on from it."""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from assistant.evaluation.scorer_training.model import CrossEncoder

_SPECIAL = [0, 100, 101, 102, 103]  # [PAD], [UNK], [CLS], [SEP], [MASK]
_FIRST_WORD = 999  # the other ids below are [unused]
_MODEL = "model."  # how the network is called in the file


class _Trimmed(nn.Module):  # type: ignore[misc]  # torch is not installed where the types are checked
    """The network less the embeddings of the vocabulary's [unused] entries, which never occur."""

    def __init__(self, model: CrossEncoder) -> None:
        super().__init__()
        self.model = model
        kept = [*_SPECIAL, *range(_FIRST_WORD, len(model.words.weight))]
        model.words = nn.Embedding.from_pretrained(model.words.weight.detach()[kept].clone())

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        special = (input_ids - (_SPECIAL[1] - 1)).clamp(0, len(_SPECIAL) - 1)
        words = input_ids - (_FIRST_WORD - len(_SPECIAL))
        return self.model(torch.where(input_ids >= _FIRST_WORD, words, special), attention_mask, token_type_ids)


def export(model: CrossEncoder, path: Path) -> None:
    """Write the int8 model: weights with a scale for each channel, activations scaled as they come."""
    whole = model.words
    trimmed = _Trimmed(model).eval()
    ids = torch.randint(1000, 2000, (3, 20))
    types = torch.zeros_like(ids)
    types[:, 10:19] = 1
    names = ["input_ids", "attention_mask", "token_type_ids"]
    single = path.with_suffix(".fp32.onnx")
    torch.onnx.export(
        trimmed,
        (ids, torch.ones_like(ids), types),
        str(single),
        dynamo=False,
        opset_version=17,
        input_names=names,
        output_names=["score"],
        dynamic_axes={**{name: {0: "batch", 1: "length"} for name in names}, "score": {0: "batch"}},
    )
    model.words = whole
    quantize_dynamic(str(single), str(path), weight_type=QuantType.QInt8, per_channel=True)
    single.unlink()


def load_exported(model: CrossEncoder, path: Path) -> None:
    """Put an exported model's weights into the network, all but the embeddings of words and positions (never trained).

    Raises:
        ValueError: the file is not such a model.
    """
    graph = onnx.load(path).graph
    values = {initializer.name: numpy_helper.to_array(initializer) for initializer in graph.initializer}
    users = {name: node for node in reversed(graph.node) for name in node.input}  # the first of each

    def weights(name: str) -> NDArray[np.float32]:
        zero, scale = values[f"{name}_zero_point"].astype(np.float32), values[f"{name}_scale"]
        return np.asarray((values[f"{name}_quantized"].astype(np.float32) - zero) * scale, np.float32)

    ours = set(model.state_dict())
    named = {name.removeprefix(_MODEL): value for name, value in values.items()}
    found = {name: value for name, value in named.items() if name in ours}
    found["types.weight"] = weights(f"{_MODEL}types.weight")
    for node in graph.node:
        quantized = [name for name in node.input if name.endswith("_quantized") and name in values]
        if node.op_type != "MatMulInteger" or not quantized:
            continue
        # The exporter renames a matrix, but not the bias that is added to its product.
        follower = node
        while not any(name.endswith(".bias") for name in follower.input):
            follower = users[follower.output[0]]
        bias = next(name for name in follower.input if name.endswith(".bias"))
        name = bias.removeprefix(_MODEL).removesuffix("bias") + "weight"
        found[name] = weights(quantized[0].removesuffix("_quantized")).T
    expected = ours - {"words.weight", "positions.weight"}
    if set(found) != expected:
        raise ValueError(f"{path}: not an exported scorer, {sorted(expected ^ set(found))[:3]} …")
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in found.items()}, strict=False)
