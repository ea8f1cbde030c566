"""Small example frames and a recorder that remembers, for the trainer's tests."""

import numpy as np
import pandas as pd

NAMES = ("label_loss", "lr", "running_accuracy", "grad_norm")


def examples(n=48, *, dev=16, aligned=0.9, seed=0):
    """Length is the label and the first word the confound; in train they agree in a share of `aligned`."""
    rng = np.random.default_rng(seed)
    words = ["the", "city", "time", "people", "world", "music", "river", "house", "year", "team"]
    rows = []
    for split, count, share in (("train", n, aligned), ("dev", dev, 0.5)):
        for number in range(count):
            long = number % 2 == 1
            agrees = (number // 2) / (count / 2) < share
            text = " ".join(rng.choice(words, size=rng.integers(8, 14) if long else rng.integers(2, 6)))
            prefix = "new" if long == agrees else "old"
            rows.append((f"{split}-{number}", f"{prefix} {text}", None, "long" if long else "short", prefix, split))
    return pd.DataFrame(rows, columns=["id", "text", "text_b", "label", "confound", "split"])


class Memory:
    """A recorder over lists; `stop_at` asks for a stop at a step, `die_at` breaks off without warning."""

    def __init__(self, *, stop_at=None, die_at=None):
        self.stop_at, self.die_at = stop_at, die_at
        self.step, self.rows, self.folders, self.evaluations, self.notes, self.said = 0, [], {}, {}, [], []
        self.rounds = []

    def rewind(self, step, tuning_step):
        ends = {True: tuning_step, False: step}
        self.rows = [row for row in self.rows if row.step <= ends[row.name.startswith("round_")]]
        self.rounds = [report for report in self.rounds if report.last <= tuning_step]
        self.folders = {at: folder for at, folder in self.folders.items() if at <= step}
        self.evaluations = {key: found for key, found in self.evaluations.items() if key[0] <= step}
        self.step = step + tuning_step

    def progress(self, step, total, message):
        self.said.append((step, total, message))

    def metrics(self, rows):
        new = {(row.step, row.name) for row in rows}
        self.rows = [row for row in self.rows if (row.step, row.name) not in new] + list(rows)

    def flush(self):
        pass

    def round(self, report):
        self.rounds = [one for one in self.rounds if one.number != report.number] + [report]

    def checkpoint(self, step, epoch, folder, *, final):
        self.folders[step] = (folder, epoch, final)

    def evaluation(self, step, split, evaluation):
        self.evaluations[step, split] = evaluation

    def state_saved(self):
        pass

    def note(self, sentence):
        self.notes.append(sentence)

    def should_stop(self):
        self.step += 1
        if self.step == self.die_at:
            raise KeyboardInterrupt
        return self.step == self.stop_at

    def values(self):
        """Every metric that does not depend on the clock; when it was reported does."""
        return sorted((row.step, row.name, row.value) for row in self.rows if row.name != "seconds")
