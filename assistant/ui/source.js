// Runs once, as the source panel's js_on_load; `element`, `props` and `server` come from Gradio.
// It opens sources, shows quotes at the pointer and copies answers.

let opener = null;

async function open(button) {
  const { article, start, end, quote } = button.dataset;
  opener = button;
  hideTip();
  element.setAttribute("aria-busy", "true");
  try {
    props.value = await server.open_source({ article, start: Number(start), end: Number(end), quote });
  } catch (error) {
    props.value = '<section class="source"><p class="note">The source could not be fetched. Please try again.</p></section>';
  }
  element.removeAttribute("aria-busy");
  setTimeout(reveal, 0);
}

function reveal() {
  const source = element.querySelector(".source");
  const heading = element.querySelector("#source-title");
  if (!source) return;
  const mark = source.querySelector("mark");
  if (getComputedStyle(source).overflowY === "auto") {
    const offset = mark ? mark.getBoundingClientRect().top - source.getBoundingClientRect().top : 0;
    source.scrollTop += offset - source.clientHeight / 3;
  } else {
    (mark || source).scrollIntoView({ block: mark ? "center" : "start" });
  }
  (mark || heading)?.focus({ preventScroll: true });
}

function close() {
  props.value = "";
  if (opener?.isConnected) opener.focus();
}

async function copy(button) {
  const text = button.dataset.copy;
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch (error) {
    // Without https a browser offers no clipboard; the old way still works there.
    const area = document.createElement("textarea");
    area.value = text;
    button.after(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
  }
  button.textContent = done ? "Copied" : "Could not copy";
  setTimeout(() => (button.textContent = "Copy with sources"), 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#conversation button, #source button");
  if (!button) return;
  if (button.dataset.article !== undefined) open(button);
  else if (button.classList.contains("close")) close();
  else if (button.dataset.copy !== undefined) copy(button);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
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
