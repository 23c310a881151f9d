// Charts of the tables that are marked so: the first column has the times, the others a series each.
// The table stays, for those who do not see the picture. A line of numbers is drawn, too.
"use strict";
(() => {
  const language = document.documentElement.lang;
  const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const amount = new Intl.NumberFormat(language, { notation: "compact" });
  const colorOf = (element) => getComputedStyle(element).color;

  const height = 130;

  // atLeastOne keeps a chart of nothing from having an axis of nothing.
  const atLeastOne = (_, min, max) => [0, Math.max(max, 1)];

  function drawTable(figure) {
    const rows = [...figure.querySelectorAll("tbody tr")];
    const heads = [...figure.querySelectorAll("thead th")];
    const times = rows.map((row) => new Date(row.querySelector("time").dateTime).getTime() / 1000);
    const columns = heads.slice(1).map((_, i) => rows.map((row) => Number(row.cells[i + 1].dataset.n)));
    const plot = figure.querySelector(".plot");
    const axis = { stroke: colorOf(figure), grid: { stroke: getComputedStyle(figure).borderTopColor, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const chart = new uPlot({
      width: plot.clientWidth, height,
      scales: { y: { range: atLeastOne } },
      axes: [
        { ...axis, grid: { show: false }, values: (_, at) => at.map((t) => hour.format(new Date(t * 1000))), space: 60, size: 28 },
        { ...axis, size: 44, values: (_, at) => at.map((n) => (Number.isInteger(n) ? amount.format(n) : "")) },
      ],
      series: [
        { label: heads[0].textContent, value: (_, t) => (t == null ? "–" : full.format(new Date(t * 1000))) },
        ...heads.slice(1).map((head) => ({ label: head.textContent, stroke: colorOf(head), width: 2, points: { show: false } })),
      ],
      cursor: { drag: { x: false, y: false } },
      hooks: { // the legend has the present hour unless somebody points at another
        ready: [(u) => u.setLegend({ idx: times.length - 1 })],
        setCursor: [(u) => { if (u.cursor.idx == null) u.setLegend({ idx: times.length - 1 }); }],
      },
    }, [times, ...columns], plot);
    new ResizeObserver(() => chart.setSize({ width: plot.clientWidth, height })).observe(plot);
  }

  function drawLine(line) {
    const values = line.dataset.line.split(" ").map(Number);
    const color = colorOf(line);
    new uPlot({
      width: 120, height: 28, padding: [2, 0, 2, 0],
      scales: { x: { time: false }, y: { range: atLeastOne } },
      axes: [{ show: false }, { show: false }], legend: { show: false }, cursor: { show: false },
      series: [{}, { stroke: color, fill: color, paths: uPlot.paths.bars({ size: [0.8, 20] }), points: { show: false } }],
    }, [values.map((_, i) => i), values], line);
  }

  // A part that was drawn and is replaced comes back as the server made it.
  function draw() {
    for (const [selector, one] of [[".chart", drawTable], ["[data-line]", drawLine]]) {
      for (const element of document.querySelectorAll(selector)) {
        if (element.querySelector(".uplot") === null) one(element);
      }
    }
  }
  document.addEventListener("htmx:afterSwap", draw);
  document.addEventListener("htmx:afterSettle", draw);
  draw();
})();
