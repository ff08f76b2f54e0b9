// Brings the page of uptime up to date while somebody looks at it.
"use strict";

const EVERY = 10000;
// Asking counts as being there: whoever has gone away is signed out in the end, as on every other page.
const AWAY = 15 * 60000;

const live = document.querySelector("[data-live]");
const button = document.querySelector("[data-pause]");
let paused = false;
let seen = Date.now();

function show() {
  button.textContent = paused ? button.dataset.paused : button.dataset.running;
  button.hidden = false;
}

async function renew() {
  if (!paused && Date.now() - seen > AWAY) {
    paused = true;
    show();
  }
  if (paused || document.hidden || live.contains(document.activeElement)) return;
  try {
    const answer = await fetch(window.location.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (fresh && !paused) live.replaceChildren(...fresh.childNodes);
    else if (answer.redirected) window.location.reload();
  } catch {
    // The server does not answer: what stands there says as of when it is.
  }
}

for (const kind of ["pointermove", "keydown", "scroll"]) {
  window.addEventListener(kind, () => { seen = Date.now(); }, { passive: true });
}
button.addEventListener("click", () => {
  paused = !paused;
  show();
});
show();
setInterval(renew, EVERY);
