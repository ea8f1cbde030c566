"""The colours that mean something. They pass for the colour-blind (Okabe and Ito, 2008), in light and in dark."""

SAME = "#E69F00"
"""Shares the probe's confound; more widely: what the confound does."""

DIFFERENT = "#0072B2"
"""Has another confound value."""

NULL = "#8C8C8C"
"""What chance, or the confound alone, would give."""

TRAIN = "#8A7FD0"
"""Of the training split."""

DEV = "#009E73"
"""Of the dev split: examples that were not trained on."""

TEST = "#A6761D"
"""Of the test split."""

WORST = "#CC79A7"
"""The cell where the model is worst."""

CID = "#8E63CE"
"""A model's CID: neither of the two groups' colours. Contrast at least 4 : 1 on white and on the dark ground."""

GROUPS = ("#8E63CE", "#009E73", "#CC5FA0", "#A6761D", "#D8452E", "#3A9FBF", "#7A8B2A", "#8D6E63")
"""Of groups of runs beside each other; neither of the two confounds' colours."""
SIGNS = ("circle", "square", "diamond", "triangle-up", "star", "pentagon", "hexagram")
"""The signs that go with them: one fewer, so that both are the same again only after 56 groups."""

DIVERGING = ((0.0, "rgba(0, 138, 118, 1)"), (0.5, "rgba(140, 140, 140, 0)"), (1.0, "rgba(142, 99, 206, 1)"))
"""From below 0 (teal) to above it (the violet of CID), neither of the two confounds' colours; 0 is the page's own ground,
light or dark. The ends differ for the colour-blind, too."""
CHOSEN = "rgba(140, 140, 140, 0.25)"
"""The ground behind what is chosen in a figure."""
