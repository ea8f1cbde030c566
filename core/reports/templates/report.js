"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = [];

  function theme(isDark) {
    const ink = isDark ? "#e8eaee" : "#1f2430";
    const grid = isDark ? "#343a46" : "#e3e6eb";
    const axis = { gridcolor: grid, zerolinecolor: isDark ? "#5c6472" : "#b8bec8", linecolor: grid, automargin: true, title: { standoff: 10 } };
    return {
      layout: {
        font: { color: ink, size: 13, family: 'system-ui, "Segoe UI", "Noto Sans", sans-serif' },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        hoverlabel: { bgcolor: isDark ? "#1c2028" : "#ffffff", font: { color: ink } },
        xaxis: axis,
        yaxis: axis,
      },
    };
  }

  function save(figure, filename, format) {
    // A picture leaves the page, so it gets a ground of its own.
    const ground = dark.matches ? "#14171d" : "#ffffff";
    Plotly.relayout(figure, { paper_bgcolor: ground })
      .then(() => Plotly.downloadImage(figure, { format, filename, scale: format === "png" ? 3 : 1 }))
      .finally(() => Plotly.relayout(figure, { paper_bgcolor: "rgba(0,0,0,0)" }));
  }

  function buttons(place, filename) {
    const row = document.createElement("div");
    row.className = "save";
    row.append("Save as");
    for (const format of ["png", "svg"]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = format.toUpperCase();
      button.addEventListener("click", () => save(place, filename, format));
      row.append(button);
    }
    place.after(row);
  }

  for (const place of document.querySelectorAll(".figure")) {
    const about = JSON.parse(place.nextElementSibling.textContent);
    about.layout.template = theme(dark.matches);
    about.layout.dragmode = false;
    Plotly.newPlot(place, about.data, about.layout, { displayModeBar: false, responsive: true });
    buttons(place, about.filename);
    drawn.push(place);
  }

  const repaint = (isDark, more) => drawn.forEach((one) => Plotly.relayout(one, { template: theme(isDark), ...more }));
  dark.addEventListener("change", () => repaint(dark.matches, {}));
  addEventListener("beforeprint", () => repaint(false, { width: 660 }));
  addEventListener("afterprint", () => repaint(dark.matches, { width: null, autosize: true }));
})();
