// Runs once, as the conversation's js_on_load; `element` and `trigger` come from Gradio.
// The buttons of each exchange, what stays unfolded, and which part of the conversation is in view.

// What the buttons say is done by the server; only copying is done here.
const does = {
  copy: (button) => copy(button),
  retry: ({ at }) => trigger("retry", { at }),
  edit: ({ at }) => {
    trigger("edit", { at });
    document.querySelector("#question textarea").focus();
  },
  vote: ({ at, button }) => trigger("like", { at, helpful: button.dataset.helpful === "true" }),
  revote: ({ at }) => trigger("like", { at, helpful: false }),
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-do]");
  if (button) does[button.dataset.do]({ at: Number(button.dataset.at), button });
});

element.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const reason = form.querySelector("input:checked")?.value ?? null;
  const comment = form.querySelector("textarea").value;
  trigger("like", { at: Number(form.dataset.at), helpful: false, reason, comment, done: true });
});

async function copy({ button }) {
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

// Gradio writes the whole conversation anew with every update, folded.
const unfolded = new Set();
element.addEventListener("click", (event) => {
  const details = event.target.closest("summary")?.parentElement;
  if (!details) return;
  if (details.open) unfolded.delete(details.dataset.keep);
  else unfolded.add(details.dataset.keep);
});

// A new question goes to the top of the window and stays there until the visitor scrolls; a form comes into view.
let turns = 0;
let asking = null;
let following = false;
for (const kind of ["wheel", "touchmove", "pointerdown"]) {
  window.addEventListener(kind, () => (following = false), { passive: true });
}
new MutationObserver(() => {
  for (const details of element.querySelectorAll("details[data-keep]")) {
    details.open = unfolded.has(details.dataset.keep);
  }
  const form = element.querySelector("form.why");
  if (form && form !== asking) form.scrollIntoView({ block: "nearest" });
  asking = form;
  const all = element.querySelectorAll(".turn");
  const last = all[all.length - 1];
  const busy = last?.querySelector(".waiting, .streaming");
  if (busy && !following && all.length !== turns) following = true;
  turns = all.length;
  if (!following || !last) return;
  if (turns > 1) last.scrollIntoView({ block: "start" });
  if (!busy) following = false;
}).observe(element, { childList: true, subtree: true, characterData: true });
