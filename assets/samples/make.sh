#!/usr/bin/env bash
# Makes the pictures of this folder anew from sources/: bash assets/samples/make.sh
# Wants chromium, pdflatex, soffice, gnuplot, xterm, Xvfb, xwd and ImageMagick's convert, and fonts (README.md, here).
set -euo pipefail
cd "$(dirname "$0")"
python="${PYTHON:-python3}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

browse() { # file.html WIDTH,HEIGHT out.png
  chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --hide-scrollbars --user-data-dir="$work/browser" \
    --window-size="$2" --screenshot="$3" "file://$PWD/sources/$1" 2>/dev/null
}

typeset_tex() { # SOURCE_DATE_EPOCH: the same PDF every time
  cp "sources/$1.tex" "$work"
  (cd "$work" && SOURCE_DATE_EPOCH=0 pdflatex -interaction=batchmode -no-shell-escape "$1.tex" >/dev/null)
}

office() { # one page or more, to PDF
  soffice --headless "-env:UserInstallation=file://$work/office" --convert-to pdf --outdir "$work" \
    "sources/$1.fodt" >/dev/null 2>&1
}

draw_pages() { # file.pdf DPI prefix: one prefix-N.png a page
  "$python" - "$@" <<'PYTHON'
import sys

import pypdfium2

path, dpi, prefix = sys.argv[1:]
for number, page in enumerate(pypdfium2.PdfDocument(path), start=1):
    page.render(scale=int(dpi) / 72, grayscale=True).to_pil().save(f"{prefix}-{number}.png")
PYTHON
}

small() { convert "$1" -strip +dither -colors "${3:-32}" -define png:compression-level=9 "$2"; }
cut() { # in.png GEOMETRY out.png: the ink inside, with a rim as somebody cropping by hand leaves one
  convert "$1" -crop "$2" +repage -trim +repage -bordercolor white -border 9x7 "$work/cut.png"
  small "$work/cut.png" "$3" 16
}

browse browser.html 800,640 "$work/browser.png"
small "$work/browser.png" browser.png
browse receipt.html 420,480 "$work/receipt.png"
# As photographed: turned, soft, unevenly lit, on a table.
convert "$work/receipt.png" -bordercolor '#8a7a66' -border 24 -background '#8a7a66' -rotate -1.3 +repage -blur 0x0.6 \
  \( +clone -fill black -colorize 100 -sparse-color bilinear '0,0 #ffffff 460,0 #e2e2e2 0,520 #d6d6d6 460,520 #bcbcbc' \) \
  -compose multiply -composite -colorspace gray "$work/lit.png"
small "$work/lit.png" receipt.png 64

browse lines.html 800,860 "$work/lines.png"
for entry in line-1:0 line-2:100 line-3:200 line-4:300 paragraph-1:400 line-zh:620 paragraph-zh:740; do
  cut "$work/lines.png" "800x120+0+${entry#*:}" "${entry%:*}.png"
done

browse words.html 800,700 "$work/words.png"
for entry in word-1:0 word-2:100 word-3:220 word-4:320 word-5:440 word-6:560; do
  cut "$work/words.png" "800x110+0+${entry#*:}" "${entry%:*}.png"
done

typeset_tex words
draw_pages "$work/words.pdf" 130 "$work/tex-words"
for number in 1 2 3; do
  cut "$work/tex-words-$number.png" 9999x9999+0+0 "word-$((6 + number)).png"
done

typeset_tex lines
draw_pages "$work/lines.pdf" 130 "$work/tex"
cut "$work/tex-1.png" 9999x9999+0+0 line-5.png
cut "$work/tex-2.png" 9999x9999+0+0 line-6.png
cut "$work/tex-3.png" 9999x9999+0+0 line-7.png
cut "$work/tex-4.png" 9999x9999+0+0 paragraph-2.png
for name in paper formula table; do
  typeset_tex "$name"
  draw_pages "$work/$name.pdf" 130 "$work/$name"
done
cp "$work/paper.pdf" paper.pdf
small "$work/paper-1.png" paper.png 16
cut "$work/formula-1.png" 9999x9999+0+0 formula.png
cut "$work/table-1.png" 9999x9999+0+0 table.png

office letter
cp "$work/letter.pdf" letter.pdf
draw_pages letter.pdf 130 "$work/letter"
small "$work/letter-1.png" letter.png 16
office lines
draw_pages "$work/lines.pdf" 120 "$work/office"
cut "$work/office-1.png" 9999x110+0+0 line-8.png
cut "$work/office-1.png" 9999x110+0+120 line-9.png
cut "$work/office-1.png" 9999x200+0+230 paragraph-3.png
office words
draw_pages "$work/words.pdf" 120 "$work/office-words"
cut "$work/office-words-1.png" 9999x110+0+0 word-10.png
cut "$work/office-words-1.png" 9999x110+0+120 word-11.png
cut "$work/office-words-1.png" 9999x200+0+230 word-12.png

gnuplot -e 'set encoding utf8' sources/chart.gp >"$work/chart.png"
small "$work/chart.png" chart.png

Xvfb :87 -screen 0 800x480x24 >/dev/null 2>&1 &
screen=$!
sleep 2
DISPLAY=:87 xterm -fa 'DejaVu Sans Mono' -fs 12 -bg '#1d1f21' -fg '#e0e0e0' -geometry 58x15+0+0 +sb -e bash sources/terminal.sh &
sleep 5
DISPLAY=:87 xwd -silent -name bash -out "$work/terminal.xwd" || DISPLAY=:87 xwd -silent -root -out "$work/terminal.xwd"
kill "$screen"
convert "xwd:$work/terminal.xwd" "$work/terminal.png"
small "$work/terminal.png" terminal.png
