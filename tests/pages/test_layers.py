"""Which layers the sentence names."""

import pytest

from core.views.layers import in_words, layer_map


def layers(**shares: float) -> list[dict[str, object]]:
    return [
        {
            "layer": name.replace("_", " "),
            "module": name,
            "cid": cid,
            "ci": [cid, cid],
            "within": cid,
            "within_ci": [cid, cid],
        }
        for name, cid in shares.items()
    ]


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"embeddings": 0.01, "block_0": 0.02, "block_1": 0.27}, "90 % of CID comes from block 1."),
        ({"embeddings": 0.2, "block_0": 0.0, "classifier": 0.1}, "67 % of CID comes from the embeddings."),
        ({"block_0": 0.1, "block_1": 0.1, "pooler": 0.1}, "67 % of CID comes from blocks 0 and 1."),
        ({"block_0": 0.5, "block_1": -0.2, "pooler": 0.0}, "100 % of CID comes from block 0."),
        ({"block_0": 0.1, "pooler": 0.1}, "100 % of CID comes from all layers alike."),
        ({"block_0": 0.005, "pooler": 0.001}, "next to nothing"),
        ({"block_0": -0.1, "pooler": -0.1}, "next to nothing"),
    ],
)
def test_the_fewest_layers_that_carry_two_thirds_are_named(shares: dict[str, float], said: str) -> None:
    assert said in in_words(layers(**shares))


def test_the_map_has_a_row_a_layer_and_a_column_a_step() -> None:
    figure = layer_map({240: layers(block_0=0.1, pooler=-0.2), 40: layers(block_0=0.3, pooler=0.0)})
    (heat,) = figure.data
    assert list(heat.x) == ["40", "240"]
    assert heat.z.tolist() == [[0.3, 0.1], [0.0, -0.2]]
    assert (heat.zmin, heat.zmax) == (-0.3, 0.3)
