"""The characters that a text from outside may have: one rule for prompts, specs and corpora, however they arrive.

NUL and lone surrogates are refused, since not every database, JSON reader and UTF-8 encoder accepts them. Prompts and
corpora lose the byte-order marks at their beginning, which belong to the file and not to the text. A corpus must also
have something to learn.
"""

from gatelab.errors import InvalidCorpus, InvalidInput

BYTE_ORDER_MARK = "\ufeff"

_LOOKED_AT = 4096
"""The bytes of a file that are enough to show its encoding."""
_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""The possible first bytes of files in other encodings, the longest first."""


def unfit(text: str) -> str | None:
    """The character of this text that is not allowed, and why; None if all are allowed."""
    if (at := text.find("\0")) >= 0:
        return f"must not contain the NUL character, as character {at} {_line(text, at)} is"
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        where = f"character {error.start} {_line(text, error.start)}"
        return f"must be valid Unicode; {where} is a lone surrogate: half of a pair"
    return None


def without_marks(text: str) -> str:
    """The text without all byte-order marks at its beginning. Marks elsewhere belong to the text."""
    return text.lstrip(BYTE_ORDER_MARK)


def decode(data: bytes, path: str = "file", refusal: type[InvalidInput] = InvalidCorpus) -> str:
    """The text of a UTF-8 file, with any character that UTF-8 can encode.

    Raises:
        InvalidCorpus: (or another `refusal`) it is not UTF-8. The message, at `path`, says where, and what to do.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        at = error.start
        line = data.count(b"\n", 0, at) + 1
        message = f"must be UTF-8 text; byte {at} (0x{data[at]:02x}, in line {line}) is not; {_remedy(data)}"
        raise refusal.at(path, message) from None


def accepted(given: str, path: str = "text") -> str:
    """The text that a corpus keeps: the given one without the byte-order marks at its beginning.

    Raises:
        InvalidCorpus: it has a character that no text may have, or only white space.
    """
    text = without_marks(given)
    if fault := unfit(text):
        raise InvalidCorpus.at(path, f"{fault}; {_remedy(_head(text))}" if "\0" in text else fault)
    if not text:
        raise InvalidCorpus.at(path, "must not be empty")
    if text.isspace():
        raise InvalidCorpus.at(path, "must have a character that is not white space")
    return text


def _line(text: str, at: int) -> str:
    return f"(in line {text.count(chr(10), 0, at) + 1})"


def _head(text: str) -> bytes:
    return text[:_LOOKED_AT].encode(errors="surrogatepass")


def _remedy(data: bytes) -> str:
    """Advice about a file that is not UTF-8 or has NUL: its likeliest encoding, and the program that converts it."""
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    head = data[:_LOOKED_AT]
    if encoding is None and b"\0" in head:
        # In UTF-16, every other byte of most texts is NUL, the second one of each pair if the low byte comes first.
        encoding = "UTF-16LE" if head[1::2].count(0) >= head[::2].count(0) else "UTF-16BE"
    encoding = encoding or "WINDOWS-1252"
    return f"if the file is {encoding}, convert it: iconv -f {encoding} -t UTF-8 FILE > NEW"
