"""The part of the program that reads and writes text with any tokenizer, clean or learned."""

from gatelab.text.tokenizers.splitting import PATTERN

TEXT_PROGRAM = (
    f"\n\nWORDS = {PATTERN!r}\n\n"
    + r"""
def clean(text, how):
    if "newlines" in how:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = unicodedata.normalize("NFC", text) if "nfc" in how else text
    text = text.lower() if "lower" in how else text
    return re.sub(r"[^\S\n]+", " ", text) if "whitespace" in how else text


def vocabulary(kind):
    # What each id from 2 on stands for.
    if kind["kind"] in ("char", "words"):
        return list(kind.get("characters") or kind["words"])
    pieces = {bytes([code]): None for code in range(256)}
    ordered = list(pieces)
    for left, right in kind.get("merges", []):
        piece = ordered[left] + ordered[right]
        if piece not in pieces:
            pieces[piece] = None
            ordered.append(piece)
    return ordered + [piece.encode("latin-1") for piece in kind.get("longer", [])]


def encode(kind, pieces, text):
    text = clean(text, kind.get("clean", []))
    if kind.get("normalize") == "letters":
        text = re.sub("[^a-z]+", " ", text.lower())
    number = {piece: n for n, piece in enumerate(pieces)}
    if kind["kind"] == "byte":
        return [2 + byte for byte in text.encode()]
    if kind["kind"] in ("char", "words"):
        parts = text if kind["kind"] == "char" else re.findall(WORDS, text)
        return [2 + number[part] if part in number else 0 for part in parts]
    rank = {}
    for n, merge in enumerate(kind.get("merges", [])):
        rank.setdefault(tuple(merge), n)
    found = []
    for word in re.findall(WORDS, text):
        if kind["kind"] == "bpe":
            parts = list(word.encode())
            while pairs := [pair for pair in zip(parts, parts[1:]) if pair in rank]:
                pair = min(pairs, key=rank.get)
                at = next(at for at in range(len(parts)) if tuple(parts[at : at + 2]) == pair)
                parts[at : at + 2] = [number[pieces[pair[0]] + pieces[pair[1]]]]
        else:
            parts = likeliest(word.encode(), number, kind["scores"])
        found += parts
    return [2 + n for n in found]


def likeliest(word, number, scores):
    best = [(0.0, [])]
    for end in range(1, len(word) + 1):
        ways = ((start, number[word[start:end]]) for start in range(end) if word[start:end] in number)
        start, last = max(ways, key=lambda way: best[way[0]][0] + scores[way[1]])
        best.append((best[start][0] + scores[last], [*best[start][1], last]))
    return best[-1][1]
"""
)

READ_TEXT = """    pieces = vocabulary(kind)
    ids = encode(kind, pieces, text)
"""

SHOW_TEXT = """    shown = [pieces[token - 2] for token in written]
    return "".join(shown) if isinstance(shown[0], str) else b"".join(shown).decode(errors="replace")
"""
