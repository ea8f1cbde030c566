"""The tools under test, each as `(setting, rows, columns) -> [rows, columns]` cosines in its fairest exact setting."""

from collections.abc import Callable
from copy import deepcopy
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from benchmarks.influence import reference
from benchmarks.influence.setting import Setting
from core.influence.scores import cosine_scores
from core.training.batching import Batch, Encoded

Tool = Callable[[Setting, int, int], Tensor]


def unconfound(setting: Setting, rows: int, columns: int) -> Tensor:
    """Our engine as the diagnosis calls it: batches of like length."""
    train, order = setting.batches(_first(setting.train, rows))
    probes, probe_order = setting.batches(_first(setting.probes, columns))
    found = cosine_scores(setting.model, train, probes)
    scores = torch.empty_like(found)
    scores[order[:, None], probe_order] = found
    return scores


def by_reference(setting: Setting, rows: int, columns: int) -> Tensor:
    """The paper's procedure: every pair's training gradient anew."""
    return reference.cosines(
        setting.model, singles(setting, setting.train, rows), singles(setting, setting.probes, columns)
    )


def by_dattri(setting: Setting, rows: int, columns: int) -> Tensor:
    """`TracInAttributor` with normalised gradients and no projection (with it: 6 % error).

    It takes the probes' gradients again for every training batch; 16 examples a batch is what 24 GB allow here.
    """
    from dattri.algorithm.tracin import TracInAttributor
    from dattri.task import AttributionTask

    model = setting.model

    def loss(parameters: dict[str, Tensor], data: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        ids, mask, label = data  # [T], [T], []
        additive = (1.0 - mask.float())[None, None, None] * torch.finfo(torch.float32).min  # [1, 1, 1, T]
        logits = torch.func.functional_call(
            model, parameters, (ids[None],), {"attention_mask": additive.expand(1, 1, len(ids), len(ids))}
        ).logits
        return F.cross_entropy(logits, label[None])

    task = AttributionTask(loss_func=loss, model=model, checkpoints=[model.state_dict()])
    attributor = TracInAttributor(
        task=task, weight_list=torch.ones(1), normalized_grad=True, device=str(setting.device)
    )
    attributor.projector_kwargs = None
    with torch.no_grad():
        return attributor.attribute(
            DataLoader(_tensors(setting.train, rows), batch_size=16),
            DataLoader(_tensors(setting.probes, columns), batch_size=8),
        )


def by_captum(setting: Setting, rows: int, columns: int) -> Tensor:
    """`TracInCP` by its slow path, which keeps all parameters (the fast one drops embeddings and LayerNorm: 16 % error).

    It gives products; the cosines take its self-influences too, as its user would have to.
    """
    from captum.influence import TracInCP

    class Logits(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            return self.model(input_ids=ids, attention_mask=mask).logits

    def load(_model: nn.Module, _checkpoint: str) -> float:
        return 1.0

    def attributor(dataset: Dataset[Any]) -> TracInCP:
        return TracInCP(
            Logits(setting.model),
            dataset,
            ["as it is"],
            checkpoints_load_func=load,
            loss_fn=nn.CrossEntropyLoss(reduction="none"),
            batch_size=4,
        )

    train, probes = (
        TensorDataset(*(x.to(setting.device) for x in _tensors(encoded, count).tensors))  # it moves nothing itself
        for encoded, count in ((setting.train, rows), (setting.probes, columns))
    )
    along = attributor(train)
    products = torch.cat(
        [along.influence(tuple(x[i : i + 4] for x in probes.tensors)) for i in range(0, columns, 4)]
    ).T  # [N, P]
    norms = along.self_influence().sqrt()  # [N]
    probe_norms = attributor(probes).self_influence().sqrt()  # [P]
    return products / (norms[:, None] * probe_norms)


def by_kronfluence(setting: Setting, rows: int, columns: int) -> Tensor:
    """`strategy="identity"`, pairwise scores over the root of the self-scores. Linear layers only: all it knows."""
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments
    from kronfluence.task import Task

    class Classification(Task):
        def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Tensor:
            assert not sample, "only the Fisher factors sample, and the identity needs none"
            ids, mask, labels = batch
            return F.cross_entropy(model(input_ids=ids, attention_mask=mask).logits, labels, reduction="sum")

        def compute_measurement(self, batch: Any, model: nn.Module) -> Tensor:
            return self.compute_train_loss(batch, model)

        def get_attention_mask(self, batch: Any) -> Tensor:
            return batch[1]

    train, probes = _tensors(setting.train, rows), _tensors(setting.probes, columns)
    task = Classification()
    model = prepare_model(deepcopy(setting.model), task)  # it freezes parameters for good
    with TemporaryDirectory() as folder:
        analyzer = Analyzer(
            "benchmark",
            model,
            task,
            cpu=setting.device.type == "cpu",
            output_dir=folder,
            disable_tqdm=True,
            disable_model_save=True,
        )
        analyzer.fit_all_factors(
            "factors", train, per_device_batch_size=16, factor_args=FactorArguments(strategy="identity")
        )
        analyzer.compute_pairwise_scores(
            "pairs", "factors", probes, train, per_device_query_batch_size=columns, per_device_train_batch_size=16
        )
        for name, examples in (("own", train), ("own probes", probes)):
            analyzer.compute_self_scores(name, "factors", examples, per_device_train_batch_size=16)
        pairs = analyzer.load_pairwise_scores("pairs")["all_modules"]  # [P, N]
        own, own_probes = (analyzer.load_self_scores(name)["all_modules"] for name in ("own", "own probes"))
    return pairs.T / (own.sqrt()[:, None] * own_probes.sqrt())


TOOLS: dict[str, Tool] = {
    "unconfound": unconfound,
    "reference": by_reference,
    "dattri": by_dattri,
    "captum": by_captum,
    "kronfluence": by_kronfluence,
}


def singles(setting: Setting, encoded: Encoded, count: int) -> list[Batch]:
    """The first examples, each a batch of its own without padding."""
    return [encoded.batch(np.array([row]), setting.device) for row in range(count)]


def _first(encoded: Encoded, count: int) -> Encoded:
    end = encoded.offsets[count]
    types = None if encoded.types is None else encoded.types[:end]
    return Encoded(encoded.ids[:end], types, encoded.offsets[: count + 1], encoded.labels[:count], encoded.pad)


def _tensors(encoded: Encoded, count: int) -> TensorDataset:
    batch = encoded.batch(np.arange(count))
    return TensorDataset(batch["input_ids"], batch["attention_mask"], batch["labels"])
