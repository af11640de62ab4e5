"""Fuzzing guided by coverage, with atheris: bytes into every reader, text into verdicts.

    python -m tests.fuzz.guided readers|text [-max_total_time=60 …libFuzzer's options]

Ends with a traceback at the first input that crashes, hangs or loses a row; libFuzzer writes it to
a file `crash-…`, and `python -m tests.fuzz.guided readers crash-…` shows it again.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

GET = "atheris is not installed; pip install atheris"
_SLOWEST = "-timeout=30"  # seconds for one input


def _readers() -> None:
    """Fuzzes the readers: the first byte chooses the format, the rest is the file."""
    import atheris

    with atheris.instrument_imports(include=["mining.ingest", "hl7", "striprtf"]):
        import mining.ingest  # noqa: F401
        from tests.fuzz.seeds import SEEDS
        from tests.fuzz.test_readers import check, seed

    names = list(SEEDS)

    def once(data: bytes) -> None:
        if data:
            check(names[data[0] % len(names)], data[1:])

    inputs = [bytes([number]) + seed(name) for number, name in enumerate(names)]
    _fuzz(once, inputs)


def _text() -> None:
    """Fuzzes the way from a text to its labels."""
    import atheris

    with atheris.instrument_imports(include=["mining.sections", "mining.sentences", "mining.tokens",
                                             "mining.concepts", "mining.assertion"]):  # fmt: skip
        from mining.explain import explain_text
    from tests.fuzz.test_text_to_verdict import WORDS

    def once(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for sentence in explain_text(text).sentences:
            assert 0 <= sentence.start <= sentence.end <= len(text)
            for mention in sentence.mentions:
                assert 0 <= mention.mention.start < mention.mention.end
                assert mention.text

    _fuzz(once, [" ".join(WORDS[at : at + 12]).encode() for at in range(0, len(WORDS), 6)])


def _fuzz(once: object, inputs: list[bytes]) -> None:
    import atheris

    with tempfile.TemporaryDirectory() as folder:
        for number, content in enumerate(inputs):
            Path(folder, f"seed-{number}").write_bytes(content)
        atheris.Setup([sys.argv[0], _SLOWEST, "-rss_limit_mb=4096", *sys.argv[2:], folder], once)
        atheris.Fuzz()


def main() -> None:
    """Fuzzes until it is told to stop, or something breaks."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        raise SystemExit(GET) from None
    {"readers": _readers, "text": _text}[sys.argv[1]]()


if __name__ == "__main__":
    main()
