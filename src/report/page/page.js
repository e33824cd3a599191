// Adds to a page that reads without it: sorting, series that can be switched off, values at the
// pointer, the theme, and the sections of a run in progress.
(() => {
  "use strict";

  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  // What a person has set up survives when a section is replaced.
  const sorted = new Map(); // table id -> { column, direction }
  const off = new Map(); // figure id -> set of series

  // A mistake in one part must not take the others with it.
  const guarded = (action) => (...given) => {
    try {
      return action(...given);
    } catch (error) {
      return undefined;
    }
  };

  // ---- tables

  const valueOf = (cell, kind) => {
    if (!cell) return null;
    if (kind === "text") return cell.textContent.trim();
    const number = Number.parseFloat(cell.dataset.value);
    return Number.isNaN(number) ? null : number;
  };

  const ordered = (items, value, direction) => {
    const keyed = items.map((item, place) => ({ item, place, value: value(item) }));
    keyed.sort((a, b) => {
      if (a.value === null || b.value === null) {
        // What has no value comes last, either way.
        return (a.value === null) - (b.value === null) || a.place - b.place;
      }
      const order =
        typeof a.value === "string" ? a.value.localeCompare(b.value, "en", { numeric: true }) : a.value - b.value;
      return order * direction || a.place - b.place;
    });
    return keyed.map((entry) => entry.item);
  };

  const sort = (table, column, direction) => {
    const heads = all("thead th", table);
    const kind = heads[column].dataset.sort;
    heads.forEach((head, place) => {
      if (!head.dataset.sort) return;
      const name = direction === 1 ? "ascending" : "descending";
      head.setAttribute("aria-sort", place === column ? name : "none");
    });
    const value = (row) => valueOf(row.cells[column], kind);
    const bodies = Array.from(table.tBodies);
    bodies.forEach((body) => {
      const rows = Array.from(body.rows);
      const isFirst = (row) => row.matches(".sum, .title");
      const rest = ordered(rows.filter((row) => !isFirst(row)), value, direction);
      body.append(...rows.filter(isFirst), ...rest);
    });
    // Groups that have a sum of their own are sorted by it, those with a title keep their places.
    if (!bodies.some((body) => body.rows[0] && body.rows[0].matches(".title"))) {
      table.append(...ordered(bodies, (body) => (body.rows[0] ? value(body.rows[0]) : null), direction));
    }
    sorted.set(table.id, { column, direction });
  };

  const sortable = (table) => {
    all("thead th", table).forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.id = `${table.id}-sort-${column}`;
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", guarded(() => {
        const now = sorted.get(table.id);
        // Figures are looked at from the largest, names from the first.
        const first = head.dataset.sort === "number" ? -1 : 1;
        sort(table, column, now && now.column === column ? -now.direction : first);
      }));
    });
    const now = sorted.get(table.id);
    if (now && all("thead th", table)[now.column]) sort(table, now.column, now.direction);
  };

  // ---- charts

  const show = (figure) => {
    const hidden = off.get(figure.id) || new Set();
    all(".plot [data-series]", figure).forEach((group) => {
      group.classList.toggle("off", hidden.has(group.dataset.series));
    });
    all(".legend button", figure).forEach((button) => {
      button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.series)));
    });
  };

  const legend = (figure) => {
    const drawn = new Set(all(".plot [data-series]", figure).map((group) => group.dataset.series));
    all(".legend li", figure).forEach((item, place) => {
      const series = item.dataset.series;
      if (!drawn.has(series)) return;
      const button = document.createElement("button");
      button.type = "button";
      button.id = `${figure.id}-series-${place}`;
      button.dataset.series = series;
      button.append(...item.childNodes);
      item.append(button);
      button.addEventListener("click", guarded(() => {
        const hidden = off.get(figure.id) || new Set();
        if (!hidden.delete(series)) hidden.add(series);
        off.set(figure.id, hidden);
        show(figure);
      }));
    });
    show(figure);
  };

  const readable = (figure) => {
    const holder = figure.querySelector("script.data");
    const svg = figure.querySelector(".plot svg");
    const drawing = figure.querySelector(".drawing");
    const readout = figure.querySelector(".readout");
    if (!holder || !svg || !readout) return;
    // It would pop up over the values; its words are in the heading.
    all("title", svg).forEach((title) => title.remove());
    const data = JSON.parse(holder.textContent);
    const pixels = data.x.pixels;
    if (!pixels.length) return;
    const hint = "Point at the chart, or focus it and press ← or →, to read its values.";
    readout.textContent = hint;
    drawing.tabIndex = 0;
    drawing.setAttribute("role", "group");
    drawing.setAttribute("aria-label", "Values: left and right arrow keys");
    let at = -1;
    let marks = [];

    const clear = () => {
      marks.forEach((mark) => mark.remove());
      marks = [];
    };
    const mark = (name, left, top, colour) => {
      const made = document.createElement("div");
      made.className = name;
      made.style.left = `${left}px`;
      if (top !== null) made.style.top = `${top}px`;
      if (colour) made.style.background = colour;
      drawing.append(made);
      marks.push(made);
    };
    const leave = () => {
      clear();
      at = -1;
      readout.textContent = hint;
    };
    const scale = () => {
      const box = svg.getBoundingClientRect();
      const outer = drawing.getBoundingClientRect();
      const view = svg.viewBox.baseVal;
      const width = view && view.width ? view.width : box.width;
      return { factor: box.width / width, left: box.left - outer.left, top: box.top - outer.top, box };
    };
    const tell = (place) => {
      at = Math.max(0, Math.min(pixels.length - 1, place));
      clear();
      const { factor, left, top } = scale();
      const x = left + pixels[at] * factor;
      mark("cursor", x, null, null);
      const hidden = off.get(figure.id) || new Set();
      const parts = [document.createElement("span")];
      parts[0].textContent = `${data.x.label} ${data.x.text[at]}`;
      const swatches = new Map(all(".legend [data-series]", figure).map((item) => [item.dataset.series, item.querySelector("i")]));
      (data.series || []).forEach((series) => {
        const text = series.text[at];
        if (hidden.has(series.name) || text === null || text === undefined || text === "") return;
        const swatch = swatches.get(series.name);
        const colour = swatch ? swatch.style.background : series.colour;
        const y = series.pixels ? series.pixels[at] : null;
        if (typeof y === "number") mark("dot-at", x, top + y * factor, colour);
        const part = document.createElement("span");
        const square = document.createElement("i");
        square.style.background = colour;
        part.append(square, `${series.name} ${text}`);
        parts.push(part);
      });
      readout.replaceChildren(...parts.flatMap((part) => [part, " "]));
    };
    const nearest = (clientX) => {
      const { factor, box } = scale();
      const x = (clientX - box.left) / factor;
      let best = 0;
      pixels.forEach((pixel, place) => {
        if (Math.abs(pixel - x) < Math.abs(pixels[best] - x)) best = place;
      });
      return best;
    };
    drawing.addEventListener("pointermove", guarded((event) => tell(nearest(event.clientX))));
    drawing.addEventListener("pointerdown", guarded((event) => tell(nearest(event.clientX))));
    drawing.addEventListener("pointerleave", guarded(() => leave()));
    drawing.addEventListener("blur", guarded(leave));
    drawing.addEventListener("keydown", guarded((event) => {
      const last = pixels.length - 1;
      const page = Math.max(1, Math.round(pixels.length / 10));
      const from = at < 0 ? null : at;
      const places = {
        ArrowRight: from === null ? 0 : from + 1,
        ArrowLeft: from === null ? last : from - 1,
        PageUp: (from || 0) + page,
        PageDown: (from === null ? last : from) - page,
        Home: 0,
        End: last,
      };
      if (event.key === "Escape") leave();
      if (!(event.key in places) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      tell(places[event.key]);
    }));
    // After a replacement, for who was reading it.
    figure.readAgain = (place) => tell(place);
    figure.readsAt = () => at;
  };

  const enhance = (root) => {
    all("table.sortable", root).forEach(guarded(sortable));
    all("figure", root).forEach(guarded((figure) => {
      legend(figure);
      readable(figure);
    }));
  };

  // ---- theme

  const theme = () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const key = "gander-theme";
    const isDark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
    const label = () => {
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `${button.textContent} colours`);
    };
    try {
      const kept = window.localStorage.getItem(key);
      if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
    } catch (error) {
      // A page from a file may have no storage.
    }
    label();
    button.hidden = false;
    system.addEventListener("change", guarded(label));
    button.addEventListener("click", guarded(() => {
      const next = isDark() ? "light" : "dark";
      document.documentElement.dataset.theme = next;
      label();
      try {
        window.localStorage.setItem(key, next);
      } catch (error) {
        // As above.
      }
    }));
  };

  // ---- where the reader is

  const spy = () => {
    if (!("IntersectionObserver" in window)) return;
    const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
    const visible = new Set();
    const observer = new IntersectionObserver(guarded((entries) => {
      entries.forEach((entry) => visible[entry.isIntersecting ? "add" : "delete"](entry.target.id));
      const first = all("main > section").find((section) => visible.has(section.id));
      links.forEach((link, id) => {
        if (first && id === first.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    }), { rootMargin: "-15% 0px -70% 0px" });
    all("main > section").forEach((section) => observer.observe(section));
  };

  // ---- paper

  const paper = () => {
    let opened = [];
    window.addEventListener("beforeprint", guarded(() => {
      opened = all("details:not([open])");
      opened.forEach((one) => { one.open = true; });
    }));
    window.addEventListener("afterprint", guarded(() => {
      opened.forEach((one) => { one.open = false; });
      opened = [];
    }));
  };

  // ---- a run in progress

  const replace = (id, html) => {
    const section = document.getElementById(id);
    if (!section) return;
    const open = all("details[open]", section).map((one) => one.id);
    const scrolled = all("[id]", section).filter((one) => one.scrollLeft || one.scrollTop);
    const places = scrolled.map((one) => [one.id, one.scrollLeft, one.scrollTop]);
    const read = all("figure", section).map((figure) => [figure.id, figure.readsAt ? figure.readsAt() : -1]);
    const active = document.activeElement;
    const focus = active && section.contains(active) ? active.id : null;
    section.innerHTML = html;
    section.hidden = html === "";
    const link = document.querySelector(`nav a[href="#${id}"]`);
    if (link) link.parentElement.hidden = section.hidden;
    enhance(section);
    open.forEach((one) => {
      const found = document.getElementById(one);
      if (found) found.open = true;
    });
    places.forEach(([one, left, top]) => {
      const found = document.getElementById(one);
      if (found) found.scrollTo({ left, top, behavior: "instant" });
    });
    if (focus) {
      const found = document.getElementById(focus);
      if (found) found.focus({ preventScroll: true });
    }
    read.forEach(([one, at]) => {
      const figure = document.getElementById(one);
      if (at >= 0 && figure && figure.readAgain) figure.readAgain(at);
    });
  };

  const live = () => {
    const bar = document.getElementById("live");
    if (!bar) return;
    const text = document.getElementById("live-text");
    const stop = document.getElementById("stop");
    const shown = new Map();
    let isOver = false;
    let isStopping = false;
    const say = (words, name) => {
      if (text.textContent !== words) text.textContent = words;
      bar.className = name;
    };
    const source = new EventSource(bar.dataset.events);
    source.addEventListener("open", guarded(() => {
      if (!isOver) say(isStopping ? "stopping: iterations under way may finish" : "live", "");
    }));
    source.addEventListener("error", guarded(() => {
      if (!isOver) say("no connection to the run; trying again", "lost");
    }));
    source.addEventListener("message", guarded((event) => {
      const told = JSON.parse(event.data);
      Object.entries(told.sections || {}).forEach(guarded(([id, html]) => {
        if (shown.get(id) === html) return;
        shown.set(id, html);
        replace(id, html);
      }));
      const word = document.querySelector("h1 .word");
      if (word) document.title = document.title.replace(/^[^·]*/, `${word.textContent} `);
      if (told.over) {
        isOver = true;
        source.close();
        stop.disabled = true;
        say("the run is over", "over");
      }
    }));
    bar.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      guarded(() => {
        isStopping = true;
        stop.disabled = true;
        say("stopping: iterations under way may finish", "");
        const failed = () => {
          isStopping = false;
          stop.disabled = isOver;
          if (!isOver) say("the run could not be told to stop; try again", "lost");
        };
        fetch(event.target.action, { method: "POST" }).then((reply) => {
          if (!reply.ok) failed();
        }, failed);
      })();
    });
  };

  [theme, () => enhance(document), spy, paper, live].forEach((part) => guarded(part)());
})();
