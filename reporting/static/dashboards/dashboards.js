// Draws the charts of a dashboard from the JSON beside them. The table below each has the same figures.
"use strict";

// Each has 3:1 or more on its ground; what colour tells apart, dashes, points and the order of bars tell too.
const COLOURS = {
  light: ["#1d4ed8", "#b45309", "#047857", "#be185d", "#6d28d9", "#0e7490", "#475569"],
  dark: ["#93b4ff", "#fbbf24", "#34d399", "#f9a8d4", "#c4b5fd", "#67e8f9", "#cbd5e1"],
};
const POINTS = ["circle", "rectRot", "triangle", "rect", "rectRounded"];
const FORM = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const UNITS = { percent: " %", ms: " ms", count: "", money: "" };

const dark = () => document.documentElement.classList.contains("dark");

function ink() {
  return dark()
    ? { text: "#c9d1da", line: "#2c333d", colours: COLOURS.dark, ground: "#161b22" }
    : { text: "#59616d", line: "#e2e5ea", colours: COLOURS.light, ground: "#ffffff" };
}

function dataset(one, index, data) {
  const { colours, ground } = ink();
  const colour = one.dashed ? ink().text : colours[index % colours.length];
  const points = data.labels.length <= 31 && !one.dashed ? 3 : 0;
  return {
    label: one.name,
    data: one.values,
    borderColor: data.kind === "line" ? colour : ground,
    backgroundColor: colour,
    borderWidth: data.kind === "line" ? 2 : 1,
    borderDash: one.dashed ? [6, 5] : [],
    pointStyle: POINTS[index % POINTS.length],
    pointRadius: points,
    pointHoverRadius: 5,
    spanGaps: false,
    maxBarThickness: 28,
    tension: 0,
  };
}

function options(data) {
  const { text, line } = ink();
  const across = data.kind.endsWith("across");
  const stacked = data.kind.startsWith("stacked");
  const unit = UNITS[data.unit];
  const measure = {
    stacked,
    beginAtZero: true,
    max: data.unit === "percent" ? 100 : undefined,
    ticks: { color: text, callback: (value) => SHORT.format(value) + unit, maxTicksLimit: 6 },
    grid: { color: line },
    border: { display: false },
  };
  const names = {
    stacked,
    ticks: { color: text, autoSkip: !across, maxRotation: 0, autoSkipPadding: 12 },
    grid: { display: false },
    border: { color: line },
  };
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    indexAxis: across ? "y" : "x",
    interaction: { mode: "index", intersect: false, axis: across ? "y" : "x" },
    scales: across ? { x: measure, y: names } : { x: names, y: measure },
    plugins: {
      legend: {
        display: data.series.length > 1,
        position: "bottom",
        align: "start",
        labels: { color: text, usePointStyle: true, boxWidth: 9, boxHeight: 9, padding: 14 },
      },
      tooltip: {
        callbacks: {
          label: (item) => {
            const value = across ? item.parsed.x : item.parsed.y;
            return value === null ? "" : `${item.dataset.label}: ${FORM.format(value)}${unit}`;
          },
        },
      },
    },
  };
}

function draw(canvas) {
  const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
  const known = Chart.getChart(canvas);
  if (known) known.destroy();
  new Chart(canvas, {
    type: data.kind === "line" ? "line" : "bar",
    data: { labels: data.labels, datasets: data.series.map((one, index) => dataset(one, index, data)) },
    options: options(data),
  });
}

function drawAll() {
  document.querySelectorAll("canvas[data-chart]").forEach(draw);
}

drawAll();
// Light or dark is a class of the page, which its reader changes.
let before = dark();
new MutationObserver(() => {
  if (dark() !== before) {
    before = dark();
    drawAll();
  }
}).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });

// Whoever picks days means them.
document.querySelectorAll(".bo-asked input[type=date]").forEach((field) =>
  field.addEventListener("change", () => {
    const period = document.getElementById("asked-period");
    if (period) period.value = "custom";
  }),
);
