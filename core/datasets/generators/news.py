"""Sentences that read like agency news, about places, people and firms that do not exist."""

from core.datasets.generators.draw import Draw
from core.datasets.generators.grammar import Grammar, read_rules

_GRAMMAR = Grammar(read_rules("news"))


def news_sentence(draw: Draw, *, words: int) -> str:
    """One sentence of at least `words` words, split by blanks as in tokenised text (" ," and " ." stand alone)."""
    text = _GRAMMAR.expand("{lead}", draw)
    while len((text := text.replace(" , ,", " ,").rstrip(" ,")).split(" ")) < words - 1:
        text += " " + _GRAMMAR.expand("{more}", draw)
    start = next(i for i, character in enumerate(text) if character.isalnum())
    return text[:start] + text[start].upper() + text[start + 1 :] + " ."


def news_sentences(count: int, *, seed: int, words: int = 32) -> list[str]:
    """`count` different sentences of at least `words` words."""
    draw = Draw(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[news_sentence(draw, words=words)] = None
    return list(found)
