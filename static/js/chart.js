// [data-chart-src]: draws the JSON at that address with ECharts, loaded only when one is near.
//
// JSON: {
//   kind: "line" | "bar" | "stacked" | "waterfall" | "step" | "heat" | "flow",
//   title, unit: "%" | "USD" | "" …, note,
//   x: ["2024", …],
//   series: [{name, data: [number | null, …], state: "ahead" …, provisional: [bool, …],
//             links: [address | null, …],
//             as: "line"}],     (among bars: a level to compare them with)
//   percent: true     (numbers are ratios, shown as per cent)
//   max: 400          (where the axis ends, so that two charts can be compared)
//   band: {low: 2, high: 1},  (lines by their place, between which the field is shaded)
//   zero: true        (the axis holds zero; bars, stacked and waterfall always do)
// }
// A waterfall's single series holds the start, the signed movements and null for the end, which
// is worked out. A heat map has a series a row, bands: [{key, name, from}] with the highest first,
// and in each series bands, needed, available and away beside the data. A flow has a series a way, with
// from and to ([state, word]) and one number; x is what the two sides are called. A point with a link opens its rows. Provisional points are hatched or dashed.
const library = document.querySelector("meta[name=waymark-echarts]")?.content;
let loading;
const drawn = new Map();

function load() {
  if (window.echarts) return Promise.resolve(window.echarts);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = library;
    script.onload = () => resolve(window.echarts);
    script.onerror = reject;
    document.head.append(script);
  });
  return loading;
}

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function palette() {
  return ["brand", "slipping-mark", "ahead-mark", "achieved-mark", "stalled-mark", "on-track-mark", "no-plan-mark"].map(token);
}

function colourOf(series, index) {
  return series.state ? token(`${series.state.replaceAll("_", "-")}-mark`) : palette()[index % palette().length];
}

function writer(spec, short = false) {
  return (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "not known";
    if (/^[A-Z]{3}$/.test(spec.unit || "")) {
      const notation = short ? { notation: "compact", maximumFractionDigits: 1 } : { maximumFractionDigits: 2 };
      return value.toLocaleString("en", { style: "currency", currency: spec.unit, minimumFractionDigits: 0, ...notation });
    }
    const number = spec.percent ? value * 100 : value;
    const places = spec.percent ? 1 : 2;
    const text = number.toLocaleString("en", { maximumFractionDigits: places });
    if (spec.percent) return `${text}%`;
    return spec.unit ? `${text} ${spec.unit}` : text;
  };
}

const HATCH = { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [3, 4], rotation: -Math.PI / 4, color: "rgba(255,255,255,.55)" };

function points(series) {
  return series.data.map((value, index) => {
    const point = { value };
    if (series.provisional?.[index]) point.itemStyle = { decal: HATCH, opacity: 0.8 };
    return point;
  });
}

// On lines the provisional stretch is a shaded field with its word, behind every series.
function doubt(series, x) {
  const first = series.provisional?.indexOf(true) ?? -1;
  if (first < 0) return undefined;
  return {
    silent: true,
    itemStyle: { color: token("slipping-tint"), opacity: 0.7 },
    label: { color: token("slipping-ink"), position: "top", fontSize: 11 },
    data: [[{ name: "provisional", xAxis: x[Math.max(first - 1, 0)] }, { xAxis: x.at(-1) }]],
  };
}

// The field between two lines: the lower one unseen, and on it the height up to the other.
function band(spec) {
  const low = spec.series[spec.band.low].data;
  const high = spec.series[spec.band.high].data;
  const height = high.map((value, index) => (value === null || low[index] === null ? null : value - low[index]));
  const quiet = { type: "line", stack: "band", silent: true, symbol: "none", lineStyle: { opacity: 0 }, tooltip: { show: false } };
  return [
    { ...quiet, data: low },
    { ...quiet, data: height, areaStyle: { color: token("brand"), opacity: 0.14 } },
  ];
}

function waterfall(spec) {
  const source = spec.series[0];
  const base = [];
  const bars = [];
  const shown = [];
  let level = 0;
  source.data.forEach((value, index) => {
    const total = index === 0 || value === null;
    const height = value === null ? level : value;
    const from = total ? 0 : level;
    const to = total ? height : level + height;
    level = to;
    base.push(Math.min(from, to));
    shown.push(height);
    let colour = token("brand");
    if (!total) colour = token(height < 0 ? "regressing-mark" : "on-track-mark");
    const item = { value: Math.abs(to - from), itemStyle: { color: colour } };
    if (source.provisional?.[index]) item.itemStyle.decal = HATCH;
    bars.push(item);
  });
  return {
    shown,
    series: [
      { type: "bar", stack: "w", silent: true, itemStyle: { color: "transparent" }, data: base, tooltip: { show: false } },
      { type: "bar", stack: "w", name: source.name, data: bars, barMaxWidth: 56, labelLayout: { hideOverlap: true }, label: { show: true, position: "top", color: token("ink-2"), formatter: (p) => writer(spec, true)(shown[p.dataIndex]) } },
    ],
  };
}

const BAND_TOKENS = {
  overloaded: "regressing",
  full: "slipping",
  healthy: "on-track",
  light: "ahead",
  under_used: "no-plan",
};

function heat(spec, width) {
  const ink = token("ink-2");
  const write = writer({ ...spec, percent: true });
  const rows = spec.series.length;
  const highest = Math.max(...spec.series.flatMap((row) => row.data.map((value) => value ?? 0)));
  const roomy = width >= 900 && rows <= 20;
  const cells = spec.series.flatMap((row, y) =>
    row.data.map((value, x) => {
      const band = BAND_TOKENS[row.bands[x]];
      const strong = row.bands[x] === "overloaded" && !roomy; // without its number
      return {
        value: [x, y, value ?? "-"],
        itemStyle: { color: band ? token(`${band}-tint`) : token("no-plan-tint"), decal: band ? undefined : HATCH, borderColor: token("surface"), borderWidth: width < 560 ? 1 : 2, ...(strong ? { color: token("regressing-mark"), opacity: 0.3 + (0.6 * value) / highest } : {}) },
        label: { color: band ? token(`${band}-ink`) : ink },
      };
    }),
  );
  const said = (point) => {
    const [x, y] = point.value;
    const row = spec.series[y];
    const band = spec.bands.find((one) => one.key === row.bands[x])?.name ?? (row.away[x] ? "away" : "not known");
    const hours = row.available[x] === null ? `${row.needed[x]} h needed` : `${row.needed[x]} h needed, ${row.available[x]} h available`;
    return [`${row.name}, week of ${spec.x[x]}`, `${write(row.data[x])} · ${band}`, hours].join("\n");
  };
  return {
    animation: false,
    aria: { enabled: true },
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    grid: { left: 8, right: 8, top: 8, bottom: 8, containLabel: true },
    tooltip: { trigger: "item", renderMode: "richText", confine: true, backgroundColor: token("raised"), borderColor: token("line-strong"), textStyle: { color: token("ink") }, formatter: said },
    xAxis: { type: "category", data: spec.x, position: "top", axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: ink, fontSize: 11, hideOverlap: true } },
    yAxis: { type: "category", data: spec.series.map((row) => row.name), inverse: true, axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: ink, width: width < 560 ? 84 : 160, overflow: "truncate" } },
    series: [{ type: "heatmap", data: cells, label: { show: roomy, fontSize: 11, formatter: (point) => (point.value[2] === "-" ? (spec.series[point.value[1]].away[point.value[0]] ? "away" : "") : Math.round(point.value[2] * 100)) }, emphasis: { itemStyle: { borderColor: token("ink") } } }],
  };
}

// Two columns of states and the members who went from one to the other, as wide as they are many.
function flow(spec, width) {
  const ink = token("ink-2");
  const write = writer(spec);
  const narrow = width < 480;
  const colour = (state) => token(`${state.replaceAll("_", "-")}-mark`);
  const nodes = new Map();
  for (const one of spec.series) {
    for (const [side, [state, word]] of [[0, one.from], [1, one.to]]) {
      const place = spec.order.indexOf(state);
      nodes.set(`${side} ${state}`, { name: `${side} ${state}`, word, place, depth: side, itemStyle: { color: colour(state) }, label: { position: side ? "left" : "right" } });
    }
  }
  const total = (name) => spec.series.filter((one) => `0 ${one.from[0]}` === name || `1 ${one.to[0]}` === name).reduce((sum, one) => sum + one.data[0], 0);
  const links = spec.series.map((one, index) => ({ source: `0 ${one.from[0]}`, target: `1 ${one.to[0]}`, value: one.data[0], link: one.links[0], said: `${one.name}: ${write(one.data[0])}`, lineStyle: { color: colour(one.to[0]), opacity: one.from[0] === one.to[0] ? 0.18 : 0.45 }, index }));
  return {
    animation: false,
    aria: { enabled: true },
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    tooltip: { trigger: "item", renderMode: "richText", confine: true, backgroundColor: token("raised"), borderColor: token("line-strong"), textStyle: { color: token("ink") }, formatter: ({ dataType, data }) => (dataType === "edge" ? data.said : `${data.word}: ${write(total(data.name))}`) },
    graphic: spec.x.map((text, side) => ({ type: "text", top: 6, [side ? "right" : "left"]: 8, style: { text, fill: ink, fontSize: 12, fontWeight: 600 } })),
    series: [{ type: "sankey", left: 8, right: 8, top: 36, bottom: 8, nodeWidth: 14, nodeGap: narrow ? 8 : 12, layoutIterations: 0, draggable: false, data: [...nodes.values()].sort((a, b) => a.place - b.place), links, emphasis: { focus: "adjacency" }, label: { color: token("ink"), fontSize: narrow ? 11 : 12, formatter: ({ data }) => `${data.word} ${write(total(data.name))}` } }],
  };
}

function option(spec, width) {
  if (spec.kind === "heat") return heat(spec, width);
  if (spec.kind === "flow") return flow(spec, width);
  const ink = token("ink-2");
  const line = token("line");
  const write = writer(spec);
  const brief = writer(spec, true);
  const many = spec.series.length > 1;
  const narrow = width < 480;
  let series;
  let shown = null;
  if (spec.kind === "waterfall") ({ shown, series } = waterfall(spec));
  else {
    series = spec.series.map((one, index) => {
      const colour = colourOf(one, index);
      const decal = one.state === "not_enough_data" ? HATCH : undefined;
      const common = { name: one.name, data: points(one), color: colour, itemStyle: { color: colour, decal } };
      if (spec.kind === "line" || spec.kind === "step") {
        const direct = many && !narrow;
        return {
          ...common,
          type: "line",
          step: spec.kind === "step" ? "end" : false,
          connectNulls: false,
          symbolSize: 6,
          showSymbol: one.data.length <= 24,
          lineStyle: { width: 2.5, color: colour, type: index % 2 ? "dashed" : "solid" },
          endLabel: { show: direct, formatter: "{a}", color: ink, distance: 8 },
          labelLayout: { moveOverlap: "shiftY" },
          markArea: index === 0 ? doubt(one, spec.x) : undefined,
        };
      }
      if (one.as === "line") {
        // A mark across the bars of each, since what lies between two of them means nothing.
        const across = Math.min(96, (0.6 * (width - 80)) / Math.max(spec.x.length, 1));
        return { ...common, type: "line", symbol: "rect", symbolSize: [across, 3], lineStyle: { opacity: 0 }, z: 3 };
      }
      return { ...common, type: "bar", stack: spec.kind === "stacked" ? "all" : undefined, barMaxWidth: 44 };
    });
  }
  if (spec.band) series.unshift(...band(spec));
  const bars = spec.kind !== "line" && spec.kind !== "step";
  const legend = many && (bars || narrow);
  const letters = spec.series.reduce((sum, one) => sum + one.name.length * 7.5 + 36, 0);
  const legendRows = Math.ceil(letters / Math.max(width - 16, 1));
  const endRoom = many && !bars && !narrow ? 110 : 16;
  const reduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return {
    animation: !reduced,
    animationDuration: 250,
    aria: { enabled: true },
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: ink },
    grid: { left: 8, right: endRoom, top: legend ? 22 + legendRows * 20 : 20, bottom: 8, containLabel: true },
    legend: legend ? { top: 0, left: 0, itemWidth: 14, itemHeight: 10, textStyle: { color: ink } } : undefined,
    // Drawn on the canvas: an HTML tooltip would need inline styles, which the policy refuses.
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      confine: true,
      backgroundColor: token("raised"),
      borderColor: token("line-strong"),
      textStyle: { color: token("ink") },
      formatter: (all) => {
        const seen = all.filter((one) => one.seriesName && !one.seriesName.startsWith("series"));
        const rows = seen.map((one) => {
          const value = shown ? shown[one.dataIndex] : one.value;
          const source = spec.series.find((candidate) => candidate.name === one.seriesName);
          const doubt = source?.provisional?.[one.dataIndex] ? " (provisional)" : "";
          return `${one.seriesName}: ${write(value)}${doubt}`;
        });
        return [all[0].axisValueLabel, ...rows].join("\n");
      },
    },
    xAxis: { type: "category", data: spec.x, boundaryGap: bars, axisLine: { lineStyle: { color: token("line-strong") } }, axisTick: { show: false }, axisLabel: { color: ink, ...(spec.kind === "waterfall" ? { interval: 0, fontSize: 11, rotate: width < 560 ? 35 : 0 } : { hideOverlap: true }) } },
    yAxis: { type: "value", max: spec.max ?? null, scale: !(bars || spec.zero), splitLine: { lineStyle: { color: line } }, axisLabel: { color: ink, formatter: (value) => brief(value) } },
    series,
  };
}

async function draw(figure) {
  const canvas = figure.querySelector("[data-chart-canvas]");
  const table = figure.querySelector("[data-chart-table]");
  try {
    const [echarts, answer] = await Promise.all([load(), fetch(figure.dataset.chartSrc, { headers: { Accept: "application/json" }, credentials: "same-origin" })]);
    if (!answer.ok) throw new Error(String(answer.status));
    const spec = await answer.json();
    canvas.hidden = false;
    if (spec.kind === "heat") canvas.style.height = `${56 + spec.series.length * 30}px`;
    const chart = echarts.init(canvas, null, { renderer: "canvas" });
    chart.setOption(option(spec, canvas.clientWidth));
    chart.on("click", (event) => {
      const source = spec.series.find((one) => one.name === event.seriesName) || spec.series[0];
      const link = event.dataType === "edge" ? event.data.link : source.links?.[event.dataIndex];
      if (link && link.startsWith("/")) location.assign(link);
    });
    drawn.set(figure, { chart, spec });
    sizes.observe(canvas);
    const note = figure.querySelector("[data-chart-note]");
    if (note && spec.note) {
      note.textContent = spec.note;
      note.hidden = false;
    }
    if (table) table.open = false;
  } catch {
    canvas.hidden = true; // The table stays open: it has the same numbers.
    if (table) table.open = true;
  }
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const entry = drawn.get(target.closest("[data-chart-src]"));
    if (onPaper || !entry || entry.chart.getWidth() === target.clientWidth) continue;
    entry.chart.resize();
    entry.chart.setOption(option(entry.spec, target.clientWidth), true);
  }
});
const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      draw(entry.target);
    }
  },
  { rootMargin: "300px" },
);

function start() {
  for (const figure of document.querySelectorAll("[data-chart-src]:not([data-chart-seen])")) {
    figure.dataset.chartSeen = "";
    near.observe(figure);
  }
  for (const [figure, { chart }] of drawn) {
    if (figure.isConnected) continue;
    chart.dispose();
    drawn.delete(figure);
  }
}

document.addEventListener("waymark:theme", fit);
document.addEventListener("htmx:load", start);

// On paper a chart is as wide as an A4 page between its margins, light, and there at once.
const PAGE_WIDTH = 688;
let onPaper = false;

function fit() {
  for (const { chart, spec } of drawn.values()) {
    chart.resize({ width: onPaper ? PAGE_WIDTH : "auto" });
    chart.setOption({ ...option(spec, chart.getWidth()), animation: !onPaper }, true);
    if (onPaper) chart.getZr().flush();
  }
}

addEventListener("beforeprint", () => {
  onPaper = true;
  fit();
});
addEventListener("afterprint", () => {
  onPaper = false;
  fit();
});
// Those further down are drawn once nothing else is to be done, so that paper has them all.
addEventListener("load", () => {
  const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 2000));
  whenIdle(() => {
    for (const figure of document.querySelectorAll("[data-chart-seen]")) {
      if (drawn.has(figure)) continue;
      near.unobserve(figure);
      draw(figure);
    }
  });
});
start();
