r"""LaTeX names of mathematical symbols, and the letters of mathematical alphabets. Tables only.

Characters follow Unicode's mathematical names as LaTeX's unicode-math spells them.
"""

from __future__ import annotations


def _table(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split())
    return {name: character for name, _, character in pairs}


# Letters and letter-like symbols: italic where a variable is.
IDENTIFIERS = _table(
    "alpha=α beta=β gamma=γ delta=δ epsilon=ϵ varepsilon=ε zeta=ζ eta=η theta=θ vartheta=ϑ iota=ι kappa=κ varkappa=ϰ "
    "lambda=λ mu=μ nu=ν xi=ξ omicron=ο pi=π varpi=ϖ rho=ρ varrho=ϱ sigma=σ varsigma=ς tau=τ upsilon=υ phi=ϕ "
    "varphi=φ chi=χ psi=ψ omega=ω digamma=ϝ Gamma=Γ Delta=Δ Theta=Θ Lambda=Λ Xi=Ξ Pi=Π Sigma=Σ Upsilon=Υ Phi=Φ "
    "Psi=Ψ Omega=Ω varGamma=𝛤 varDelta=𝛥 varTheta=𝛩 varLambda=𝛬 varXi=𝛯 varPi=𝛱 varSigma=𝛴 varPhi=𝛷 varPsi=𝛹 "
    "varOmega=𝛺 hbar=ℏ hslash=ℏ ell=ℓ Re=ℜ Im=ℑ wp=℘ aleph=ℵ beth=ℶ gimel=ℷ daleth=ℸ imath=ı jmath=ȷ partial=∂ "
    "nabla=∇ infty=∞ emptyset=∅ varnothing=∅ forall=∀ exists=∃ nexists=∄ angle=∠ measuredangle=∡ sphericalangle=∢ "
    "triangle=△ triangledown=▽ square=□ Box=□ Diamond=◊ lozenge=◊ blacksquare=■ bigstar=★ star=⋆ top=⊤ bot=⊥ "
    "prime=′ backprime=‵ degree=° complement=∁ eth=ð mho=℧ Finv=Ⅎ Game=⅁ flat=♭ natural=♮ sharp=♯ clubsuit=♣ "
    "diamondsuit=♢ heartsuit=♡ spadesuit=♠ checkmark=✓ surd=√ S=§ P=¶ pounds=£ copyright=© dag=† ddag=‡ AA=Å "
    "ss=ß ae=æ AE=Æ oe=œ OE=Œ o=ø O=Ø aa=å l=ł L=Ł yen=¥ euro=€ textdegree=° blacktriangle=▲ blacktriangledown=▼ "
    "blacktriangleleft=◀ blacktriangleright=▶ bigcirc=◯ circledR=® circledS=Ⓢ diagup=╱ diagdown=╲ Bbbk=𝕜 "
    "textbackslash=\\ backslash=\\ ldots=… dots=… dotsc=… dotso=… textellipsis=… vdots=⋮ ddots=⋱ iddots=⋰ "
    "textregistered=® texttrademark=™ maltese=✠ male=♂ female=♀ Alpha=Α Beta=Β"
)

# Operators, relations, arrows.
OPERATORS = _table(
    "pm=± mp=∓ times=× div=÷ cdot=⋅ ast=∗ star=⋆ circ=∘ bullet=∙ oplus=⊕ ominus=⊖ otimes=⊗ oslash=⊘ odot=⊙ cap=∩ "
    "cup=∪ uplus=⊎ sqcap=⊓ sqcup=⊔ vee=∨ lor=∨ wedge=∧ land=∧ setminus=∖ smallsetminus=∖ wr=≀ amalg=⨿ diamond=⋄ "
    "bigtriangleup=△ bigtriangledown=▽ triangleleft=◁ triangleright=▷ lhd=⊲ rhd=⊳ unlhd=⊴ unrhd=⊵ dagger=† "
    "ddagger=‡ ltimes=⋉ rtimes=⋊ boxplus=⊞ boxminus=⊟ boxtimes=⊠ boxdot=⊡ barwedge=⊼ veebar=⊻ curlyvee=⋎ "
    "curlywedge=⋏ intercal=⊺ dotplus=∔ divideontimes=⋇ leq=≤ le=≤ geq=≥ ge=≥ leqslant=⩽ geqslant=⩾ leqq=≦ geqq=≧ "
    "lessgtr=≶ gtrless=≷ lesssim=≲ gtrsim=≳ lessapprox=⪅ gtrapprox=⪆ ll=≪ gg=≫ lll=⋘ ggg=⋙ neq=≠ ne=≠ equiv=≡ "
    "sim=∼ nsim=≁ simeq=≃ approx=≈ approxeq=≊ thickapprox=≈ thicksim=∼ cong=≅ ncong=≇ doteq=≐ doteqdot=≑ "
    "propto=∝ varpropto=∝ "
    "asymp=≍ bowtie=⋈ models=⊨ vdash=⊢ dashv=⊣ vDash=⊨ Vdash=⊩ Vvdash=⊪ nvdash=⊬ nvDash=⊭ perp=⊥ parallel=∥ "
    "nparallel=∦ shortparallel=∥ mid=∣ nmid=∤ shortmid=∣ in=∈ notin=∉ ni=∋ owns=∋ subset=⊂ supset=⊃ subseteq=⊆ "
    "supseteq=⊇ subsetneq=⊊ supsetneq=⊋ subsetneqq=⫋ nsubseteq=⊈ nsupseteq=⊉ subseteqq=⫅ supseteqq=⫆ Subset=⋐ "
    "Supset=⋑ sqsubset=⊏ sqsupset=⊐ sqsubseteq=⊑ sqsupseteq=⊒ prec=≺ succ=≻ preceq=⪯ succeq=⪰ preccurlyeq=≼ "
    "succcurlyeq=≽ precsim=≾ succsim=≿ nless=≮ ngtr=≯ nleq=≰ ngeq=≱ lneq=⪇ gneq=⪈ lneqq=≨ gneqq=≩ nprec=⊀ nsucc=⊁ "
    "triangleq=≜ coloneqq=≔ coloneq=≔ eqqcolon=≕ eqcirc=≖ circeq=≗ risingdotseq=≓ fallingdotseq=≒ bumpeq=≏ Bumpeq=≎ "
    "between=≬ pitchfork=⋔ smile=⌣ frown=⌢ trianglelefteq=⊴ trianglerighteq=⊵ vartriangleleft=⊲ "
    "vartriangleright=⊳ vartriangle=△ therefore=∴ because=∵ backsim=∽ backsimeq=⋍ multimap=⊸ "
    "to=→ rightarrow=→ leftarrow=← gets=← leftrightarrow=↔ uparrow=↑ downarrow=↓ updownarrow=↕ Rightarrow=⇒ "
    "Leftarrow=⇐ Leftrightarrow=⇔ Uparrow=⇑ Downarrow=⇓ Updownarrow=⇕ longrightarrow=⟶ longleftarrow=⟵ "
    "longleftrightarrow=⟷ Longrightarrow=⟹ Longleftarrow=⟸ Longleftrightarrow=⟺ implies=⟹ impliedby=⟸ iff=⟺ mapsto=↦ "
    "longmapsto=⟼ hookrightarrow=↪ hookleftarrow=↩ nearrow=↗ searrow=↘ swarrow=↙ nwarrow=↖ rightharpoonup=⇀ "
    "rightharpoondown=⇁ leftharpoonup=↼ leftharpoondown=↽ rightleftharpoons=⇌ leftrightharpoons=⇋ rightleftarrows=⇄ "
    "leftrightarrows=⇆ rightrightarrows=⇉ leftleftarrows=⇇ upuparrows=⇈ downdownarrows=⇊ leadsto=⇝ "
    "rightsquigarrow=⇝ twoheadrightarrow=↠ twoheadleftarrow=↞ rightarrowtail=↣ nrightarrow=↛ nleftarrow=↚ "
    "nRightarrow=⇏ nLeftarrow=⇍ nLeftrightarrow=⇎ curvearrowright=↷ curvearrowleft=↶ circlearrowright=↻ "
    "circlearrowleft=↺ dashrightarrow=⇢ dashleftarrow=⇠ Lsh=↰ Rsh=↱ upharpoonright=↾ restriction=↾ "
    "cdots=⋯ dotsb=⋯ dotsm=⋯ dotsi=⋯ colon=: lnot=¬ neg=¬ cdotp=· ldotp=. centerdot=· vcentcolon=: And=&"
)

FENCES = _table(
    "lbrace={ rbrace=} { }=} lbrack=[ rbrack=] langle=⟨ rangle=⟩ lfloor=⌊ rfloor=⌋ lceil=⌈ rceil=⌉ lvert=| rvert=| "
    "vert=| lVert=‖ rVert=‖ Vert=‖ |=‖ lgroup=⟮ rgroup=⟯ lmoustache=⎰ rmoustache=⎱ ulcorner=⌜ urcorner=⌝ "
    "llcorner=⌞ lrcorner=⌟ llbracket=⟦ rrbracket=⟧ lt=< gt=>"
) | {"{": "{"}

# Large operators: limits stand above and below in display style.
LIMIT_OPERATORS = _table(
    "sum=∑ prod=∏ coprod=∐ bigcup=⋃ bigcap=⋂ bigvee=⋁ bigwedge=⋀ bigoplus=⨁ bigotimes=⨂ bigodot=⨀ biguplus=⨄ "
    "bigsqcup=⨆"
)
INTEGRALS = _table("int=∫ iint=∬ iiint=∭ iiiint=⨌ oint=∮ oiint=∯ oiiint=∰ intop=∫ smallint=∫ idotsint=∫⋯∫")

FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh coth sech csch log ln lg exp deg dim hom ker "
    "arg rank tr diag sgn sign mod bmod erf Tr".split()
)
LIMIT_FUNCTIONS = {
    "lim": "lim", "max": "max", "min": "min", "sup": "sup", "inf": "inf", "det": "det", "gcd": "gcd", "Pr": "Pr",
    "lcm": "lcm", "limsup": "lim sup", "liminf": "lim inf", "argmax": "arg max", "argmin": "arg min",
    "injlim": "inj lim", "projlim": "proj lim", "varlimsup": "lim sup", "varliminf": "lim inf",
}  # fmt: skip

# name -> (character, stretches)
ACCENTS = {
    "hat": ("^", False), "widehat": ("^", True), "bar": ("¯", False), "overline": ("¯", True), "vec": ("→", False),
    "tilde": ("~", False), "widetilde": ("~", True), "dot": ("˙", False), "ddot": ("¨", False), "dddot": ("⃛", False),
    "check": ("ˇ", False), "breve": ("˘", False), "acute": ("´", False), "grave": ("`", False),
    "mathring": ("˚", False), "overrightarrow": ("→", True), "overleftarrow": ("←", True),
    "overleftrightarrow": ("↔", True), "overbrace": ("⏞", True), "overparen": ("⏜", True),
    "overarc": ("⏜", True), "wideparen": ("⏜", True), "overbracket": ("⎴", True),
}  # fmt: skip
UNDER_ACCENTS = {
    "underline": "_", "underbrace": "⏟", "underrightarrow": "→", "underleftarrow": "←", "underbar": "_",
    "underparen": "⏝", "underbracket": "⎵", "utilde": "~", "ulem": "_", "uline": "_",
}  # fmt: skip

# Widths in em; a quad is one em.
SPACES = {
    ",": 0.167, "thinspace": 0.167, ":": 0.222, ">": 0.222, "medspace": 0.222, ";": 0.278, "thickspace": 0.278,
    "!": -0.167, "negthinspace": -0.167, "quad": 1.0, "qquad": 2.0, " ": 0.333, "enspace": 0.5, "enskip": 0.5,
    "space": 0.333, "nobreakspace": 0.333, "hfill": 1.0, "negmedspace": -0.222, "negthickspace": -0.278,
}  # fmt: skip

NEGATED = {
    "=": "≠", "∈": "∉", "∋": "∌", "⊂": "⊄", "⊃": "⊅", "⊆": "⊈", "⊇": "⊉", "≡": "≢", "∼": "≁", "≃": "≄", "≈": "≉",
    "≅": "≇", "<": "≮", ">": "≯", "≤": "≰", "≥": "≱", "∥": "∦", "∣": "∤", "|": "∤", "∃": "∄", "→": "↛", "←": "↚",
    "⇒": "⇏", "⇐": "⇍", "⇔": "⇎", "⊢": "⊬", "⊨": "⊭", "≺": "⊀", "≻": "⊁",
}  # fmt: skip

# Command -> alphabet; `bold` also turns Greek bold.
ALPHABET_COMMANDS = {
    "mathbf": "bold", "mathbfit": "bold-italic", "boldsymbol": "bold-italic", "bm": "bold-italic",
    "pmb": "bold-italic", "mathit": "italic", "mathnormal": "italic", "mathcal": "script", "mathscr": "script",
    "mathfrak": "fraktur", "mathbb": "double-struck", "mathbbm": "double-struck", "mathds": "double-struck",
    "Bbb": "double-struck", "mathsf": "sans", "mathtt": "mono", "mathrm": "upright", "symbf": "bold",
    "bold": "bold", "frak": "fraktur", "symbb": "double-struck",
}  # fmt: skip
ALPHABET_SWITCHES = {
    "rm": "upright", "bf": "bold", "it": "italic", "cal": "script", "sf": "sans", "tt": "mono", "mit": "italic",
    "bfseries": "bold", "itshape": "italic", "boldmath": "bold-italic",
}  # fmt: skip

# alphabet -> first characters of A, a, 0, Α (capital alpha), α; 0: the alphabet has none.
_STARTS = {
    "bold": (0x1D400, 0x1D41A, 0x1D7CE, 0x1D6A8, 0x1D6C2),
    "bold-italic": (0x1D468, 0x1D482, 0x1D7CE, 0x1D71C, 0x1D736),
    "italic": (0x1D434, 0x1D44E, 0, 0x1D6E2, 0x1D6FC),
    "script": (0x1D49C, 0x1D4B6, 0, 0, 0),
    "fraktur": (0x1D504, 0x1D51E, 0, 0, 0),
    "double-struck": (0x1D538, 0x1D552, 0x1D7D8, 0, 0),
    "sans": (0x1D5A0, 0x1D5BA, 0x1D7E2, 0, 0),
    "mono": (0x1D670, 0x1D68A, 0x1D7F6, 0, 0),
}
# Letters that Unicode had before the alphabets.
_EARLIER = {
    0x1D455: "ℎ", 0x1D49D: "ℬ", 0x1D4A0: "ℰ", 0x1D4A1: "ℱ", 0x1D4A3: "ℋ", 0x1D4A4: "ℐ", 0x1D4A7: "ℒ", 0x1D4A8: "ℳ",
    0x1D4AD: "ℛ", 0x1D4BA: "ℯ", 0x1D4BC: "ℊ", 0x1D4C4: "ℴ", 0x1D506: "ℭ", 0x1D50B: "ℌ", 0x1D50C: "ℑ", 0x1D515: "ℜ",
    0x1D51D: "ℨ", 0x1D53A: "ℂ", 0x1D53F: "ℍ", 0x1D545: "ℕ", 0x1D547: "ℙ", 0x1D548: "ℚ", 0x1D549: "ℝ", 0x1D551: "ℤ",
}  # fmt: skip


def in_alphabet(character: str, alphabet: str) -> str:
    """The character's counterpart in a mathematical alphabet; itself where there is none."""
    if alphabet not in _STARTS:
        return character
    upper, lower, digit, greek_upper, greek_lower = _STARTS[alphabet]
    for first, last, start in (
        ("A", "Z", upper),
        ("a", "z", lower),
        ("0", "9", digit),
        ("Α", "Ω", greek_upper),
        ("α", "ω", greek_lower),
    ):
        if first <= character <= last:
            code = start + ord(character) - ord(first)
            return _EARLIER.get(code, chr(code)) if start else character
    return character
