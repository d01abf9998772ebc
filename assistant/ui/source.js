// Runs once, as the source panel's js_on_load; `element`, `props` and `server` come from Gradio.
// Any button with data-article opens its article here; a marker shows its quote at the pointer.

let opener = null;
let asked = 0;

async function open(button) {
  const { article, start, end, quote } = button.dataset;
  const mine = ++asked;
  // As in drawer.css: beside a source there is room for the drawer on wide screens only.
  if (!matchMedia("(min-width: 96rem)").matches) document.querySelector("#bar .toggle[aria-expanded=true]")?.click();
  opener = button;
  hideTip();
  element.setAttribute("aria-busy", "true");
  let shown;
  try {
    shown = await server.open_source({ article, start: Number(start), end: Number(end), quote });
  } catch (error) {
    shown =
      '<section class="source"><header><h2 id="source-title" tabindex="-1">Source</h2>' +
      '<button type="button" class="close">Close</button></header>' +
      '<div class="source-body"><p class="note">The source could not be fetched. Please try again.</p></div></section>';
  }
  // Another one may have been asked for in the meantime.
  if (mine !== asked) return;
  props.value = shown;
  element.removeAttribute("aria-busy");
  setTimeout(reveal, 0);
}

// As in page.css: on a small screen the panel covers the page, which must then not be reached behind it.
function cover(on) {
  const covers = on && getComputedStyle(document.querySelector("#source")).position === "fixed";
  document.querySelector("#main").inert = covers;
}
window.addEventListener("resize", () => cover(Boolean(element.querySelector(".source"))));

function reveal() {
  const body = element.querySelector(".source-body");
  if (!body) return;
  cover(true);
  const mark = body.querySelector("mark");
  body.scrollTop = 0;
  if (mark) body.scrollTop = mark.getBoundingClientRect().top - body.getBoundingClientRect().top - body.clientHeight / 3;
  (mark || element.querySelector("#source-title")).focus({ preventScroll: true });
}

function close() {
  asked += 1;
  props.value = "";
  cover(false);
  if (opener?.isConnected) opener.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-article]");
  if (button) open(button);
  else if (event.target.closest?.("#source .close")) close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.target.closest?.("#drawer")) return;
  if (!tip.hidden) hideTip();
  else if (element.querySelector(".source")) close();
});

// The quote at the pointer or the focused marker.
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
tip.setAttribute("role", "tooltip");
element.closest(".gradio-container").append(tip);

function showTip(button) {
  const about = document.createElement("strong");
  const quote = document.createElement("span");
  about.textContent = button.dataset.about;
  quote.textContent = "“" + button.dataset.quote + "”";
  tip.replaceChildren(about, quote);
  tip.hidden = false;
  const at = button.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left - 24), document.documentElement.clientWidth - tip.offsetWidth - 8);
  const below = at.bottom + 6 + tip.offsetHeight < window.innerHeight;
  tip.style.left = Math.max(8, left) + "px";
  tip.style.top = (below ? at.bottom + 6 : at.top - tip.offsetHeight - 6) + "px";
  button.setAttribute("aria-describedby", "tip");
}

function hideTip() {
  tip.hidden = true;
  document.querySelector("[aria-describedby=tip]")?.removeAttribute("aria-describedby");
}

for (const [on, off] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
  document.addEventListener(on, (event) => {
    const button = event.target.closest?.("button.cite");
    if (button && (on === "mouseover" || button.matches(":focus-visible"))) showTip(button);
  });
  document.addEventListener(off, (event) => {
    if (event.target.closest?.("button.cite")) hideTip();
  });
}
window.addEventListener("scroll", hideTip, { passive: true });
