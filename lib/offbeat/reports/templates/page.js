(function () {
  "use strict";
  var root = document.documentElement;

  function make(tag, properties, parent) {
    var element = Object.assign(document.createElement(tag), properties);
    if (parent) parent.append(element);
    return element;
  }

  // Light, dark, or as the system has it; remembered where the browser lets a page remember.
  function theme() {
    var button = document.querySelector(".theme");
    var names = { "": "as the system", light: "light", dark: "dark" };
    var order = ["", "light", "dark"];
    function show() {
      button.textContent = "Theme: " + names[root.dataset.theme || ""];
    }
    button.hidden = false;
    button.addEventListener("click", function () {
      var next = order[(order.indexOf(root.dataset.theme || "") + 1) % order.length];
      if (next) root.dataset.theme = next;
      else delete root.dataset.theme;
      try {
        localStorage.setItem("offbeat-theme", next);
      } catch (ignored) { /* as above: only not remembered */ }
      show();
    });
    show();
  }

  // Charts. A chart under a fold has no width until it is opened, so it is drawn then.
  function draw(holder) {
    var target = document.getElementById(holder.dataset.chart);
    if (target.dataset.drawn || !target.clientWidth) return;
    target.dataset.drawn = "yes";
    window.vegaEmbed(target, JSON.parse(holder.textContent), { renderer: "svg", actions: false }).then(function () {
      // The figure's text stands for the drawing; its marks would be read out one by one.
      target.querySelector("svg").setAttribute("aria-hidden", "true");
    }).catch(function (error) {
      target.textContent = "The chart could not be drawn; its numbers are below.";
      console.error(error);
    });
  }
  function charts() {
    var holders = Array.from(document.querySelectorAll("script[data-chart]"));
    holders.forEach(draw);
    document.querySelectorAll("details").forEach(function (fold) {
      fold.addEventListener("toggle", function () { holders.forEach(draw); });
    });
  }

  // Tables: sort by a click on a header (third click: as it came), filter, download as CSV.
  function raw(cell) {
    return "raw" in cell.dataset ? cell.dataset.raw : cell.textContent;
  }
  function compare(column, numeric, down) {
    return function (a, b) {
      var x = raw(a.cells[column]), y = raw(b.cells[column]);
      if (x === "" || y === "") return (x === "") - (y === ""); // not known: last, whichever way
      var order = numeric ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true });
      return down ? -order : order;
    };
  }
  function sortable(table, rows) {
    var body = table.tBodies[0];
    Array.from(table.tHead.rows[0].cells).forEach(function (header, column) {
      var numeric = header.dataset.kind === "number";
      var button = make("button", { type: "button", textContent: header.textContent });
      header.replaceChildren(button);
      button.addEventListener("click", function () {
        var first = numeric ? "descending" : "ascending", second = numeric ? "ascending" : "descending";
        var now = header.getAttribute("aria-sort");
        var next = !now ? first : now === first ? second : null;
        table.querySelectorAll("[aria-sort]").forEach(function (other) { other.removeAttribute("aria-sort"); });
        if (next) header.setAttribute("aria-sort", next);
        body.append.apply(body, next ? rows.slice().sort(compare(column, numeric, next === "descending")) : rows);
      });
    });
  }
  function filterable(tools, rows) {
    var label = make("label", { textContent: "Filter " }, tools);
    var input = make("input", { type: "search", autocomplete: "off" }, label);
    var status = make("output", {}, tools);
    input.addEventListener("input", function () {
      var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      var left = 0;
      rows.forEach(function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (word) { return text.includes(word); });
        left += !row.hidden;
      });
      status.textContent = words.length ? left + " of " + rows.length + " rows" : "";
    });
  }
  function field(text) {
    // A spreadsheet runs what begins like a formula; a number may begin with a sign.
    if (/^[=+\-@\t\r]/.test(text) && !/^[+-]?(\d|\.\d)[\d.eE+-]*$/.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  function csv(table, rows) {
    var header = Array.from(table.tHead.rows[0].cells);
    return [header].concat(rows.filter(function (row) { return !row.hidden; }).map(function (row) {
      return Array.from(row.cells);
    })).map(function (cells) {
      return cells.map(function (cell) { return field(raw(cell)); }).join(",");
    }).join("\r\n") + "\r\n";
  }
  function downloadable(tools, table, name) {
    var button = make("button", { type: "button", className: "csv", textContent: "Download CSV" }, tools);
    button.addEventListener("click", function () {
      var url = URL.createObjectURL(new Blob(["\ufeff", csv(table, Array.from(table.tBodies[0].rows))], { type: "text/csv" }));
      make("a", { href: url, download: name + ".csv" }).click();
      setTimeout(function () { URL.revokeObjectURL(url); }, 10000);
    });
  }
  function tables() {
    document.querySelectorAll(".table").forEach(function (box) {
      var table = box.querySelector("table");
      if (!table) return;
      var tools = box.querySelector(".table-tools");
      var rows = Array.from(table.tBodies[0].rows);
      tools.hidden = false;
      if (rows.length > 1) sortable(table, rows);
      if ("filter" in box.dataset) filterable(tools, rows);
      downloadable(tools, table, box.dataset.name);
    });
  }

  // The list of contents shows where one is; a link into a fold opens it.
  function contents() {
    var links = Array.from(document.querySelectorAll(".contents a"));
    function mark() {
      var here = links[0];
      links.forEach(function (link) {
        var section = document.getElementById(link.hash.slice(1));
        if (section.getBoundingClientRect().top < window.innerHeight / 3) here = link;
      });
      links.forEach(function (link) {
        if (link === here) link.setAttribute("aria-current", "location");
        else link.removeAttribute("aria-current");
      });
    }
    function open() {
      var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      var fold = target && target.querySelector(":scope > details.whole");
      if (fold) fold.open = true;
    }
    window.addEventListener("scroll", mark, { passive: true });
    window.addEventListener("hashchange", open);
    mark();
    open();
  }

  // On paper, what belongs to the story is open; raw ids and long tables stay on the screen.
  function printing() {
    var opened = [];
    window.addEventListener("beforeprint", function () {
      opened = Array.from(document.querySelectorAll("details[data-paper]:not([open])"));
      opened.forEach(function (fold) { fold.open = true; });
    });
    window.addEventListener("afterprint", function () {
      opened.forEach(function (fold) { fold.open = false; });
    });
  }

  theme();
  charts();
  tables();
  if (document.querySelector(".contents a")) contents();
  printing();
})();
