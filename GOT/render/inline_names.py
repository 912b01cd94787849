"""What LaTeX commands of running text stand for: styles, letters, accents, and those that print nothing."""

from __future__ import annotations

STYLES = {
    "textbf": "strong", "bf": "strong", "textit": "em", "emph": "em", "textsl": "em", "underline": "u", "uline": "u",
    "textsuperscript": "sup", "textsubscript": "sub", "st": "s", "sout": "s", "textsc": "", "text": "", "textrm": "",
    "textsf": "", "textnormal": "", "mbox": "", "textup": "", "textmd": "", "makecell": "", "thead": "",
    "shortstack": "",
    "footnotesize": "", "hbox": "", "fbox": "", "centerline": "", "mathrm": "", "large": "", "parbox": "",
    "caption*": "",
}  # fmt: skip
CODES = {"texttt", "verb", "lstinline"}
DROPPED = {
    "centering", "noindent", "hline", "small", "footnotesize", "scriptsize", "tiny", "normalsize", "large", "Large",
    "LARGE", "huge", "Huge", "bfseries", "itshape", "rmfamily", "sffamily", "ttfamily", "displaystyle", "raggedright",
    "raggedleft", "protect", "par", "newpage", "clearpage", "maketitle", "tableofcontents", "hfill", "vfill",
    "smallskip",
    "medskip", "bigskip", "null", "leavevmode", "ignorespaces", "indent", "flushleft", "arraybackslash", "item", "rm",
    "/", "@", "hskip", "appendix", "strut", "upshape", "mdseries", "scshape", "relax", "unskip", "allowbreak", "-",
}  # fmt: skip
DROPPED_ARGUMENT = {
    "label", "vspace", "hspace", "vspace*", "hspace*", "setcounter", "addtocounter", "pagestyle",
    "thispagestyle", "bibliographystyle", "fontsize", "rowcolor", "cellcolor", "color", "index"
}  # fmt: skip
LETTERS = {
    "ldots": "…", "dots": "…", "textellipsis": "…", "textendash": "–", "textemdash": "—",
    "textquoteleft": "‘", "textquoteright": "’",
    "textquotedblleft": "“", "textquotedblright": "”", "textbackslash": "\\", "textasciitilde": "~",
    "LaTeX": "LaTeX", "TeX": "TeX",
    "textasciicircum": "^", "textless": "<", "textgreater": ">", "textbar": "|", "textunderscore": "_",
    "quad": "\u2003",
    "qquad": "\u2003\u2003", "enspace": "\u2002", "thinspace": "\u2009", "textbullet": "•", "textperiodcentered": "·",
    "i": "ı", "j": "ȷ", "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "aa": "å", "AA": "Å",
    "l": "ł", "L": "Ł", "S": "§", "P": "¶", "copyright": "©", "textcopyright": "©", "textregistered": "®",
    "texttrademark": "™", "dag": "†", "ddag": "‡", "pounds": "£", "textdegree": "°", "Square": "□", "CheckedBox": "☑",
    "newline": "\n", "linebreak": "\n", "tabularnewline": "\n", "checkmark": "✓", "textdollar": "$",
    "textpm": "±", "texttimes": "×",
}  # fmt: skip
COMBINING = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a", "d": "\u0323",
    "b": "\u0331"
}  # fmt: skip
DING = {"51": "✓", "52": "✔", "55": "✗", "56": "✘", "72": "★", "108": "●", "110": "■"}
TAGS = {
    "b": "strong",
    "strong": "strong",
    "i": "em",
    "em": "em",
    "u": "u",
    "s": "s",
    "del": "s",
    "sub": "sub",
    "sup": "sup",
}
