// The child process of echarts.py: one JSON request a line in, one JSON answer a line out, until stdin is closed.
// Request: {option, width, height, advances: {character: em}}; answer: {svg} or {error}.
// Usage: node echarts_worker.js FOLDER_OF_NODE_MODULES
"use strict";

const path = require("path");
const echarts = require(path.join(path.resolve(process.argv[2]), "echarts"));

const UNKNOWN = 0.6; // em, of a character that the request does not list
let advances = {};

// Without a canvas ECharts guesses how wide a text is; the request knows, from the font that will draw it.
echarts.setPlatformAPI({
  measureText(text, font) {
    const size = parseFloat((/([\d.]+)px/.exec(font || "") || [0, 12])[1]);
    let em = 0;
    for (const char of text || "") em += advances[char] === undefined ? UNKNOWN : advances[char];
    return { width: em * size };
  },
});

function render(request) {
  advances = request.advances;
  const { width, height } = request;
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption({ ...request.option, animation: false });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    let answer;
    try {
      answer = { svg: render(JSON.parse(line)) };
    } catch (error) {
      answer = { error: String(error.message || error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  });
