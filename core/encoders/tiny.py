"""A random two-layer BERT with a small vocabulary: what tests and first tries train in seconds, without a network."""

from string import ascii_lowercase, digits, punctuation

from transformers import BertConfig, BertForSequenceClassification, BertTokenizer, PreTrainedTokenizerBase

from core.encoders.catalogue import EncoderSpec, package_folder, resolve

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tiny_tokenizer(spec: EncoderSpec) -> PreTrainedTokenizerBase:
    """WordPiece over single characters and the commonest English words, so that any text has tokens.

    The words are the first of MiniLM's vocabulary, which is ordered by frequency.
    """
    assert spec.shape is not None
    lines = (package_folder(resolve("minilm")) / "vocab.txt").read_text("utf-8").split("\n")
    tokens = [*_SPECIAL, *ascii_lowercase, *digits, *punctuation, *(f"##{c}" for c in ascii_lowercase + digits)]
    words = [line for line in lines if len(line) > 1 and line.isascii() and line.isalpha()]
    tokens += words[: spec.shape.vocabulary - len(tokens)]
    return BertTokenizer(vocab={token: row for row, token in enumerate(tokens)}, model_max_length=spec.max_length)


def tiny_model(spec: EncoderSpec, *, num_labels: int, attention: str) -> BertForSequenceClassification:
    """The model; its weights come from torch's random state as it stands."""
    assert spec.shape is not None
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=spec.shape.vocabulary,
            hidden_size=spec.shape.hidden,
            num_hidden_layers=spec.shape.layers,
            num_attention_heads=2,
            intermediate_size=spec.shape.intermediate,
            max_position_embeddings=spec.shape.positions,
            num_labels=num_labels,
            attn_implementation=attention,
        )
    )
