// Runs once, as the conversation's js_on_load; `element` comes from Gradio.
// A new question goes to the top of the window and stays there until the visitor scrolls.
let turns = 0;
let following = false;
for (const kind of ["wheel", "touchmove", "pointerdown"]) {
  window.addEventListener(kind, () => (following = false), { passive: true });
}
new MutationObserver(() => {
  const all = element.querySelectorAll(".turn");
  if (all.length > turns) following = true;
  turns = all.length;
  const last = all[all.length - 1];
  if (!following || !last) return;
  if (turns > 1) last.scrollIntoView({ block: "start" });
  if (!last.querySelector(".waiting, .streaming")) following = false;
}).observe(element, { childList: true, subtree: true, characterData: true });
