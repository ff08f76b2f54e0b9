// The back office's few behaviours: copy an id, send a form once, follow the amount of a refund.
"use strict";

// Words in the reader's language stand in the page (templates/admin/base.html).
const say = (name, english) => document.getElementById("bo-words")?.dataset[name] || english;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  event.preventDefault();
  const done = () => {
    button.dataset.copied = say("copied", "copied");
    button.classList.add("bo-copied");
    setTimeout(() => button.classList.remove("bo-copied"), 1500);
  };
  if (navigator.clipboard) navigator.clipboard.writeText(button.dataset.copy).then(done);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !("once" in form.dataset)) return;
  if (form.dataset.once === "sent") {
    event.preventDefault();
    return;
  }
  form.dataset.once = "sent";
  const button = form.querySelector("button[type=submit]");
  if (button) {
    button.setAttribute("aria-busy", "true");
    button.classList.add("bo-busy");
  }
});

// A page that comes back from the browser's history can be sent again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("form[data-once]").forEach((form) => {
    form.dataset.once = "";
    form.querySelectorAll(".bo-busy").forEach((button) => button.classList.remove("bo-busy"));
  });
});

// Whole minor units of what was typed, or null: the server decides, this only shows.
function minor(text, exponent) {
  const match = /^(\d{1,12})(?:\.(\d+))?$/.exec(text.trim());
  if (!match || (match[2] || "").length > exponent) return null;
  return Number(match[1] + (match[2] || "").padEnd(exponent, "0"));
}

function words(amount, exponent, currency) {
  const digits = String(Math.abs(amount)).padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent).replace(/\B(?=(\d{3})+$)/g, ",");
  return whole + (exponent ? "." + digits.slice(-exponent) : "") + " " + currency;
}

// What `units` more of a line come to, after those that were taken: the largest remainder first, as the server splits.
function worth(field) {
  const of = (name) => BigInt(field.dataset[name]);
  const units = of("taken") + BigInt(field.value || 0);
  const share = (of("total") * units) / of("quantity");
  const rest = (of("total") * units) % of("quantity");
  return Number(share + (rest && rest * 2n >= of("quantity") ? 1n : 0n) - of("takenMinor"));
}

// The refund form: one way to say how much is open, and what it comes to stands on the button and in the X-ray.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-xray]");
  if (!form) return;
  const { currency } = form.dataset;
  const exponent = Number(form.dataset.exponent);
  const field = form.elements.namedItem("amount");
  const lines = [...form.querySelectorAll("[data-quantity]")];
  const chosen = (name) => (form.querySelector(`input[name=${name}]:checked`) || {}).value || "";
  const wanted = (left) => {
    if (chosen("by") === "all") return left;
    if (chosen("by") !== "lines") return minor(field.value, exponent);
    if (!lines.every((line) => line.checkValidity())) return null;
    return lines.reduce((sum, line) => sum + worth(line), 0);
  };
  const show = () => {
    const ofOrder = chosen("scope") === "order";
    const left = Number(ofOrder ? form.dataset.leftOfOrder : form.dataset.left);
    const amount = wanted(left);
    const known = amount !== null && amount > 0 && amount <= left;
    form.querySelectorAll("[data-panel]").forEach((panel) => {
      panel.hidden = panel.dataset.panel !== chosen("by");
    });
    form.querySelector("[data-amount]").textContent = known ? words(amount, exponent, currency) : "";
    form.querySelector("[data-all]").textContent = words(left, exponent, currency);
    form.querySelector("[data-needs-approval]").hidden =
      !known || form.dataset.alone === "" || amount <= Number(form.dataset.alone);
    document.querySelectorAll("[data-effect]").forEach((row) => {
      const now = Number(ofOrder ? row.dataset.effectOfOrder : row.dataset.effect);
      row.querySelector("[data-now]").textContent = words(now, exponent, currency);
      const after = now + Number(row.dataset.sign) * (known ? amount : 0);
      row.querySelector("output").textContent = known ? words(after, exponent, currency) : "–";
    });
  };
  document.querySelectorAll("[data-after]").forEach((title) => {
    title.textContent = say("after", "After");
  });
  form.addEventListener("input", show);
  form.addEventListener("change", show);
  show();
});

// How long a refund can still be taken back: by the server's count, in a place that is kept free for it.
document.addEventListener("DOMContentLoaded", () => {
  const opened = performance.now();
  document.querySelectorAll("[data-seconds]").forEach((box) => {
    const said = box.querySelector("[data-left]");
    const tick = () => {
      const left = Math.ceil(Number(box.dataset.seconds) - (performance.now() - opened) / 1000);
      said.textContent =
        left > 0 ? say("secondsLeft", "%(count)s s left").replace("%(count)s", left) : say("over", "The time is over");
      box.querySelector("button").disabled = left <= 0;
      if (left > 0) setTimeout(tick, 250);
    };
    tick();
  });
});

// A page that waits for work looks every second, tells how far it is, and shows itself anew when that has moved on.
document.addEventListener("DOMContentLoaded", () => {
  const waiting = document.querySelector("[data-progress]");
  if (!waiting) return;
  const bar = waiting.querySelector("progress");
  const ask = async () => {
    const answer = await fetch(waiting.dataset.progress, { headers: { accept: "application/json" } });
    return answer.ok ? answer.json() : null;
  };
  const look = async () => {
    const work = await ask().catch(() => null);
    if (work && work.status !== waiting.dataset.status) {
      window.location.reload();
      return;
    }
    if (work) waiting.querySelector("[data-progress-words]").textContent = work.said;
    if (work && bar && work.all) bar.max = work.all;
    if (work && bar && work.all === null) bar.removeAttribute("value");
    else if (work && bar) bar.value = work.done;
    setTimeout(look, work ? 1000 : 5000);
  };
  setTimeout(look, 1000);
});

// Days that are asked for often are filled in: what else was chosen stays chosen.
document.addEventListener("click", (event) => {
  const preset = event.target.closest("[data-first]");
  const form = preset && preset.closest("form");
  if (!form) return;
  event.preventDefault();
  form.elements.namedItem("first_day").value = preset.dataset.first;
  form.elements.namedItem("last_day").value = preset.dataset.last;
  form.querySelectorAll("[data-first]").forEach((one) => one.removeAttribute("aria-current"));
  preset.setAttribute("aria-current", "true");
});

// A file that is too large is refused before it is sent. The frame expects fields of its own around one: it is not told.
document.addEventListener(
  "change",
  (event) => {
    const most = Number(event.target.dataset?.most);
    if (!most) return;
    event.stopPropagation();
    const large = event.target.files.length && event.target.files[0].size > most;
    const words = say("tooLarge", "The file is larger than %(count)s MB. Split it.");
    event.target.setCustomValidity(large ? words.replace("%(count)s", Math.floor(most / 1e6)) : "");
    event.target.reportValidity();
  },
  true,
);

// The frame's toggles are plain elements that listen for clicks: make them buttons for keyboards and screen readers.
document.addEventListener("DOMContentLoaded", () => {
  const names = { dock_to_right: say("menu", "Menu"), unfold_more: say("account", "Account") };
  document.querySelectorAll("[x-on\\:click]").forEach((element) => {
    if (element.matches("[data-backdrop], button, input, select, textarea, summary, a[href]")) return;
    element.tabIndex = 0;
    element.setAttribute("role", "button");
    const name = names[element.textContent.trim()];
    if (name) element.setAttribute("aria-label", name);
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      element.click();
    });
  });
});

// The panel of filters is a dialog: focus goes in when it opens, stays in, and comes back when it closes.
function followFilters(open) {
  const panel = document.getElementById("changelist-filter");
  const opener = document.getElementById("filters-open");
  if (open) {
    requestAnimationFrame(() => panel.querySelector(".bo-close").focus());
  } else if (panel.contains(document.activeElement) || document.activeElement === document.body) {
    opener.focus();
  }
}
window.followFilters = followFilters;

document.addEventListener("keydown", (event) => {
  const panel = document.getElementById("changelist-filter");
  if (event.key !== "Tab" || !panel || !panel.contains(document.activeElement)) return;
  const stops = [...panel.querySelectorAll("a[href], button")].filter((stop) => stop.offsetParent !== null);
  const end = event.shiftKey ? stops[0] : stops[stops.length - 1];
  if (document.activeElement !== end) return;
  event.preventDefault();
  (event.shiftKey ? stops[stops.length - 1] : stops[0]).focus();
});

// The frame's scrolling parts all call themselves the same: say which is which.
window.addEventListener("load", () => {
  document.querySelectorAll(".simplebar-content-wrapper[role=region]").forEach((region) => {
    region.setAttribute("aria-label", region.closest("nav") ? say("entries", "Entries of the menu") : say("rows", "Rows"));
  });
});

// The search box is reached by "/", from anywhere but another field; arrows go from it through what was found.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const box = document.querySelector("[data-search]");
  const at = event.target;
  if (event.key === "/" && box && !at.closest("input, textarea, select, [contenteditable]")) {
    event.preventDefault();
    box.focus();
    box.select();
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [box, ...document.querySelectorAll("[data-hit]")];
  const here = stops.indexOf(at);
  const next = stops[here + (event.key === "ArrowDown" ? 1 : -1)];
  if (here < 0 || !next) return;
  event.preventDefault();
  next.focus();
});
