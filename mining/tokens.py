"""Token offsets for English clinical text, cut the way the English-EWT treebank cuts words.

Phrases, rules and every parser share this one tokenizer, so that a token means the same thing
everywhere and the embedded parser sees at work what it saw in training. The cuts follow the UD
English-EWT treebank (contractions, hyphens and possessives apart) with the additions that clinical
shorthand needs ("w/o", "s/p", "5mm", "XXXX").
"""

import re

__all__ = ["CUT_OUT", "tokenize"]

_BEFORE_NT = ("do", "does", "did", "is", "are", "was", "were", "has", "have", "had",
              "could", "would", "should")  # fmt: skip
#: Words that are cut out of longer ones with no mark between ("cannot", "isnt").
CUT_OUT = frozenset({"can", "not", "nt", *_BEFORE_NT})

_PATTERN = r"""
    # most words, so that most text is read without trying what follows: a word in front of a space
    # or comma that is not "cannot" or "dont", or of a final stop that no abbreviation owns
    (?<!\w) [a-z]++ (?: (?<!nt) (?<!not) (?=[ ,])
    | (?=\.(?:\s|$)) (?<! nt | ot | dr | mr | rs | ms | vs | st | ox | pt | of ) (?<!\b[a-z]) )
    # contractions without their apostrophe, and "cannot": the first half, then the second
  | (?<!\w) (?: can(?=not\b) | (?:BEFORE_NT) (?=nt\b) )
  | n['\u2019]t\b
    # clinical shorthand with a slash stays whole; (?<![\w/]) keeps "A/B/L" apart
  | (?<![\w/]) (?: w/(?:o\b|out\b)? | n/v(?:/d)?\b
    | (?: s/p | c/w | r/o | b/l | h/o | f/u | d/c | d/t | c/o | p/w | y/o | n/a | i/o )\b ) (?!/)
    # abbreviations that own their dot
  | (?<!\w) (?: (?:dr|mr|mrs|ms|vs|st|approx|dept|prof)\. (?=\s|$) | (?:[a-z]\.){2,} )
    # the x of "2x3x4 cm"
  | (?<=\d)x(?=\d)
    # words: letters first, digits may follow ("T8"), O'Brien; "don't" gives back its n
  | (?: (?<!\w)[od]['\u2019](?=[a-z]{3}) )? [^\W\d_][^\W_]* (?! (?<=n)['\u2019]t\b )
    # dates, clock times, fractions and pressures, numbers, ordinals; a unit starts a new token
  | \d{1,4}([/-])\d{1,2}\1\d{2,4}(?![\d/-]) | \d{1,2}:\d{2}(?::\d{2})?(?!\d) | \d+/\d+
  | \d+(?:st|nd|rd|th)\b | \d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d) | \d+(?:\.\d+)* | (?<!\w)\.\d+
    # possessives and clitics, runs of one mark, signs of two
  | ['\u2019](?:s|d|m|ll|re|ve)\b
  | \.{2,} | -{2,}>? | ->| _+ | \*+ | =+ | !+ | \?+ | ~+ | \+/- | [<>]=
    # whatever is left: one character, one token
  | \S
"""
_TOKEN = re.compile(_PATTERN.replace("BEFORE_NT", "|".join(_BEFORE_NT)), re.VERBOSE | re.IGNORECASE)


def tokenize(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) offsets of the tokens of `text`, ascending.

    Every character that is not whitespace belongs to exactly one token, and no token holds
    whitespace. Case never changes a cut, so capitals and lower case are cut alike.

    >>> [text[a:b] for text in ["Can't rule out a 5mm x-ray artifact."] for a, b in tokenize(text)]
    ['Ca', "n't", 'rule', 'out', 'a', '5', 'mm', 'x', '-', 'ray', 'artifact', '.']
    >>> [text[a:b] for text in ["Effusion/atelectasis, s/p CABG.."] for a, b in tokenize(text)]
    ['Effusion', '/', 'atelectasis', ',', 's/p', 'CABG', '..']
    """
    return [match.span() for match in _TOKEN.finditer(text)]
