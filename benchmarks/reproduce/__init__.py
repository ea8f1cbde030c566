"""The paper's experiments, run again: Han & Tsvetkov, Influence Tuning (Findings of EMNLP 2021)."""
