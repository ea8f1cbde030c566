"""The README.md of an exported model: what it was trained on, whether it leans on the confound, how to use it."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.encoders.catalogue import list_encoders
from core.formats import count, counted, duration, interval, percent, percent_interval, plain, shortened, signed
from core.reports.private import encoder_name, sayable, scrubbed
from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Dataset, Diagnosis, Evaluation, Run
from core.views.diagnoses import control_points, points
from core.views.texts import METHODS, TERMS, VERDICTS

MOST_CELLS = 60
_USE = """```python
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder = "."  # this folder
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
inputs = tokenizer(["A text to classify"], truncation=True, max_length={length}, return_tensors="pt")
with torch.inference_mode():
    shares = model(**inputs).logits.softmax(dim=1)[0]
print({{model.config.id2label[row]: round(float(share), 3) for row, share in enumerate(shares)}})
```"""


def model_card(store: Store, run: Run, checkpoint: Checkpoint) -> str:
    """Markdown with the head that the Hugging Face hub reads. What somebody named stands in it as plain text."""
    dataset = queries.get_dataset(store, run.dataset_id)
    diagnosis = next((one for one in reversed(queries.diagnoses(store, run.id)) if one.step == checkpoint.step), None)
    evaluations = [one for one in queries.evaluations(store, run.id) if one.step == checkpoint.step]
    parts = [
        _head(run),
        f"# {_said(run.name)}",
        _about(run, dataset, checkpoint),
        "## Does it lean on the confound?",
        _verdict(store, run, diagnosis),
        "## Accuracy, cell by cell",
        *([_cells(one) for one in evaluations] or ["The model was not evaluated at this step."]),
        "## Use",
        _use(run, dataset),
        "## What is needed to repeat it",
        _repeat(run, dataset, checkpoint),
        "## Licence",
        _licence(run),
    ]
    return str(sayable("\n\n".join(parts) + "\n"))


def _said(text: object) -> str:
    return _inert(shortened(str(text), 200) or "")


def _inert(text: str) -> str:
    """As it was written, in any reader of Markdown, those included that do not know an escaped `<`."""
    return plain(text).replace(r"\<", "&lt;").replace(r"\>", "&gt;")


def _head(run: Run) -> str:
    spec = next((one for one in list_encoders() if one.name == run.encoder), None)
    lines = ["---", "library_name: transformers", "pipeline_tag: text-classification"]
    if spec is not None and spec.licence == "Apache-2.0":
        lines.append("license: apache-2.0")
    if spec is not None and spec.source == "hub":
        lines.append(f"base_model: {spec.location}")
    return "\n".join([*lines, "tags:", "- unconfound", "---"])


def _about(run: Run, dataset: Dataset, checkpoint: Checkpoint) -> str:
    about = dataset.profile.get("splits", {}).get("train", {})
    examples = f", {counted(about['n'], 'training example')}" if "n" in about else ""
    labels = ", ".join(_said(one) for one in dataset.labels[:50])
    confounds = ", ".join(_said(one) for one in dataset.confounds[:50])
    return (
        f"A text classifier, exported from Unconfound as it stood after {counted(checkpoint.step, 'training step')}. "
        f"{METHODS.get(run.method, run.method)} of the encoder {_said(encoder_name(run.encoder))} on the data set "
        f"{_said(dataset.name)}{examples}.\n\n- Labels: {labels}\n- Values of the confound: {confounds}"
    )


def _verdict(store: Store, run: Run, diagnosis: Diagnosis | None) -> str:
    if diagnosis is None:
        return "Not known: this checkpoint has not been diagnosed."
    rows = [
        ("Verdict", VERDICTS.get(diagnosis.verdict, diagnosis.verdict)),
        ("CID", f"{signed(diagnosis.cid, 3)} (95 % {interval(diagnosis.ci_low, diagnosis.ci_high, 3)})"),
        ("Chance alone gives", interval(diagnosis.null_low, diagnosis.null_high, 3)),
    ]
    point = next(one for one in points(store, run.id) if one.id == diagnosis.id)
    control = control_points(store, run, point)
    if control is not None:
        last = control[1][-1]
        rows.append(("Control", f"{signed(last.cid, 3)} (95 % {interval(last.ci_low, last.ci_high, 3)})"))
    rows.append(("Probes", count(diagnosis.n_probes)))
    return f"{_inert(diagnosis.sentence)}\n\n{_table(('', ''), rows)}\n\n{TERMS['cid'].sentence}"


def _cells(evaluation: Evaluation) -> str:
    report: Mapping[str, Any] = evaluation.report
    rows = [
        (
            f"{_said(one['label'])} × {_said(one['confound'])}",
            count(one["n"]),
            percent(one["accuracy"]),
            percent_interval(one["lo"], one["hi"]),
        )
        for one in report["cells"][:MOST_CELLS]
    ]
    rows.append(
        ("all", count(report["n"]), percent(report["accuracy"]), percent_interval(report.get("lo"), report.get("hi")))
    )
    rows.append(("what the confound alone would reach", "", percent(report["confound_only_floor"]), ""))
    more = len(report["cells"]) - MOST_CELLS
    beyond = f"\n\nand {counted(more, 'more cell')}." if more > 0 else ""
    split = _said(evaluation.split.removeprefix("file:"))
    return f"On {split}:\n\n{_table(('cell', 'n', 'accuracy', '95 % interval'), rows)}{beyond}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _use(run: Run, dataset: Dataset) -> str:
    length = int(run.config.get("max_length") or 128)
    pair = "\n\nThe model was trained on pairs of texts: give both, `tokenizer(first, second, …)`."
    return _USE.format(length=length) + (pair if dataset.mapping.get("text_b") else "")


def _repeat(run: Run, dataset: Dataset, checkpoint: Checkpoint) -> str:
    rows = [
        ("data set", _said(dataset.name)),
        ("SHA-256 of the data", run.data_sha256),
        ("seed", str(run.seed)),
        ("encoder", _said(encoder_name(run.encoder))),
        ("encoder revision", run.encoder_revision or "–"),
        ("step", count(checkpoint.step)),
        ("device", _said(scrubbed(run.device or "–"))),
        ("took", duration(run.seconds)),
        *((f"version of {_said(name)}", _said(scrubbed(str(version)))) for name, version in run.versions.items()),
        *(
            (_said(key), "auto" if value is None else _said(encoder_name(scrubbed(str(value)))))
            for key, value in run.config.items()
            if key != "encoder"
        ),
    ]
    return _table(("", ""), rows)


def _licence(run: Run) -> str:
    spec = next((one for one in list_encoders() if one.name == run.encoder), None)
    if run.encoder == "minilm":
        return (
            "The encoder is all-MiniLM-L6-v2 (sentence-transformers), licensed under Apache-2.0; this model is a changed "
            "version of it. Its licence and notices go with every copy: https://www.apache.org/licenses/LICENSE-2.0. "
            "The licence of the training data is for whoever brought them to say."
        )
    of_encoder = f"The encoder's licence: {spec.licence}." if spec is not None else "See the encoder's own licence."
    return f"{of_encoder} The licence of the training data is for whoever brought them to say."
