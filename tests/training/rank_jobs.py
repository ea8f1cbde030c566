"""What the tests of ranks have every rank do; each rank is a fresh process that imports this and joins the others.

python -m tests.training.rank_jobs RANK SIZE FOLDER JOB
"""

import pickle
import subprocess
import sys
from pathlib import Path

from core.system.imports import importing

with importing():
    import numpy as np
    import torch

    from core.encoders.catalogue import resolve
    from core.encoders.loading import labels_of, load_classifier
    from core.errors import UserError
    from core.training.batching import encode
    from core.training.config import TrainConfig
    from core.training.demotion import Demotion
    from core.training.device import Machine
    from core.training.diagnosis import influence
    from core.training.diagnosis_config import DiagnosisConfig
    from core.training.evaluation import predict
    from core.training.objectives import make_objective
    from core.training.ranks import Ranks
    from core.training.rounds import Joint, Rounds, RoundSchedule
    from core.training.state import seed_everything
    from core.training.steps import LabelSteps
    from core.training.trainer import train
    from core.training.trajectory import Trajectory
    from core.training.tuples import codes, known_examples
    from tests.training.examples import Memory, examples

CPU = Machine(torch.device("cpu"), torch.float32)
CONFIG = TrainConfig(
    encoder="tiny",
    label_epochs=2,
    batch_size=9,  # shares of 5 and 4, and of 2 and 1 at the end of an epoch
    max_length=16,
    checkpoints=2,
    seed=7,
    interval=4,
    round_epochs=2,
    round_batch=3,
    probes_per_epoch=6,
    k=2,
    diagnose_every=4,
    diagnose_probes=8,
)
METHODS = ("finetune", "adversarial", "joint")


def config_of(method):
    return CONFIG.model_copy(
        update={"method": "influence-tuning", "schedule": "joint"} if method == "joint" else {"method": method}
    )


class Set:
    """A tiny model without dropout, its data, and what takes steps with it."""

    def __init__(self, method, ranks):
        self.config, frame = config_of(method), examples()
        self.frame = frame[frame["split"] == "train"].reset_index(drop=True)
        label, confound = (codes(self.frame[name]) for name in ("label", "confound"))
        known = known_examples(self.config, label, confound)
        seed_everything(self.config.seed)
        self.model, self.tokenizer = load_classifier(resolve("tiny"), labels=["long", "short"], seed=7)
        for module in self.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.mul_(6.0 if parameter.ndim > 1 else 1.0)  # else all texts look alike, and J is all but 0
        self.data = encode(self.frame, self.tokenizer, labels_of(self.model), max_length=16)
        objective = make_objective(self.config, self.model, confound, known)
        self.notes = []
        self.steps = LabelSteps(self.config, self.model, objective, CPU, self.notes.append, ranks)
        terms = self.config.terms() or {"influence": 1.0}
        demotion = Demotion(terms, self.model, self.data, ranks=ranks)
        schedule = RoundSchedule(self.config, 12, len(known.probes))
        self.rounds = Rounds(self.config, self.steps, demotion, schedule, known, label, confound, 1e-3)
        if method == "joint":
            self.steps.added = Joint(self.config, demotion, known, label, confound)

    def weights(self):
        return {name: p.detach().clone() for name, p in self.steps.named_parameters().items()}


def label_steps(ranks):
    """Weights and reports after label steps of every method, the last on a single row, which leaves one rank idle."""
    found = {}
    for method in METHODS:
        made = Set(method, ranks)
        batches = [np.arange(9), np.arange(9, 18), np.arange(3), np.array([20])]
        said = [made.steps.step(made.data, rows, 1e-3, number) for number, rows in enumerate(batches, 1)]
        numbers = [
            (float(s.loss), int(s.correct), float(s.norm), float("nan" if s.extra is None else s.extra)) for s in said
        ]
        found[method] = (made.weights(), numbers)
    return found


def tuning_steps(ranks):
    """Weights and reports after tuning steps; the last of an epoch has fewer tuples than ranks could share evenly."""
    found = {}
    for method in ("influence-tuning", "embedding-tuning", "combined-tuning"):
        made = Set(method, ranks)
        said = [made.rounds.step(number) for number in range(1, 4)]
        found[method] = (made.weights(), [(one.loss, one.difference) for one in said])
    return found


def scores(ranks):
    """Influence by both estimators, a point of the CID curve, and predictions."""
    made = Set("finetune", ranks)
    frame = examples()
    found = {
        name: influence(
            made.model, made.tokenizer, frame, DiagnosisConfig(estimator=name, probes=8), max_length=16, ranks=ranks
        )[0]
        for name in ("cosine", "embedding")
    }
    totals = influence(made.model, made.tokenizer, frame, DiagnosisConfig(probes=8), max_length=16, ranks=ranks)[3]
    found["layers"] = np.stack([totals.shares, totals.within])
    found["cid"] = np.array(Trajectory(CONFIG, made.model, made.data, made.frame, ranks).cid())
    predicted = predict(made.model, made.tokenizer, frame, max_length=16, ranks=ranks)
    found["predicted"] = predicted[["p_long", "p_short"]].to_numpy()
    return found


def memory(ranks):
    """The last rank alone runs out of memory twice; all halve."""
    made = Set("finetune", ranks)
    made.steps.micro_batch = 8
    gradients, refusals = made.steps._gradients, [2 if ranks.rank == ranks.size - 1 else 0]

    def fussy(*arguments):
        if refusals[0]:
            refusals[0] -= 1
            raise torch.OutOfMemoryError("too much")
        return gradients(*arguments)

    made.steps._gradients = fussy
    made.steps.step(made.data, np.arange(9), 1e-3)
    return made.steps.micro_batch, made.weights()


def errors(ranks):
    """An error of one rank is raised by all, and they can go on."""
    heard = []

    def fail(culprit):
        if ranks.rank == culprit:
            raise UserError(f"rank {culprit} has found something")

    for culprit in (0, ranks.size - 1):
        for way in (ranks.together, ranks.first):
            try:
                way(fail, culprit)
                heard.append(None)
            except UserError as error:
                heard.append(str(error))
    return heard, ranks.gather(ranks.rank), ranks.sum(float(ranks.rank), 1.0)


def runs(ranks, folder):
    """A whole run with dropout and rounds; others that are stopped and go on; one that goes on alone later."""
    config, found = config_of("influence-tuning"), {}
    for name, stops in {"whole": [], "stopped": [2, 7, 9], "left": [5]}.items():
        recorder = Memory()
        for stop in stops:
            recorder.stop_at = stop
            result = train(config, examples(), folder / name, recorder, ranks=ranks, state_seconds=1e9)
            assert result.status == "stopped"
            torch.rand(3 + ranks.rank)
        recorder.stop_at = None
        if name != "left":
            result = train(config, examples(), folder / name, recorder, ranks=ranks, state_seconds=1e9)
            assert result.status == "done"
        found[name] = (recorder.values(), recorder.notes, result.device)
    torch.manual_seed(0)
    ranks.part_random_numbers(3)
    return found, float(torch.rand(()))


JOBS = {"label_steps": label_steps, "tuning_steps": tuning_steps, "scores": scores, "memory": memory, "errors": errors}


def everything(ranks, folder):
    return {**{name: job(ranks) for name, job in JOBS.items()}, "runs": runs(ranks, folder)}


def together(size, folder):
    """What every rank finds, each in a process of its own."""
    processes = [
        subprocess.Popen([sys.executable, "-m", "tests.training.rank_jobs", str(rank), str(size), str(folder)])
        for rank in range(size)
    ]
    assert [one.wait(timeout=300) for one in processes] == [0] * size
    return [pickle.loads((folder / f"rank-{rank}.pickle").read_bytes()) for rank in range(size)]


def alone(folder):
    """The same in this process, by one rank."""
    return everything(Ranks(), folder)


def main(rank, size, folder):
    from core.training.joined import Joined

    ranks = Joined(rank, size, folder / "meeting")
    (folder / f"rank-{rank}.pickle").write_bytes(pickle.dumps(everything(ranks, folder)))
    ranks.leave()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
