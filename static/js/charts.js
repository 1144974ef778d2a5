/* Draws every <div data-chart="id of a json_script"> (templates/components/chart.html) with ECharts. */
"use strict";

(function () {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name) => styles.getPropertyValue(name).trim();
  const tones = { done: "--gg-done", soon: "--gg-soon", late: "--gg-late", wait: "--gg-wait", off: "--gg-line-strong" };
  const plain = ["--bs-link-color", "--gg-line-strong", "--gg-wait"];
  const font = { fontFamily: styles.getPropertyValue("--bs-font-sans-serif").trim(), fontSize: 13 };

  function series(chart) {
    return chart.series.map((line, index) => ({
      name: line.name,
      type: chart.kind,
      data: line.data,
      itemStyle: { color: colour(tones[line.tone] || plain[index % plain.length]) },
      lineStyle: { width: 2, type: ["solid", "dashed", "dotted"][index % 3] },
      showSymbol: false,
      barMaxWidth: 14,
    }));
  }

  /* Bars lie, so that the names of twenty villages can be read; the first one is at the top. */
  function axes(chart, ink) {
    const names = { type: "category", data: chart.labels, axisTick: { show: false }, inverse: chart.kind === "bar",
      axisLine: { lineStyle: { color: colour("--gg-line-strong") } }, axisLabel: { ...font, color: ink, hideOverlap: true } };
    const values = { type: "value", minInterval: 1, splitLine: { lineStyle: { color: colour("--gg-line") } },
      axisLabel: { ...font, color: ink, formatter: `{value}${chart.unit || ""}` } };
    return chart.kind === "bar" ? { xAxis: values, yAxis: names } : { xAxis: names, yAxis: values };
  }

  function options(chart) {
    const ink = colour("--gg-ink-soft");
    return {
      animation: false,
      aria: { enabled: true, label: { enabled: false } },
      textStyle: font,
      grid: { left: 8, right: 16, top: chart.series.length > 1 ? 36 : 16, bottom: 4, containLabel: true },
      legend: { show: chart.series.length > 1, left: 0, top: 0, textStyle: { ...font, color: ink } },
      tooltip: { trigger: "axis", renderMode: "richText", confine: true, textStyle: { ...font, color: colour("--gg-ink") },
        backgroundColor: colour("--gg-paper"), borderColor: colour("--gg-line-strong"), borderWidth: 1, shadowBlur: 0,
        valueFormatter: (value) => (value === null || value === undefined ? "–" : `${value}${chart.unit || ""}`) },
      ...axes(chart, ink),
      series: series(chart),
    };
  }

  document.querySelectorAll("[data-chart]").forEach((element) => {
    const chart = JSON.parse(document.getElementById(element.dataset.chart).textContent);
    if (chart.kind === "bar") element.style.height = `${chart.labels.length * (chart.series.length * 18 + 8) + 48}px`;
    const drawing = window.echarts.init(element, null, { renderer: "canvas" });
    drawing.setOption(options(chart));
    if (chart.urls) {
      drawing.on("click", (event) => {
        const url = chart.urls[event.dataIndex];
        if (url) window.location.assign(url);
      });
    }
    window.addEventListener("resize", () => drawing.resize());
  });
})();
