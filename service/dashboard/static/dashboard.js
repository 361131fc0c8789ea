// What makes the pages smoother; every one of them can be read without it. No library but htmx, which does the rest.
(() => {
  "use strict";
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const editing = (element) => element.closest?.("input, textarea, select, [contenteditable]");

  // Times in the reader's zone, UTC on hover.
  const two = (n) => String(n).padStart(2, "0");
  const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const local = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(at)}`;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const ago = (seconds) => {
    const far = Math.abs(seconds);
    if (far < 1) return "just now";
    const [size, unit] = UNITS.find(([each]) => far >= each);
    const said = `${Math.floor(far / size)} ${unit}`;
    return seconds > 0 ? `${said} ago` : `in ${said}`;
  };
  // The server's clock is the one that counts.
  const stamp = one("[data-clock]");
  let ahead = stamp ? Date.now() - new Date(stamp.dateTime) : 0;
  const now = () => Date.now() - ahead;
  const times = (within = document) => {
    for (const each of all("time[data-when]", within)) {
      const at = new Date(each.dateTime);
      if (Number.isNaN(at.valueOf())) continue;
      if (!each.dataset.utc) each.dataset.utc = each.title || each.textContent;
      each.title = each.hasAttribute("data-ago") ? `${local(at)}\n${each.dataset.utc}` : each.dataset.utc;
      const form = each.dataset.when;
      if (form) each.textContent = (form === "day" ? `${MONTHS[at.getMonth()]} ${two(at.getDate())} ` : "") + clock(at).slice(0, form === "second" ? 8 : 5);
      else if (each.hasAttribute("data-due") && now() - at > -1000) each.textContent = "now";
      else each.textContent = each.hasAttribute("data-ago") ? ago((now() - at) / 1000) : local(at);
    }
  };
  const asOf = (moment) => {
    if (!stamp) return;
    stamp.dateTime = moment.toISOString();
    stamp.textContent = clock(moment);
    stamp.title = moment.toISOString().replace("T", " ").slice(0, 19) + " UTC";
  };

  const toast = (text) => {
    const shown = one("#toast");
    shown.textContent = text;
    shown.classList.add("on");
    clearTimeout(toast.timer);
    toast.timer = setTimeout(() => shown.classList.remove("on"), 2200);
  };

  // navigator.clipboard is there over https and on localhost alone.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "unseen";
      (one("dialog[open]") ?? document.body).append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) return toast("It could not be copied: mark it and copy it by hand");
    }
    return toast("Copied");
  };

  // A question unfolds without a script; with one it is asked in a dialog.
  const confirming = (details) => {
    const asking = one(".asking", details);
    if (!asking || details.dataset.made) return;
    details.dataset.made = "yes";
    const dialog = document.createElement("dialog");
    dialog.className = "ask";
    dialog.setAttribute("aria-labelledby", asking.getAttribute("aria-labelledby"));
    dialog.append(...asking.childNodes);
    details.append(dialog);
    asking.remove();
    const summary = one("summary", details);
    // A page that is loaded again in parts keeps its buttons, and brings questions anew.
    summary.onclick = (event) => {
      event.preventDefault();
      details.open = true;
      dialog.showModal();
    };
    dialog.addEventListener("close", () => { details.open = false; });
    const cancel = one("[data-cancel]", dialog);
    if (cancel) {
      cancel.hidden = false;
      cancel.addEventListener("click", () => dialog.close());
    }
  };

  // A plot says the value under the pointer, and of the point that the arrow keys lead to.
  const plots = (within) => {
    for (const canvas of all(".canvas", within)) {
      if (canvas.dataset.made) continue;
      canvas.dataset.made = "yes";
      const points = all(".at", canvas);
      const value = one(".value", canvas.parentElement);
      let at = -1;
      const show = (n) => {
        points[at]?.classList.remove("on");
        at = n;
        points[at]?.classList.add("on");
        value.textContent = points[at] ? points[at].dataset.said : "";
      };
      // The browser's own hint would come late, and a second time.
      for (const each of points) {
        const title = one("title", each);
        each.dataset.said = title.textContent;
        title.remove();
      }
      canvas.addEventListener("pointermove", (event) => {
        const box = canvas.getBoundingClientRect();
        show(Math.max(0, Math.min(points.length - 1, Math.floor(((event.clientX - box.left) / box.width) * points.length))));
      });
      canvas.addEventListener("pointerleave", () => show(-1));
      canvas.addEventListener("blur", () => show(-1));
      canvas.addEventListener("keydown", (event) => {
        const to = { ArrowLeft: at < 0 ? points.length - 1 : at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        show(Math.max(0, Math.min(points.length - 1, to)));
      });
    }
  };

  // What needs a script is shown where there is one.
  const reveal = (within) => {
    for (const each of all("[data-copy], [data-copy-field], [data-copy-below], [data-keys], [data-find-key], [data-theme-switch]", within)) each.hidden = false;
  };
  // Rows of a choice that hold what is typed; those that are chosen stay.
  const narrowing = (within) => {
    for (const each of all("[data-narrow]", within)) {
      if (each.dataset.made) continue;
      each.dataset.made = "yes";
      each.hidden = false;
      const of = one(each.dataset.narrow);
      one("input", each).addEventListener("input", (event) => {
        const wanted = event.target.value.trim().toLowerCase();
        for (const row of all("[data-words]", of)) row.hidden = !row.dataset.words.includes(wanted) && !one("input:checked:enabled", row);
        for (const group of all(".group", of)) group.hidden = !one("[data-words]:not([hidden])", group);
        const none = of.nextElementSibling;
        if (none) none.hidden = Boolean(one("[data-words]:not([hidden])", of));
      });
    }
  };
  // What is done to what is ticked waits for something that is.
  const needing = (form) => {
    for (const button of all(".bulk button", form)) button.disabled = !one("input:checked", form);
  };
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-needs-ticked]");
    if (form) needing(form);
  });
  // A browser that goes back ticks again what was ticked.
  addEventListener("pageshow", () => all("form[data-needs-ticked]").forEach(needing));
  const made = (within = document) => {
    all("form[data-needs-ticked]", within).forEach(needing);
    narrowing(within);
    times(within);
    plots(within);
    reveal(within);
    all("details.confirm", within).forEach(confirming);
  };

  // The palette.
  const palette = one("#palette");
  const text = one("#palette-text");
  const found = one("#palette-found");
  let asked = 0;
  const choices = () => all("a", found);
  const choose = (n) => {
    const links = choices();
    text.setAttribute("aria-expanded", String(links.length > 0));
    links.forEach((link, index) => link.setAttribute("aria-selected", String(index === n)));
    links[n]?.scrollIntoView({ block: "nearest" });
    text.setAttribute("aria-activedescendant", links[n]?.id ?? "");
  };
  const chosen = () => choices().findIndex((link) => link.getAttribute("aria-selected") === "true");
  const look = async () => {
    const turn = ++asked;
    const url = new URL(document.body.dataset.palette, location.href);
    url.searchParams.set("text", text.value.trim());
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true", "HX-Target": "div#palette-found" } });
      if (answer.status === 401) location.reload();
      const body = answer.ok ? await answer.text() : "<p>Nothing could be looked for just now.</p>";
      if (turn !== asked) return;
      found.innerHTML = body;
      choose(0);
    } catch {
      if (turn === asked) found.innerHTML = "<p>The server does not answer.</p>";
    }
  };
  const openPalette = () => {
    if (!palette || palette.open) return;
    text.value = "";
    palette.showModal();
    text.focus();
    look();
  };
  if (palette) {
    let waiting;
    text.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(look, 120);
    });
    text.addEventListener("keydown", (event) => {
      const links = choices();
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        choose((chosen() + step + links.length) % Math.max(links.length, 1));
      } else if (event.key === "Enter") {
        event.preventDefault();
        links[chosen()]?.click();
      } else if (event.key === "Escape") {
        event.preventDefault();
        palette.close();
      }
    });
    palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
  }

  // Light or dark: the cookie lets the server draw the next page in it at once.
  const theme = () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `hooklake_theme=${root.dataset.theme}; path=/dashboard; max-age=31536000; samesite=lax`;
  };

  // Keys: `g` and a letter, rows by j and k.
  let led = 0;
  const row = (step) => {
    const rows = all("main .table tbody tr").filter((each) => one("a", each));
    if (!rows.length) return;
    const at = rows.findIndex((each) => each.classList.contains("at"));
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
    rows[at]?.classList.remove("at");
    next.classList.add("at");
    one("a", next).focus();
  };
  const KEYS = {
    "?": () => one("#keys")?.showModal(),
    "/": openPalette,
    p: () => one("[data-pause]:not([hidden])")?.click(),
    j: () => row(1),
    k: () => row(-1),
  };
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || editing(event.target) || one("dialog[open]")) return;
    if (Date.now() - led < 1200) {
      led = 0;
      const link = one(`.side a[data-key="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        link.click();
      }
      return;
    }
    if (event.key === "g") led = Date.now();
    else if (KEYS[event.key]) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });
  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest?.(selector);
    let button;
    if ((button = hit("[data-copy]"))) copy(button.dataset.copy);
    else if ((button = hit("[data-copy-field]"))) copy(one(`#${CSS.escape(button.dataset.copyField)}`).value);
    else if ((button = hit("[data-copy-below]"))) copy(one("pre", button.parentElement).textContent);
    else if (hit("[data-find]") && palette && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      openPalette();
    }
    else if (hit("[data-keys]")) KEYS["?"]();
    else if (hit("[data-theme-switch]")) theme();
  });

  // Live: one switch, which is honoured by the stream, by tabs that were hidden, and after every reconnection.
  const live = one("#live");
  const pause = one("[data-pause]");
  const parts = (kind) => all(kind ? `[data-live="${kind}"]` : "[data-live]");
  const isPaused = () => localStorage.getItem("hooklake_paused") === "yes";
  let connection = null;
  let connected = false;
  const told = () => {
    pause.hidden = false;
    pause.setAttribute("aria-pressed", String(isPaused()));
    const words = isPaused() ? "Resume live updates" : "Pause live updates";
    pause.title = one(".unseen", pause).textContent = words;
    one("use", pause).setAttribute("href", one("use", pause).getAttribute("href").replace(/#.*/, isPaused() ? "#play" : "#pause"));
    const shown = one("#stamp").classList;
    shown.toggle("paused", isPaused());
    shown.toggle("live", !isPaused() && connection !== null);
  };
  const start = () => { if (!isPaused()) htmx.trigger(live, "start"); };
  const stop = () => {
    connection?.reader?.cancel();
    connection?.abortController?.abort();
  };
  // What somebody has just asked for here: what becomes of it is shown as it happens, and makes the sentence of it an old one.
  const said = one("main > .said[data-of]");
  const of = said?.dataset.of;
  const latest = () => all("[data-latest]").map((each) => each.dataset.latest).join();
  const before = latest();
  const counts = (part, news) => {
    const { webhook, event } = part.dataset;
    if (event) return [0, 0, news.attempts.filter((each) => each.event === event).length];
    if (webhook) return news.webhooks[webhook] ?? [0, 0, 0];
    return [news.delivered, news.failed, news.retried];
  };
  // One link says what is new, for all of a page: the first of its parts that has any.
  const offer = (part, found) => {
    part.count = (part.count ?? 0) + found;
    const link = one("#news");
    const first = parts("fresh").find((each) => each.count !== undefined);
    if (part !== first) return;
    const many = first.count;
    // The rest has no room on a phone.
    const [brief, rest] = many ? [`${many.toLocaleString("en")} new`, ` attempt${many === 1 ? "" : "s"}, show`] : ["New", " things, show"];
    const more = document.createElement("span");
    more.textContent = rest;
    link.replaceChildren(brief, more);
    link.href = first.dataset.path;
    link.hidden = false;
    // A place on this very page would only be jumped to.
    link.onclick = (event) => {
      if (link.pathname + link.search !== location.pathname + location.search) return;
      event.preventDefault();
      history.replaceState(null, "", link.href);
      location.reload();
    };
  };
  // A list that was loaded again shows what was offered.
  const caught = () => {
    for (const part of parts("fresh")) {
      const shown = one("[data-latest]", part.closest('[data-live="again"]') ?? part)?.dataset.latest;
      if (part.shown !== undefined && part.shown !== shown) {
        delete part.count;
        one("#news").hidden = true;
      }
      part.shown = shown;
    }
  };
  const again = (part) => {
    const wait = Math.max(0, (part.next ?? 0) - Date.now());
    clearTimeout(part.timer);
    part.timer = setTimeout(() => {
      part.next = Date.now() + 1000 * (part.dataset.every ?? 3);
      if (!isPaused()) htmx.trigger(part, "again");
    }, wait);
  };
  const happened = (news) => {
    asOf(new Date(news.at));
    for (const part of parts()) {
      const found = counts(part, news);
      const sum = found[0] + found[1] + found[2];
      if (!sum) continue;
      const kind = part.dataset.live;
      if (kind === "fresh") {
        const own = of ? news.attempts.filter((each) => each.event === of).length : 0;
        if (sum > own) offer(part, "vague" in part.dataset ? 0 : sum - own);
      }
      else if (kind === "again") again(part);
      else {
        // "10,000+" and "1.2M" are no numbers to add to.
        const shown = part.textContent.trim();
        const more = found[["delivered", "failed", "retried"].indexOf(kind)];
        if (more && /^[\d,]+$/.test(shown)) part.textContent = (Number(shown.replaceAll(",", "")) + more).toLocaleString("en");
      }
    }
  };
  const missed = () => {
    for (const part of parts("fresh")) offer(part, 0);
    for (const part of parts("again")) again(part);
  };
  if (live && pause && parts().length) {
    live.addEventListener("happened", (event) => happened(JSON.parse(event.detail.data)));
    live.addEventListener("missed", missed);
    live.addEventListener("alive", (event) => {
      asOf(new Date(event.detail.data));
      // What is of everything changes also while nothing happens.
      for (const part of parts("again")) if (part.dataset.every) again(part);
    });
    live.addEventListener("htmx:sse:before:connection", (event) => {
      if (isPaused()) event.detail.connection.cancelled = true;
    });
    live.addEventListener("htmx:sse:after:connection", (event) => {
      // What happened while the page was on its way to the reader was told to nobody.
      if (of && !connected) for (const part of parts("again")) if (part.dataset.event === of) again(part);
      connected = true;
      connection = event.detail.connection;
      told();
    });
    live.addEventListener("htmx:sse:close", () => {
      connection = null;
      told();
    });
    live.addEventListener("htmx:sse:error", (event) => {
      // Whoever is signed out is led to sign in.
      if (event.detail.status === 401) location.reload();
    });
    pause.addEventListener("click", () => {
      localStorage.setItem("hooklake_paused", isPaused() ? "no" : "yes");
      told();
      if (isPaused()) stop();
      else {
        missed();
        start();
      }
    });
    // Of two tabs the switch of one holds for both.
    addEventListener("storage", () => {
      told();
      if (isPaused()) stop();
      else start();
    });
    told();
    // htmx looks through the page in a turn of its own, which may come before its extension is there: only then it is said what
    // to connect to.
    addEventListener("DOMContentLoaded", () => setTimeout(() => {
      live.setAttribute("hx-sse:connect", live.dataset.connect);
      htmx.process(live);
      start();
    }));
  }

  // What is loaded again leaves alone what somebody has unfolded, is asked, or points at.
  const calm = (old, { newNode }) => {
    if (old.matches?.("figure.plot")) {
      // Its points carry listeners, so that it is another one or the same.
      if (!old.matches(":hover, :focus-within") && !one("details[open]", old)) old.replaceChildren(...newNode.cloneNode(true).childNodes);
      return false;
    }
    if (old.matches?.("details.confirm")) {
      const dialog = one("dialog", old);
      if (dialog?.open) return false;
      // A question names numbers, which may be others by now: it is as it came, until it is made again.
      if (dialog) {
        const asking = document.createElement("div");
        asking.className = "asking";
        asking.append(...dialog.childNodes);
        dialog.replaceWith(asking);
        delete old.dataset.made;
      }
    } else if (old.matches?.("details")) newNode.open = old.open;
    return true;
  };
  window.htmx?.registerExtension("calm", { htmx_before_morph_node: calm });
  document.addEventListener("htmx:after:swap", () => {
    made();
    if (said && latest() !== before) said.remove();
    caught();
  });
  caught();
  made();
  if (stamp) asOf(new Date(stamp.dateTime));
  setInterval(times, 10000);
})();
