"""Writes the corpus and says what is in it."""

from . import accepted, algorithms, demands, documents, encryption, floods, forgery, profile, signatures, wrapping
from .corpus import Corpus


def main():
    corpus = Corpus()
    for chapter in (
        accepted, wrapping, forgery, algorithms, signatures, documents, profile, demands, encryption, floods
    ):
        chapter.add(corpus)
    corpus.write()
    print(f"{len(corpus.accepted)} accepted, {len(corpus.refused)} attacks")


main()
